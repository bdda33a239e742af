import GateOptimizer
import Transformer

/// One point of a curve before it is measured: a pattern, and which method and sparsity it stands for.
package struct PlannedMap: Sendable {
  /// The method as curves.csv names it.
  package let method: CurveMethod
  /// Seed of a random map.
  package let seed: Int?
  /// The share of streaming heads or layers asked for.
  package let requestedSparsity: Double
  /// Which heads see the whole context.
  package let pattern: AttentionPattern

  /// The share of heads that stream.
  package var achievedSparsity: Double {
    let heads = pattern.isRetrieval.joined()
    return Double(heads.count { !$0 }) / Double(max(heads.count, 1))
  }
}

/// All maps of an evaluation, in the order of curves.csv.
package struct MapPlan: Sendable {
  /// The maps; several may have the same pattern, which then is measured once.
  package let maps: [PlannedMap]

  /// The maps that `settings` ask for: both ends, then every method at every sparsity.
  ///
  /// - Throws: `GateOptimizerError` where a criterion cannot judge these gates.
  package init(
    gates: GateMatrix, settings: EvaluationSettings, window: StreamingWindow
  ) throws(GateOptimizerError) {
    let (layers, heads) = (gates.layers, gates.heads)
    func exclusive(_ retrieval: [Bool]) -> AttentionPattern {
      AttentionPattern(retrievalLayers: retrieval, keyValueHeads: heads, window: window)
    }
    var maps = [(true, CurveMethod.full, 0.0), (false, .streaming, 1)].map {
      isFull, method, share in
      PlannedMap(
        method: method, seed: nil, requestedSparsity: share,
        pattern: exclusive(Array(repeating: isFull, count: layers)))
    }
    func add(
      _ method: CurveMethod, seed: Int? = nil, _ sparsity: Double, _ pattern: AttentionPattern
    ) {
      maps.append(
        PlannedMap(method: method, seed: seed, requestedSparsity: sparsity, pattern: pattern))
    }
    for sparsity in settings.sparsities {
      add(.headMixed, sparsity, try gates.headCut(sparsity: sparsity).pattern(window: window))
      for criterion in settings.criteria {
        let map = try gates.layerMap(by: criterion, sparsity: sparsity)
        add(.layers(criterion: criterion.description), sparsity, exclusive(map.isRetrievalLayer))
      }
    }
    for sparsity in settings.randomSparsities ?? settings.sparsities {
      for seed in settings.randomLayerSeeds {
        let kept = try RankedMap.randomLayers(
          layers, sparsity: sparsity, seed: UInt64(bitPattern: Int64(seed)))
        add(.random(of: "layers"), seed: seed, sparsity, exclusive(kept))
      }
      for seed in settings.randomHeadSeeds {
        let map = try HeadCut.random(
          layers: layers, heads: heads, sparsity: sparsity, seed: UInt64(bitPattern: Int64(seed)))
        add(.random(of: "heads"), seed: seed, sparsity, map.pattern(window: window))
      }
    }
    self.maps = maps
  }

  /// The different patterns, in the order they first appear.
  package var patterns: [AttentionPattern] {
    var seen: Set<AttentionPattern> = []
    return maps.map(\.pattern).filter { seen.insert($0).inserted }
  }
}
