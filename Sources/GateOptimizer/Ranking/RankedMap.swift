import Transformer

/// A layer-exclusive map: every layer is wholly retrieval or wholly streaming.
public struct RankedMap: Sendable, Equatable {
  /// The criterion that chose the layers.
  public let criterion: Criterion
  /// The share of streaming layers that was asked for.
  public let requestedSparsity: Double
  /// True for the layers that see the whole context, (L).
  public let isRetrievalLayer: [Bool]
  /// The layers' scores under the criterion, (L).
  public let scores: [Double]
  /// The cost of this set of layers under the criterion, the least of all sets of its size.
  public let cost: Double

  /// The share of layers that stream.
  public var achievedSparsity: Double {
    Double(isRetrievalLayer.count { !$0 }) / Double(max(isRetrievalLayer.count, 1))
  }

  /// The heads of these layers in a model of `keyValueHeads` key-value heads.
  public func heads(keyValueHeads: Int) -> HeadSet {
    HeadSet(retrievalLayers: isRetrievalLayer, heads: keyValueHeads)
  }

  /// The attention pattern of this map for a model of `keyValueHeads` key-value heads.
  public func pattern(keyValueHeads: Int, window: StreamingWindow) -> AttentionPattern {
    AttentionPattern(heads(keyValueHeads: keyValueHeads), window: window)
  }

  /// A baseline: of n global layers n − round(s·n) retrieval layers drawn at random, every set equally likely, as flags
  /// of those n.
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` unless 0 ≤ `sparsity` ≤ 1.
  public static func randomLayers(
    _ layers: Int, sparsity: Double, seed: UInt64
  ) throws(GateOptimizerError) -> [Bool] {
    let streaming = try Sparsity.streaming(of: layers, at: sparsity)
    var generator = SeededGenerator(seed: seed, stream: .randomLayers)
    var isRetrievalLayer = Array(repeating: false, count: layers)
    for layer in generator.choose(layers - streaming, of: layers) {
      isRetrievalLayer[layer] = true
    }
    return isRetrievalLayer
  }
}

extension GateMatrix {
  /// The best layer-exclusive map under `criterion` at `sparsity`; see ``LayerRanking``.
  ///
  /// - Throws: ``GateOptimizerError`` as ``LayerRanking/init(gates:criterion:sparsity:)``.
  public func layerMap(
    by criterion: Criterion, sparsity: Double
  ) throws(GateOptimizerError) -> RankedMap {
    try LayerRanking(gates: self, criterion: criterion, sparsity: sparsity).best()
  }

  /// The per-head cut that streams exactly as many heads as a layer map at `sparsity`: K·round(s·L).
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` unless 0 ≤ `sparsity` ≤ 1.
  public func headCut(likeLayersAt sparsity: Double) throws(GateOptimizerError) -> HeadSet {
    let streaming = try Sparsity.streaming(of: globalLayers.count, at: sparsity)
    return try HeadSet.largest(
      of: self, sparsity: Double(streaming) / Double(max(globalLayers.count, 1)))
  }

  /// DuoAttention's per-head cut at `sparsity`; see `HeadSet.largest(of:sparsity:)`.
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` unless 0 ≤ `sparsity` ≤ 1.
  public func headCut(sparsity: Double) throws(GateOptimizerError) -> HeadSet {
    try HeadSet.largest(of: self, sparsity: sparsity)
  }
}

extension HeadSet {
  /// DuoAttention's quantile cut made exact: of the N heads of global layers the N − round(s·N) with the largest gates.
  ///
  /// DuoAttention (arXiv 2410.10819) keeps the gates not below their s-quantile after adding unseeded
  /// noise; here equal gates are kept by lower layer, then lower head, and the count is exact
  /// (see ``Sparsity`` for its rounding). Gates are clipped first.
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` unless 0 ≤ `sparsity` ≤ 1.
  public static func largest(
    of gates: GateMatrix, sparsity: Double
  ) throws(GateOptimizerError) -> HeadSet {
    let values = gates.clipped.values
    let places = gates.globalLayers.flatMap { layer in
      layer * gates.heads..<(layer + 1) * gates.heads
    }
    let streaming = try Sparsity.streaming(of: places.count, at: sparsity)
    // Row-major indices are in (layer, head) order, so the index itself breaks ties.
    let order = places.sorted { (-values[$0], $0) < (-values[$1], $1) }
    return HeadSet(
      places: order.prefix(places.count - streaming), layers: gates.layers, heads: gates.heads)
  }

  /// A baseline: of the N heads that maps decide on N − round(s·N), drawn at random, every set equally likely.
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` unless 0 ≤ `sparsity` ≤ 1.
  public static func random(
    _ space: MapSpace, sparsity: Double, seed: UInt64
  ) throws(GateOptimizerError) -> HeadSet {
    let count = MapUnit.heads.count(in: space)
    let streaming = try Sparsity.streaming(of: count, at: sparsity)
    var generator = SeededGenerator(seed: seed, stream: .randomHeads)
    let kept = Set(generator.choose(count - streaming, of: count))
    return MapUnit.heads.heads(of: (0..<count).map(kept.contains), in: space)
  }
}

/// The share of heads or layers that stream, and how it becomes a count.
///
/// Of n heads or layers at sparsity s, round(s·n) stream. Halves round away from zero (half a layer
/// streams), and a product within 1e-9 of a half counts as one, so that 0.29 · 50 is 14.5 although its
/// nearest double product is smaller.
public enum Sparsity {
  /// How many of `count` heads or layers stream at `sparsity`.
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` unless 0 ≤ `sparsity` ≤ 1.
  public static func streaming(
    of count: Int, at sparsity: Double
  ) throws(GateOptimizerError) -> Int {
    guard (0...1).contains(sparsity) else {
      throw .option(name: "sparsity", expected: "a number in 0…1", found: "\(sparsity)")
    }
    let exact = sparsity * Double(count)
    return min(count, Int((exact + 1e-9).rounded(.toNearestOrAwayFromZero)))
  }
}
