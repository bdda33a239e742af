import Foundation

/// What the prediction after one position is worth.
package struct PredictionLoss: Sendable {
  /// −log of the probability of the token that follows, in nats, ≥ 0.
  package let negativeLogLikelihood: Double
  /// Kullback-Leibler divergence KL(reference ‖ prediction) over the vocabulary, in nats, ≥ 0 up to the
  /// rounding of float32.
  package let divergence: Double
}

extension DecoderModel {
  /// Losses of the predictions after some rows of final hidden states.
  ///
  /// With logits x of `hidden` and y of `reference`, p = softmax(y):
  ///
  ///     nll = logsumexp(x) − x[target],   KL = Σ p·(y − x) − logsumexp(y) + logsumexp(x)
  ///
  /// Works on a few rows at a time, so that no (rows, V) matrix exists.
  ///
  /// - Parameters:
  ///   - hidden: Final hidden states to judge, (T, C).
  ///   - reference: Those of the model that is taken for right, (T, C).
  ///   - rows: The rows to judge.
  ///   - targets: The token that follows each of `rows`.
  /// - Returns: The losses, in the order of `rows`.
  package func losses(
    _ hidden: borrowing Tensor, reference: borrowing Tensor, rows: [Int], targets: [Int32]
  ) -> [PredictionLoss] {
    precondition(rows.count == targets.count, "\(rows.count) rows, \(targets.count) targets")
    var losses: [PredictionLoss] = []
    for piece in EqualPieces(rows.count, limit: 64).ranges {
      let ours = logits(of: hidden, rows: rows[piece])
      let theirs = logits(of: reference, rows: rows[piece])
      for (row, target) in targets[piece].enumerated() {
        losses.append(
          loss(ours.view.row(row), reference: theirs.view.row(row), target: Int(target)))
      }
    }
    return losses
  }

  private func logits(of hidden: borrowing Tensor, rows: ArraySlice<Int>) -> Tensor {
    var wanted = Tensor(rows: rows.count, columns: hidden.columns)
    for (target, source) in rows.enumerated() { wanted.setRow(target, hidden.view.row(source)) }
    return logits(wanted)
  }

  private func loss(_ x: Span<Float>, reference y: Span<Float>, target: Int) -> PredictionLoss {
    let own = LogSumExp(x)
    let other = LogSumExp(y)
    let moved = other.meanDifference(y, minus: x)
    return PredictionLoss(
      negativeLogLikelihood: own.value - Double(x[target]),
      divergence: moved - other.value + own.value)
  }
}

/// log Σ exp of a row of logits, with the exponentials it came from.
private struct LogSumExp: ~Copyable {
  /// exp(x − max x), (1, V).
  private var exponentials: Tensor
  private let sum: Float
  let value: Double

  init(_ x: Span<Float>) {
    var (maximum, sum) = (-Float.infinity, Float(0))
    var exponentials = Tensor(rows: 1, columns: x.count)
    exponentials.setRow(0, x)
    do {
      var view = exponentials.mutableView
      var row = view.row(0)
      _ = VectorMath.softmaxTile(&row, visible: 0..<x.count, max: &maximum, sum: &sum)
    }
    self.exponentials = exponentials
    self.sum = sum
    value = Double(maximum) + Foundation.log(Double(sum))
  }

  /// Σ p·(y − x) with p the softmax of this row.
  func meanDifference(_ y: Span<Float>, minus x: Span<Float>) -> Double {
    Double(VectorMath.dot(exponentials.view.row(0), y, minus: x)) / Double(sum)
  }
}
