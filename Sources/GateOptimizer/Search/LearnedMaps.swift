/// The gates of a model with the maps that were searched on it: all that layers are chosen by.
public struct LearnedMaps: Sendable {
  /// The gates, (L, K).
  public let gates: GateMatrix
  /// The maps that were searched, at most one of each unit.
  public let searched: [SearchedMaps]

  /// Gates, with searched maps of the same model.
  public init(gates: GateMatrix, searched: [SearchedMaps] = []) {
    self.gates = gates
    self.searched = searched
  }

  /// The searched maps of a unit, if there are any.
  public func searched(_ unit: MapUnit) -> SearchedMaps? { searched.first { $0.unit == unit } }

  /// Those of `criteria` that can be asked for: without `search` where nothing was searched.
  public func available(_ criteria: [Criterion]) -> [Criterion] {
    criteria.filter { $0 != .search || searched(.layers) != nil }
  }

  /// The layers chosen by `criterion` at `sparsity`.
  ///
  /// - Throws: ``GateOptimizerError`` where the criterion cannot judge these gates, or nothing was searched.
  public func layers(by criterion: Criterion, sparsity: Double) throws -> RankedMap {
    if criterion == .search, let maps = searched(.layers) {
      return try maps.layerMap(sparsity: sparsity)
    }
    return try gates.layerMap(by: criterion, sparsity: sparsity)
  }
}
