import Transformer

/// The best maps a search found, one for every number of streaming layers, or of as many heads.
package struct SearchedMaps: Sendable, Equatable {
  /// What was searched.
  package let unit: MapUnit
  /// Layers of the model.
  package let layers: Int
  /// Key-value heads of a layer.
  package let heads: Int
  /// The set at position n has n streaming layers, or n·K streaming heads; L + 1.
  package let sets: [SearchedSet]

  /// The sets of a model of `layers` layers and `heads` key-value heads, in the order of ``sets``.
  package init(unit: MapUnit, layers: Int, heads: Int, sets: [SearchedSet]) {
    let width = unit.perLayer(heads: heads)
    precondition(
      sets.map(\.streaming) == (0...layers).map { $0 * width }
        && sets.allSatisfy { $0.kept.count == layers * width },
      "\(sets.count) sets of \(unit)")
    self.unit = unit
    self.layers = layers
    self.heads = heads
    self.sets = sets
  }

  /// The set at `sparsity`: of L layers round(s·L) stream, or as many heads as these have.
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` unless 0 ≤ `sparsity` ≤ 1.
  package func set(sparsity: Double) throws(GateOptimizerError) -> SearchedSet {
    sets[try Sparsity.streaming(of: layers, at: sparsity)]
  }

  /// The heads that see the whole context at `sparsity`.
  ///
  /// - Throws: As ``set(sparsity:)``.
  package func retrievalHeads(sparsity: Double) throws(GateOptimizerError) -> HeadSet {
    unit.heads(of: try set(sparsity: sparsity).kept, perLayer: heads)
  }

  /// The share of all sets in which each unit is kept: 0 for what goes first, near 1 for what stays longest.
  package var endurance: [Double] {
    sets[0].kept.indices.map { unit in
      Double(sets.count { $0.kept[unit] }) / Double(sets.count)
    }
  }

  /// The map of the layers that were found best at `sparsity`; its scores are ``endurance``, its cost the
  /// loss.
  ///
  /// - Throws: As ``set(sparsity:)``.
  package func layerMap(sparsity: Double) throws(GateOptimizerError) -> RankedMap {
    let set = try set(sparsity: sparsity)
    return RankedMap(
      criterion: .search, requestedSparsity: sparsity, isRetrievalLayer: set.kept,
      scores: endurance, cost: set.loss)
  }
}

/// The gates of a model with the maps that were searched on it: all that layers are chosen by.
package struct LearnedMaps: Sendable {
  /// The gates, (L, K); nil where none are learned.
  package let gates: GateMatrix?
  /// The maps that were searched, at most one of each unit.
  package let searched: [SearchedMaps]
  /// Layers of the model.
  package let layers: Int
  /// Key-value heads of a layer.
  package let heads: Int

  /// Gates, with searched maps of the same model.
  package init(gates: GateMatrix, searched: [SearchedMaps] = []) {
    self.gates = gates
    self.searched = searched
    (layers, heads) = (gates.layers, gates.heads)
  }

  /// Searched maps of a model of `layers` layers and `heads` key-value heads, without gates.
  package init(layers: Int, heads: Int, searched: [SearchedMaps] = []) {
    gates = nil
    self.searched = searched
    (self.layers, self.heads) = (layers, heads)
  }

  /// The same gates, or none, with other searched maps.
  package func with(searched: [SearchedMaps]) -> LearnedMaps {
    gates.map { LearnedMaps(gates: $0, searched: searched) }
      ?? LearnedMaps(layers: layers, heads: heads, searched: searched)
  }

  /// The gates, for a method that needs them.
  ///
  /// - Throws: ``GateOptimizerError/criterion(name:expected:found:)`` where there are none.
  package func requireGates(for method: String) throws(GateOptimizerError) -> GateMatrix {
    guard let gates else {
      throw .criterion(
        name: method, expected: "learned gates",
        found: "a run without any (calibration: none), whose one criterion is search")
    }
    return gates
  }

  /// The searched maps of a unit, if there are any.
  package func searched(_ unit: MapUnit) -> SearchedMaps? { searched.first { $0.unit == unit } }

  /// Those of `criteria` that can be asked for: without `search` where nothing was searched.
  package func available(_ criteria: [Criterion]) -> [Criterion] {
    criteria.filter { $0 != .search || searched(.layers) != nil }
  }

  /// The layers chosen by `criterion` at `sparsity`.
  ///
  /// - Throws: ``GateOptimizerError`` where the criterion cannot judge these gates, or nothing was searched.
  package func layers(by criterion: Criterion, sparsity: Double) throws -> RankedMap {
    if criterion == .search, let maps = searched(.layers) {
      return try maps.layerMap(sparsity: sparsity)
    }
    guard criterion != .search || gates != nil else {
      throw GateOptimizerError.criterion(
        name: criterion.name, expected: "maps that were searched", found: "a run without any yet")
    }
    return try requireGates(for: criterion.name).layerMap(by: criterion, sparsity: sparsity)
  }
}
