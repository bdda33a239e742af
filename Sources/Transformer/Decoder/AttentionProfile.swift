import Foundation

extension DecoderModel {
  /// How far back each query head looks by its mean query and its mean key alone: (L, H), in 0…1.
  ///
  /// With q̄ and k̄ the means over a text before RoPE, and w the softmax of q̄ at position n − 1 on k̄ at 0…n − 1, the
  /// number is the mean of the running sum of w from position 0 on: Σ w_j (n − j) / n. A head that looks at the present
  /// has 1/n, one that looks everywhere alike (n + 1)/(2n). No text is needed beyond the means. (NVIDIA/kvpress, pull
  /// request 63.)
  ///
  /// - Parameters:
  ///   - text: The text's embeddings, (T, C).
  ///   - distances: Positions of the profile, n ≥ 1.
  /// - Returns: The numbers.
  package func profiles(_ text: ResidualInput, distances: Int) -> [[Double]] {
    precondition(text.count >= 1 && distances >= 1, "\(text.count) tokens, \(distances) positions")
    let all = RowSet.all(text.count)
    let table = RotaryTable(configuration, of: text, first: 0, length: text.length(behind: 0))
    let profile = RotaryTable(configuration, positions: distances)
    var found: [[Double]] = []
    var x = text.x.copy()
    for index in 0..<configuration.layers {
      let layer = self.layer(index, input: all, output: all)
      let output = layer.forward(x.view, table: table) { qkv in
        var mean = layer.means(qkv, table)
        found.append(layer.profile(&mean, distances, profile))
        return layer.attend(qkv, layer.kind.ownVisibility).output()
      }
      x = output.y
      text.add(behind: index, to: &x)
    }
    return found
  }
}

extension DecoderLayer {
  /// The means over rows of queries (1, H·D) and keys (1, K·D) before they were turned by their positions.
  fileprivate func means(
    _ qkv: borrowing QueryKeyValue, _ table: borrowing RotaryTable
  ) -> (q: [Float], k: [Float]) {
    // Cosines and sines may have a factor, which stands in both turns, of the features that turn.
    let factor = Double(kind.rotary?.scaling?.attentionFactor ?? 1)
    let turning = kind.rotary.map { $0.features ?? shape.headDim } ?? 0
    func mean(_ x: borrowing Tensor, _ set: RowSet) -> [Float] {
      var turned = x.copy()
      do {
        var view = turned.mutableView
        table.rotate(&view, rows: set, layer: index, inverse: true)
      }
      var sums = [Double](repeating: 0, count: turned.columns)
      for row in 0..<turned.rows {
        let line = turned.view.row(row)
        for column in sums.indices { sums[column] += Double(line[column]) }
      }
      return sums.enumerated().map { column, sum in
        let isTurning = column % shape.headDim < turning
        return Float(sum / (Double(turned.rows) * (isTurning ? factor * factor : 1)))
      }
    }
    return (mean(qkv.q, output), mean(qkv.k, input))
  }

  /// The mean running sum of each query head's weights, (H).
  fileprivate func profile(
    _ mean: inout (q: [Float], k: [Float]), _ count: Int, _ table: borrowing RotaryTable
  ) -> [Double] {
    var k = Tensor(
      rows: count, columns: mean.k.count,
      values: Array(repeatElement(mean.k, count: count).joined()))
    var q = Tensor(rows: 1, columns: mean.q.count, values: mean.q)
    do {
      var keys = k.mutableView
      var query = q.mutableView
      table.rotate(&keys, rows: .all(count), layer: index)
      table.rotate(&query, rows: RowSet(sink: 0, tail: count - 1..<count), layer: index)
    }
    let (columns, query) = (shape.headDim, q.view.row(0))
    return (0..<shape.queryHeads).map { head in
      let (own, key) = (head * columns, head / shape.group * columns)
      let scores = (0..<count).map { row in
        let line = k.view.row(row)
        return (0..<columns).reduce(0.0) {
          $0 + Double(query[own + $1]) * Double(line[key + $1])
        } * Double(shape.scale)
      }
      let sink = shape.sinks.map { Double($0[head]) }
      let largest = max(scores.max() ?? 0, sink ?? -.infinity)
      let powers = scores.map { exp($0 - largest) }
      let total = powers.reduce(0, +) + (sink.map { exp($0 - largest) } ?? 0)
      return zip(0..., powers).reduce(0) { $0 + $1.1 * Double(count - $1.0) }
        / (total * Double(count))
    }
  }
}
