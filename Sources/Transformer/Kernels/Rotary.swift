import BasicContainers
import Foundation

/// Cosines and sines of the rotary position embedding of all layers.
///
/// Su et al. 2021, arXiv 2104.09864. Angle of position t, pair i of n turned features: t · θ^(−2i/n), the frequencies
/// stretched by ``RopeScaling``. Layers of one ``Rotary`` share a table.
package struct RotaryTable: ~Copyable, Sendable {
  /// The rows of a text that the table covers.
  let rows: Range<Int>
  /// What LongRoPE takes for the length of the sequence.
  let length: Int
  private var angles = UniqueArray<RotaryAngles>()
  /// Of each layer, (L); nil where positions turn nothing.
  private let places: [Int?]
  private let headDim: Int
  /// The original contexts of LongRoPE, beyond which a text has other angles.
  private let limits: [Int]

  /// A table of `positions`, in a sequence of `length` tokens; of as many if nil.
  package init(_ configuration: ModelConfiguration, positions: Int, length: Int? = nil) {
    self.init(
      configuration, first: 0, positions: [Array(0..<positions)], length: length ?? positions)
  }

  /// A table of the rows from `first` on.
  ///
  /// - Parameters:
  ///   - configuration: The model's.
  ///   - first: The place of the first row in its text.
  ///   - positions: Where each row stands: on one axis, (1, rows), or on the three of ``RotarySections``, (3, rows).
  ///   - length: What LongRoPE takes for the length of the sequence.
  package init(
    _ configuration: ModelConfiguration, first: Int, positions: [[Int]], length: Int
  ) {
    rows = first..<first + positions[0].count
    self.length = length
    headDim = configuration.headDim
    var known: [Rotary] = []
    places = configuration.kinds.map { kind in
      guard let rotary = kind.rotary else { return nil }
      if let place = known.firstIndex(of: rotary) { return place }
      known.append(rotary)
      return known.count - 1
    }
    limits = known.compactMap(\.originalPositions)
    for rotary in known {
      angles.append(
        RotaryAngles(rotary, headDim: headDim, positions: positions, length: length))
    }
  }

  /// Whether the angles are also those of a text that has grown to `length` tokens.
  func holds(_ length: Int) -> Bool {
    limits.allSatisfy { self.length > $0 || length <= $0 }
  }

  /// Rotates every head of every row of x (rows, heads·D) by its position as in `layer`; `inverse` turns back,
  /// which is also the gradient.
  package func rotate(
    _ x: inout MutableMatrixView, rows set: RowSet, layer: Int, inverse: Bool = false
  ) {
    precondition(x.rows == set.count, "\(x.rows) rows for \(set)")
    precondition(
      set.tail.upperBound <= rows.upperBound && (rows.lowerBound == 0 || set.sink == 0)
        && set.tail.lowerBound >= rows.lowerBound, "\(set) of the rows \(rows)")
    guard let place = places[layer] else { return }
    angles[place].rotate(
      &x, rows: set, first: rows.lowerBound, headDim: headDim, sign: inverse ? -1 : 1)
  }
}

/// The angles of one ``Rotary``.
struct RotaryAngles: ~Copyable, Sendable {
  /// (rows, turned features / 2) each.
  let cosine: Tensor
  let sine: Tensor
  let isInterleaved: Bool

  init(_ rotary: Rotary, headDim: Int, positions: [[Int]], length: Int) {
    precondition(
      positions.count == 1 || positions.count == 3 && rotary.sections != nil,
      "\(positions.count) axes")
    let frequencies = rotary.frequencies(headDim: headDim, length: length)
    let factor = rotary.scaling?.attentionFactor ?? 1
    isInterleaved = rotary.isInterleaved
    let axes = frequencies.indices.map {
      positions.count == 1 ? positions[0] : positions[rotary.sections?.axis(ofPair: $0) ?? 0]
    }
    var cosine = Tensor(rows: positions[0].count, columns: frequencies.count)
    var sine = Tensor(rows: positions[0].count, columns: frequencies.count)
    do {
      var c = cosine.mutableSpan
      var s = sine.mutableSpan
      for row in positions[0].indices {
        for (i, frequency) in frequencies.enumerated() {
          // Hugging Face forms the angle in float32; so do we, to be equal at long positions.
          let angle = Float(axes[i][row]) * Float(frequency)
          c[row * frequencies.count + i] = Float(cos(Double(angle)) * factor)
          s[row * frequencies.count + i] = Float(sin(Double(angle)) * factor)
        }
      }
    }
    self.cosine = cosine
    self.sine = sine
  }

