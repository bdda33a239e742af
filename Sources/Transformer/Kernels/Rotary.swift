import Foundation

/// Cosines and sines of the rotary position embedding.
///
/// Su et al. 2021, arXiv 2104.09864. The half-split (rotate_half) form of Hugging Face: the pair of element i is i + D/2. Angle of
/// position t, pair i: t · θ^(−2i/D), the frequencies stretched by ``RopeScaling``.
package struct RotaryTable: ~Copyable, Sendable {
  /// Positions the table covers.
  let positions: Int
  /// (positions, D/2) each.
  let cosine: Tensor
  let sine: Tensor

  package init(_ configuration: ModelConfiguration, positions: Int) {
    let frequencies = Self.frequencies(configuration)
    self.positions = positions
    var cosine = Tensor(rows: positions, columns: frequencies.count)
    var sine = Tensor(rows: positions, columns: frequencies.count)
    do {
      var c = cosine.mutableSpan
      var s = sine.mutableSpan
      for t in 0..<positions {
        for (i, frequency) in frequencies.enumerated() {
          // Hugging Face forms the angle in float32; so do we, to be equal at long positions.
          let angle = Float(t) * Float(frequency)
          c[t * frequencies.count + i] = Float(cos(Double(angle)))
          s[t * frequencies.count + i] = Float(sin(Double(angle)))
        }
      }
    }
    self.cosine = cosine
    self.sine = sine
  }

  /// Whether every angle of the model's positions is a finite number in float32; others have no cosine.
  package static func isFinite(_ configuration: ModelConfiguration) -> Bool {
    let last = Float(max(configuration.maxPositions - 1, 1))
    return frequencies(configuration).allSatisfy { (last * Float($0)).isFinite }
  }

  /// Radians per token of each pair, fastest first.
  package static func frequencies(_ configuration: ModelConfiguration) -> [Double] {
    let half = configuration.headDim / 2
    let plain = (0..<half).map { i in
      pow(configuration.ropeTheta, -2 * Double(i) / Double(configuration.headDim))
    }
    switch configuration.ropeScaling {
    case nil: return plain
    case .linear(let factor): return plain.map { $0 / factor }
    case .llama3(let factor, let low, let high, let original):
      return plain.map { frequency in
        let wavelength = 2 * Double.pi / frequency
        let turns = Double(original) / wavelength
        if turns < low { return frequency / factor }
        if turns > high { return frequency }
        let smooth = (turns - low) / (high - low)
        return (1 - smooth) * frequency / factor + smooth * frequency
      }
    }
  }
}

/// Rotates every head of every row of x (rows, heads·D) by its position; `inverse` turns back, which
/// is also the gradient.
package func rotate(
  _ x: inout MutableMatrixView, rows set: RowSet, table: borrowing RotaryTable,
  inverse: Bool = false
) {
  precondition(x.rows == set.count, "\(x.rows) rows for \(set)")
  let covered = table.positions
  precondition(set.tail.upperBound <= covered, "\(set) of \(covered) positions")
  rotate(
    &x, rows: set, cosines: table.cosine.view, sines: table.sine.view, sign: inverse ? -1 : 1)
}

private func rotate(
  _ x: inout MutableMatrixView, rows set: RowSet, cosines: MatrixView, sines: MatrixView,
  sign: Float
) {
  let headDim = 2 * cosines.columns
  x.parallelRows(rowsPerTask(x.columns)) { rows, block in
    for r in rows {
      let position = r < set.sink ? r : r - set.sink + set.tail.lowerBound
      for head in 0..<block.columns / headDim {
        let columns = head * headDim..<(head + 1) * headDim
        var one = block.slice(rows: r - rows.lowerBound..<r - rows.lowerBound + 1, columns: columns)
        var values = one.row(0)
        VectorMath.rotate(
          &values, cosine: cosines.row(position), sine: sines.row(position), sign: sign)
      }
    }
  }
}
