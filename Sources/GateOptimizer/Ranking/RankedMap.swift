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

  /// A baseline: L − round(s·L) retrieval layers drawn at random, every set equally likely, (L).
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
    let streaming = try Sparsity.streaming(of: layers, at: sparsity)
    return try HeadSet.largest(of: self, sparsity: Double(streaming) / Double(layers))
  }

  /// DuoAttention's per-head cut at `sparsity`; see ``HeadSet/largest(of:sparsity:)``.
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` unless 0 ≤ `sparsity` ≤ 1.
  public func headCut(sparsity: Double) throws(GateOptimizerError) -> HeadSet {
    try HeadSet.largest(of: self, sparsity: sparsity)
  }
}
