import TestSupport
import Transformer

/// Sizes of the reference model, SmolLM2-135M (docs/shapes.md).
enum Reference135M {
  static let configuration = ModelConfiguration(
    modelType: "llama", layers: 30, hidden: 576, feedForward: 1536, queryHeads: 9,
    keyValueHeads: 3, headDim: 64, vocabulary: 49_152, maxPositions: 8192, kind: kind)
  /// The base of its rotary embedding.
  static let theta = 100_000.0

  private static var kind: LayerKind {
    var kind = LayerKind()
    kind.rotary?.theta = theta
    return kind
  }
  static let hidden = configuration.hidden
  static let feedForward = configuration.feedForward
  static let headDim = configuration.headDim
  static let queryWidth = configuration.queryHeads * configuration.headDim
  static let keyWidth = configuration.keyValueHeads * configuration.headDim
  /// Rows of a benchmark, and of the trial that is compared with the oracle.
  static let tokens = 1024
  static let fewTokens = 70
}

extension Tensor {
  /// Random values within ±`scale`, the same for the same seed.
  static func random(_ rows: Int, _ columns: Int, seed: UInt64, scale: Double = 1) -> Tensor {
    var random = TestRandom(seed: seed)
    return Tensor(
      rows: rows, columns: columns,
      values: (0..<rows * columns).map { _ in Float(scale * random.unit()) })
  }

  /// The values for the oracle.
  var matrix: Oracle.Matrix {
    let values = values
    return (0..<rows).map { r in
      values[r * columns..<(r + 1) * columns].map { Double($0) }
    }
  }

  /// A tensor of the same values.
  func duplicate() -> Tensor { Tensor(rows: rows, columns: columns, values: values) }

  /// Replaces all values by those of `other`, of the same shape.
  mutating func assign(_ other: borrowing Tensor) {
    var target = mutableSpan
    let source = other.span
    for i in source.indices { target[i] = source[i] }
  }

  /// Bytes of all values.
  var byteCount: Int { rows * columns * MemoryLayout<Float>.stride }
}

/// What is wrong with a result, in words; nil if nothing is.
func difference(
  _ actual: borrowing Tensor, _ expected: Oracle.Matrix, tolerance: Double
) -> String? {
  difference(actual.values, Array(expected.joined()), tolerance: tolerance)
}
