import Foundation
import GateOptimizer
import Support
import Transformer

/// A file of gates, scores or maps from elsewhere: every verb and setting reads such files here.
package struct ImportedFile: Sendable {
  /// The file; of a folder the table in it.
  package let path: String
  /// What it is by its content, or else by its name.
  package let format: Format
  /// What it holds.
  package let content: ImportedMap
  /// The model that was scored, as far as the file says.
  package let model: HeadMap.Model?
  /// What was decided and what was done to values, a sentence without an end each.
  package let notes: [String]

  /// What a file is read for, which decides how a table of zeros and ones is taken.
  package enum Use: Sendable {
    /// To be measured as an entry of `evaluation.maps` says, or by its values where the entry says nothing.
    case measuring(ImportedMapSettings.Kind?)
    /// To be cut at some sparsity: a table holds gates whatever its values, and a finished map is refused.
    case cutting
    /// To start learning from.
    case starting
  }

  /// Reads gates, scores, a finished map or the layers of a search.
  ///
  /// - Parameters:
  ///   - path: A file of any ``Format``, or a folder with one table by a name of ``tables``.
  ///   - model: The model that it is read for, as far as it is known: it completes lists of some heads, and scores that
  ///     name another model are refused.
  ///   - modelName: How to name the model in errors.
  ///   - keyValueHeads: Key-value heads of a layer, K, where they are known without the model.
  ///   - space: The heads that maps of the model decide on, which a search needs; nil accepts gates of any shape.
  ///   - grouping: How query heads that share a key-value head become one; nil takes the largest, and is all that a
  ///     file of key-value heads accepts.
  ///   - use: What the file is read for.
  /// - Throws: `FileError` for a damaged file or one of no kind, ``MapReporterError`` for one of another
  ///   shape, model or kind and for a folder with several tables.
  package init(
    _ path: String, model: HeadMap.Model? = nil, modelName: String = "the model",
    keyValueHeads: Int? = nil, space: MapSpace? = nil, grouping: HeadScores.Grouping? = nil,
    for use: Use
  ) throws {
    let file = try Self.file(at: path)
    let (bytes, content, format) = try Self.opened(file)
    try Self.require(format, file, for: use)
    (self.path, self.format) = (file, format)
    var found: ImportedMap
    var decided: [String] = []
    var scored: HeadMap.Model?
    switch format {
    case .headMap: found = .map(try HeadMap.read(from: Self.url(file)).heads)
    case .search: found = .searched(try Self.searched(file, space))
    case .scores(.duoAttention):
      (found, decided) = try Self.taken(GateMatrix(contentsOf: file), file, for: use)
    case .scores(let format):
      let scores = try HeadScoreFile(bytes, content, format, path: file)
      scored = scores.record.map(HeadMap.Model.init)
      if let model {
        try scored?.checkIdentity(against: model.identity, name: file, modelName: modelName)
      }
      (found, decided) = try Self.gates(
        of: scores, model, keyValueHeads: keyValueHeads ?? model?.keyValueHeads ?? space?.heads,
        layers: model?.layers ?? space?.layers, grouping)
    }
    try Self.require(grouping, isUsedBy: file, format, scored)
    self.model = scored
    guard let space else {
      (self.content, notes) = (found, decided)
      return
    }
    let own = found.asGates
    guard (own.layers, own.heads) == (space.layers, space.heads) else {
      throw MapReporterError.shapeMismatch(
        map: file, mapLayers: own.layers, mapHeads: own.heads, model: modelName,
        modelLayers: space.layers, modelHeads: space.heads)
    }
    let others = Set(0..<space.layers).subtracting(space.globalLayers)
    if others.contains(where: { own.rows[$0].contains { $0 != 0 } }) {
      decided.append(
        "\(file) has gates above 0 in layers that have a window of their own; they stay as they are"
      )
    }
    self.content = found.within(space)
    notes = decided
  }

  private static func url(_ path: String) -> URL { URL(fileURLWithPath: path) }

  // MARK: What is decided

  /// Refuses a file that cannot be what it is read for.
  private static func require(
    _ format: Format, _ file: String, for use: Use
  ) throws(MapReporterError) {
    let isChosen = !format.isGates
    switch use {
    case .cutting where isChosen, .measuring(.some(.gates)) where isChosen:
      throw .invalidValue(
        place: file, expected: "a table of gates, a folder with one, or scores of heads",
        found: format.title)
    case .measuring(.some(.map)) where format != .headMap && format != .scores(.duoAttention):
      throw noMap(file, format.title)
    default: return
    }
  }

  private static func noMap(_ file: String, _ found: String) -> MapReporterError {
    .invalidValue(
      place: "\(file), whose kind is map,", expected: "a headmap.json or a table of 0 and 1",
      found: found)
  }

  /// A table as gates or, where it holds only 0 and 1, perhaps as a finished map.
  private static func taken(
    _ gates: GateMatrix, _ file: String, for use: Use
  ) throws(MapReporterError) -> (ImportedMap, [String]) {
    let other = gates.values.firstIndex { $0 != 0 && $0 != 1 }
    let map = HeadSet(gates.rows.map { $0.map { $0 == 1 } })
    switch use {
    case .measuring(.some(.map)):
      guard let other else { return (.map(map), []) }
      let place = "layer \(other / gates.heads), head \(other % gates.heads)"
      throw noMap(file, "a table with \(gates.values[other]) for \(place)")
    case .measuring(.none):
      return other == nil ? (.map(map), [takenForMap(file)]) : (.gates(gates), [])
    case .measuring(.some(.gates)), .cutting:
      let ties =
        "\(file) holds only 0 and 1: a cut at another sparsity than its own, "
        + "\(percent(map.sparsity, digits: 1)), decides between equals, which then go by lower layer and head"
      return (.gates(gates), other == nil ? [ties] : [])
    case .starting: return (.gates(gates), [])
    }
  }

  /// What is said where the values alone decide that a table is a finished map.
  package static func takenForMap(_ file: String) -> String {
    "\(file) holds only 0 and 1 and is measured as one finished map; its entry of evaluation.maps may "
      + "say so by kind: map, or have it cut at every sparsity by kind: gates"
  }

  // MARK: Reading

  private static func searched(
    _ file: String, _ space: MapSpace?
  ) throws -> SearchedMaps {
    guard let space else {
      throw MapReporterError.invalidValue(
        place: "the model of \(file)", expected: "known, since a search tells no heads",
        found: "unknown")
    }
    guard let maps = try SearchTable.read(file, unit: .layers, space: space) else {
      throw FileError.missing(path: file, what: "table of a search")
    }
    return maps
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

  /// What of it is about the heads that maps decide on.
  fileprivate func within(_ space: MapSpace) -> ImportedMap {
    switch self {
    case .gates(let gates): .gates(gates.within(space))
    case .map(let heads): .map(space.clearing(heads))
    case .searched: self
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
        layers: maps.space.layers, heads: maps.space.heads,
        values: maps.unit == .heads
          ? maps.endurance
          : maps.endurance.flatMap { Array(repeating: $0, count: maps.space.heads) }
      ).within(maps.space)
    }
  }
}
