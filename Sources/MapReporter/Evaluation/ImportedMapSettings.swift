import Foundation
import GateOptimizer
import Support
import Transformer

/// Gates or maps from elsewhere: an entry of `evaluation.maps`.
package struct ImportedMapSettings: Codable, Sendable, Equatable {
  /// Names it in tables and figures; without ":".
  package var name: String
  /// A gate table in DuoAttention's format, a headmap.json, or the search-layers.csv of a run.
  package var file: String
  /// What ranks the layers of gates; if nil they are judged as the run's own are, by single heads too.
  package var criteria: [Criterion]?

  /// A file under a name.
  package init(name: String, file: String, criteria: [Criterion]? = nil) {
    self.name = name
    self.file = file
    self.criteria = criteria
  }

  private enum CodingKeys: String, SettingKey {
    case name
    case file
    case criteria
  }

  /// Reads name and file.
  package init(from decoder: any Decoder) throws {
    let given = try decoder.strictContainer(keyedBy: CodingKeys.self)
    name = try given.decode(String.self, forKey: .name)
    file = try given.decode(String.self, forKey: .file)
    criteria = try given.decodeIfPresent([Criterion].self, forKey: .criteria)
  }

  /// Refuses an entry without a usable name.
  ///
  /// - Throws: `InvalidSetting` for the first thing that is wrong.
  package func validate() throws(InvalidSetting) {
    try requireSetting(
      !name.isEmpty && !name.unicodeScalars.contains(":"), CodingKeys.name,
      "is \"\(name)\"; give a name without a colon")
    try requireName(name, CodingKeys.name)
    try requireSetting(!file.isEmpty, CodingKeys.file, "is empty; name a file")
    if let criteria { try requireCriteria(criteria, CodingKeys.criteria) }
    try requireSetting(
      criteria?.contains(.search) != true, CodingKeys.criteria,
      "has search, but gates alone cannot be searched; name the search-layers.csv of a run as file")
  }
}

/// What an imported file holds.
package enum ImportedMap: Sendable {
  /// Gates, to be cut at every sparsity.
  case gates(GateMatrix)
  /// A finished map.
  case map(HeadSet)
  /// The layers that a search found at every sparsity.
  case searched(SearchedMaps)

  /// Reads a headmap.json, a table of a search (.csv) or of gates; gates of zeros and ones are a finished
  /// map.
  ///
  /// - Throws: ``MapReporterError`` or `GateOptimizerError` for a damaged file, and for one of another shape than
  ///   (`layers`, `heads`).
  package init(contentsOf file: String, layers: Int, heads: Int) throws {
    let found: (layers: Int, heads: Int)
    if file.hasSuffix(".json") {
      let map = try HeadMap.read(from: URL(fileURLWithPath: file))
      self = .map(map.heads)
      found = (map.model.layers, map.model.keyValueHeads)
    } else if file.hasSuffix(".csv") {
      let maps = try SearchTable.read(file, unit: .layers, layers: layers, heads: heads)
      guard let maps else {
        throw FileError.missing(path: file, what: "table of a search")
      }
      self = .searched(maps)
      return
    } else {
      let gates = try GateMatrix(contentsOf: file)
      found = (gates.layers, gates.heads)
      let isMap = gates.values.allSatisfy { $0 == 0 || $0 == 1 }
      self =
        isMap
        ? .map(HeadSet((0..<gates.layers).map { gates[layer: $0].map { $0 == 1 } })) : .gates(gates)
    }
    guard found == (layers, heads) else {
      throw MapReporterError.shapeMismatch(
        map: file, mapLayers: found.layers, mapHeads: found.heads, model: "the model",
        modelLayers: layers, modelHeads: heads)
    }
  }

  /// The gates, (L, K): of a map 1 for retrieval heads and 0 for streaming heads, of a search the share of
  /// its maps in which a layer or head retrieves.
  package var asGates: GateMatrix {
    switch self {
    case .gates(let gates): gates
    case .map(let heads):
      GateMatrix(
        layers: heads.rows.count, heads: heads.rows[0].count,
        values: heads.rows.joined().map { $0 ? 1 : 0 })
    case .searched(let maps):
      GateMatrix(
        layers: maps.layers, heads: maps.heads,
        values: maps.unit == .heads
          ? maps.endurance
          : maps.endurance.flatMap { Array(repeating: $0, count: maps.heads) })
    }
  }
}