  func rotate(
    _ x: inout MutableMatrixView, rows set: RowSet, first: Int, headDim: Int, sign: Float
  ) {
    Transformer.rotate(
      &x, rows: set, first: first, cosines: cosine.view, sines: sine.view, headDim: headDim,
      sign: sign, neighbours: isInterleaved)
  }
}

private func rotate(
  _ x: inout MutableMatrixView, rows set: RowSet, first: Int, cosines: MatrixView,
  sines: MatrixView, headDim: Int, sign: Float, neighbours: Bool
) {
  let features = 2 * cosines.columns
  x.parallelRows(rowsPerTask(x.columns)) { rows, block in
    for r in rows {
      let position = (r < set.sink ? r : r - set.sink + set.tail.lowerBound) - first
      for head in 0..<block.columns / headDim {
        let columns = head * headDim..<head * headDim + features
        var one = block.slice(rows: r - rows.lowerBound..<r - rows.lowerBound + 1, columns: columns)
        var values = one.row(0)
        VectorMath.rotate(
          &values, cosine: cosines.row(position), sine: sines.row(position), sign: sign,
          neighbours: neighbours)
      }
    }
  }
}

extension Rotary {
  /// Whether every angle of `positions` positions is a finite number in float32; others have no cosine.
  package func isFinite(headDim: Int, positions: Int) -> Bool {
    let last = Float(max(positions - 1, 1))
    return frequencies(headDim: headDim, length: positions).allSatisfy {
      (last * Float($0)).isFinite
    }
  }

  /// Radians per token of each pair, fastest first, in a sequence of `length` tokens.
  package func frequencies(headDim: Int, length: Int) -> [Double] {
    let turned = features ?? headDim
    let plain = (0..<turned / 2).map { i in pow(theta, -2 * Double(i) / Double(turned)) }
    return scaling?.scaled(plain, theta: theta, length: length) ?? plain
  }
}

extension RopeScaling {
  /// What cosines and sines are multiplied by.
  var attentionFactor: Double {
    switch self {
    case .linear, .llama3: 1
    case .yarn(let yarn): yarn.attentionFactor
    case .longrope(let longrope): longrope.attentionFactor
    }
  }

  /// The frequencies `plain` of the base `theta`, stretched.
  fileprivate func scaled(_ plain: [Double], theta: Double, length: Int) -> [Double] {
    switch self {
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
    case .yarn(let yarn):
      let ramp = yarn.ramp(pairs: plain.count, theta: theta)
      return zip(plain, ramp).map { frequency, share in
        share * frequency / yarn.factor + (1 - share) * frequency
      }
    case .longrope(let longrope):
      let isLong = length > longrope.originalMaxPositions
      let factors = isLong ? longrope.longFactors : longrope.shortFactors
      // Hugging Face divides in float32. A last bit of the fastest pair is a last bit of its angle at position 1,
      // and thousands of them at position 10,000; so we divide as it does.
      return zip(plain, factors).map { Double(1 / (Float($1) * Float(1 / $0))) }
    }
  }
}

extension YarnScaling {
  /// How far each of the pairs is divided, 0…1.
  fileprivate func ramp(pairs: Int, theta: Double) -> [Double] {
    let features = Double(2 * pairs)
    // The pair that turns so often within the original context.
    func pair(turns: Double) -> Double {
      features * log(Double(originalMaxPositions) / (turns * 2 * .pi)) / (2 * log(theta))
    }
    var (low, high) = (pair(turns: betaFast), pair(turns: betaSlow))
    if truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
    (low, high) = (max(low, 0), min(high, features - 1))
    if low == high { high += 0.001 }
    return (0..<pairs).map { min(max((Double($0) - low) / (high - low), 0), 1) }
  }
}
