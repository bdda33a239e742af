import BasicContainers
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
          PredictionLoss(
            ours.view.row(row), reference: theirs.view.row(row), target: Int(target)))
      }
    }
    return losses
  }

  /// The same for rows of several samples under one another, (rows, C), whose references are known.
  ///
  /// A row has the same bits in whatever company.
  ///
  /// - Parameters:
  ///   - hidden: Final hidden states to judge.
  ///   - places: For each row the reference and its row there.
  ///   - references: What is taken for right.
  /// - Returns: The losses, in the order of the rows.
  package func losses(
    _ hidden: borrowing Tensor, places: [(reference: Int, row: Int)],
    references: borrowing UniqueArray<ReferencePredictions>
  ) -> [PredictionLoss] {
    precondition(places.count == hidden.rows, "\(places.count) places for \(hidden.rows) rows")
    if hidden.rows <= ProductTiling.few {
      var many = ProductTiling.room(hidden.rows, columns: hidden.columns)
      many.setRows(from: 0, hidden)
      return losses(many.view, places, references)
    }
    return losses(hidden.view, places, references)
  }

  /// The losses of the first of `rows`, as many as there are `places`.
  private func losses(
    _ rows: MatrixView, _ places: [(reference: Int, row: Int)],
    _ references: borrowing UniqueArray<ReferencePredictions>
  ) -> [PredictionLoss] {
    var losses: [PredictionLoss] = []
    // A product packs the output matrix once; 2²⁵ logits at a time are worth it.
    let limit = max(64, (1 << 25) / configuration.vocabulary)
    for piece in EqualPieces(rows.rows, limit: limit).ranges {
      let ours = logits(rows.slice(rows: piece))
      for (row, place) in places[piece.clamped(to: places.indices)].enumerated() {
        losses.append(references[place.reference].loss(ours.view.row(row), row: place.row))
      }
    }
    return losses
  }

  private func logits(of hidden: borrowing Tensor, rows: ArraySlice<Int>) -> Tensor {
    logits(hidden.gathering(Array(rows)))
  }

}

/// The predictions that others are judged by: logits of some rows, and the tokens that follow.
package struct ReferencePredictions: ~Copyable {
  /// (rows, V).
  private let logits: Tensor
  private let targets: [Int32]

  /// The predictions of `decoder` after final hidden states, (rows, C).
  package init(_ decoder: DecoderModel, _ hidden: borrowing Tensor, targets: [Int32]) {
    precondition(hidden.rows == targets.count, "\(hidden.rows) rows, \(targets.count) targets")
    logits = decoder.logits(hidden)
    self.targets = targets
  }

  /// What other logits x (V) of a row are worth.
  fileprivate func loss(_ x: Span<Float>, row: Int) -> PredictionLoss {
    PredictionLoss(x, reference: logits.view.row(row), target: Int(targets[row]))
  }
}

extension PredictionLoss {
  /// What logits x (V) are worth where y are those that are taken for right.
  fileprivate init(_ x: Span<Float>, reference y: Span<Float>, target: Int) {
    let own = LogSumExp(x)
    let other = LogSumExp(y)
    let moved = other.meanDifference(y, minus: x)
    negativeLogLikelihood = own.value - Double(x[target])
    divergence = moved - other.value + own.value
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
