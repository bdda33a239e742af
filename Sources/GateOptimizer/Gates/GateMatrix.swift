/// One gate per layer and key-value head, (L, K): 1 is full attention, 0 streaming.
///
/// Values are kept as they were read or learned, so that a table survives a round trip; a learned
/// gate can lie slightly outside [0, 1]. What decides anything uses ``clipped``.
public struct GateMatrix: Sendable, Equatable {
  /// Layers, L ≥ 1.
  public let layers: Int
  /// Key-value heads of a layer, K ≥ 1; 1 where a layer was learned as one number.
  public let heads: Int
  /// The gates, row-major (L, K).
  public private(set) var values: [Double]

  /// A matrix of `values`, row-major (L, K).
  public init(layers: Int, heads: Int, values: [Double]) {
    precondition(
      layers > 0 && heads > 0 && values.count == layers * heads,
      "\(values.count) gates for \(layers) layers × \(heads) heads")
    self.layers = layers
    self.heads = heads
    self.values = values
  }

  /// A matrix in which every gate is `value`.
  public init(layers: Int, heads: Int, repeating value: Double) {
    self.init(
      layers: layers, heads: heads, values: Array(repeating: value, count: layers * heads))
  }

  /// The gate of key-value head `head` in layer `layer`.
  public subscript(layer: Int, head: Int) -> Double {
    get { values[index(layer, head)] }
    set { values[index(layer, head)] = newValue }
  }

  /// The gates of one layer, (K).
  public subscript(layer layer: Int) -> ArraySlice<Double> {
    let start = index(layer, 0)
    return values[start..<start + heads]
  }

  /// The same gates, each moved into [0, 1].
  public var clipped: GateMatrix {
    GateMatrix(layers: layers, heads: heads, values: values.map { min(max($0, 0), 1) })
  }

  /// Every gate the mean of its layer's.
  public var layerMeans: GateMatrix {
    let means = (0..<layers).map { self[layer: $0].reduce(0, +) / Double(heads) }
    return GateMatrix(
      layers: layers, heads: heads, values: values.indices.map { means[$0 / heads] })
  }

  private func index(_ layer: Int, _ head: Int) -> Int {
    precondition(
      (0..<layers).contains(layer) && (0..<heads).contains(head),
      "gate (\(layer), \(head)) of a (\(layers), \(heads)) matrix")
    return layer * heads + head
  }
}
