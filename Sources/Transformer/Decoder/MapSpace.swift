/// The heads that a map decides on: those of a model's global layers.
///
/// Layers with a window of their own stream whatever a map says; in every map their heads are streaming heads.
public struct MapSpace: Sendable, Hashable {
  /// Layers of the model, L.
  public let layers: Int
  /// Key-value heads of a layer, K.
  public let heads: Int
  /// The global layers, ascending.
  public let globalLayers: [Int]

  /// The heads of `layers` layers that all are global.
  public init(layers: Int, heads: Int) {
    self.init(layers: layers, heads: heads, globalLayers: Array(0..<layers))
  }

  /// The heads of some layers of `layers`, which are given in ascending order.
  public init(layers: Int, heads: Int, globalLayers: [Int]) {
    precondition(
      globalLayers.allSatisfy { (0..<layers).contains($0) }
        && zip(globalLayers, globalLayers.dropFirst()).allSatisfy { $0 < $1 },
      "global layers \(globalLayers) of \(layers)")
    (self.layers, self.heads, self.globalLayers) = (layers, heads, globalLayers)
  }

  /// The heads that maps of a model decide on.
  public init(_ configuration: ModelConfiguration) {
    self.init(
      layers: configuration.layers, heads: configuration.keyValueHeads,
      globalLayers: configuration.kinds.indices.filter {
        configuration.kinds[$0].window == nil
      })
  }

  /// Whether each layer is global, (L).
  public var isGlobal: [Bool] { all(globalLayers.map { _ in true }) }

  /// Whether every layer is global.
  public var isWhole: Bool { globalLayers.count == layers }

  /// Flags of all layers, (L), from those of the global ones; false for the others.
  public func all(_ flags: [Bool]) -> [Bool] {
    precondition(flags.count == globalLayers.count, "\(flags.count) of \(globalLayers.count)")
    var result = Array(repeating: false, count: layers)
    for (layer, flag) in zip(globalLayers, flags) { result[layer] = flag }
    return result
  }

  /// Whole layers: all heads of those global layers that are true in `flags`.
  public func layers(_ flags: [Bool]) -> HeadSet {
    HeadSet(retrievalLayers: all(flags), heads: heads)
  }

  /// `heads` without those of layers with a window of their own.
  public func clearing(_ heads: HeadSet) -> HeadSet {
    HeadSet(zip(heads.rows, isGlobal).map { row, isGlobal in row.map { $0 && isGlobal } })
  }

  /// The share of the global layers' heads that stream, 0…1.
  public func sparsity(of heads: HeadSet) -> Double {
    HeadSet(globalLayers.map { heads.rows[$0] }).sparsity
  }
}
