import Transformer

/// The best maps a search found, one for every number of streaming layers, or of as many heads.
package struct SearchedMaps: Sendable, Equatable {
  /// What was searched.
  package let unit: MapUnit
  /// The heads that the maps decide on.
  package let space: MapSpace
  /// Of n global layers the set at position i ≤ n has i streaming layers, or i·K streaming heads; n + 1.
  package let sets: [SearchedSet]

  /// The sets of a model, in the order of ``sets``.
  package init(unit: MapUnit, space: MapSpace, sets: [SearchedSet]) {
    let width = unit.perLayer(heads: space.heads)
    precondition(
      sets.map(\.streaming) == (0...space.globalLayers.count).map { $0 * width }
        && sets.allSatisfy { $0.kept.count == unit.count(in: space) },
      "\(sets.count) sets of \(unit)")
    self.unit = unit
    self.space = space
    self.sets = sets
  }

  /// The set at `sparsity`: of n global layers round(s·n) stream, or as many heads as these have.
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` unless 0 ≤ `sparsity` ≤ 1.
  package func set(sparsity: Double) throws(GateOptimizerError) -> SearchedSet {
    sets[try Sparsity.streaming(of: space.globalLayers.count, at: sparsity)]
  }

  /// The heads that see the whole context at `sparsity`.
  ///
  /// - Throws: As ``set(sparsity:)``.
  package func retrievalHeads(sparsity: Double) throws(GateOptimizerError) -> HeadSet {
    unit.heads(of: try set(sparsity: sparsity).kept, in: space)
  }

  /// The share of all sets in which each layer or head of the model is kept: 0 for what goes first or always streams,
  /// near 1 for what stays longest.
  package var endurance: [Double] {
    var shares = Array(repeating: 0.0, count: space.layers * unit.perLayer(heads: space.heads))
    for index in sets[0].kept.indices {
      shares[unit.place(index, in: space)] =
        Double(sets.count { $0.kept[index] }) / Double(sets.count)
    }
    return shares
  }

  /// The map of the layers that were found best at `sparsity`; its scores are ``endurance``, its cost the
  /// loss.
  ///
  /// - Throws: As ``set(sparsity:)``.
  package func layerMap(sparsity: Double) throws(GateOptimizerError) -> RankedMap {
    let set = try set(sparsity: sparsity)
    return RankedMap(
      criterion: .search, requestedSparsity: sparsity, isRetrievalLayer: space.all(set.kept),
      scores: endurance, cost: set.loss)
  }
}

/// The gates of a model with the maps that were searched on it: all that layers are chosen by.
package struct LearnedMaps: Sendable {
  /// The gates, (L, K); nil where none are learned.
  package let gates: GateMatrix?
  /// The maps that were searched, at most one of each unit.
  package let searched: [SearchedMaps]
  /// The heads that maps decide on.
  package let space: MapSpace
  /// Layers of the model.
  package var layers: Int { space.layers }
  /// Key-value heads of a layer.
  package var heads: Int { space.heads }

  /// Gates, with searched maps of the same model.
  package init(gates: GateMatrix, searched: [SearchedMaps] = []) {
    self.gates = gates
    self.searched = searched
    space = gates.space
  }

  /// Searched maps of a model, without gates.
  package init(_ space: MapSpace, searched: [SearchedMaps] = []) {
    gates = nil
    self.searched = searched
    self.space = space
  }

  /// The same gates, or none, with other searched maps.
  package func with(searched: [SearchedMaps]) -> LearnedMaps {
    gates.map { LearnedMaps(gates: $0, searched: searched) }
      ?? LearnedMaps(space, searched: searched)
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
