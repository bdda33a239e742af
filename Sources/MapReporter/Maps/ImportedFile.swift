import Foundation
import GateOptimizer
import Support
import Transformer

/// A file of gates or maps from elsewhere: every verb and setting reads such files here.
package struct ImportedFile: Sendable {
  /// The file; of a folder the table in it.
  package let path: String
  /// What it is by its name and its text.
  package let format: Format
  /// What it holds.
  package let content: ImportedMap
  /// What was decided and what was done to values, a sentence without an end each.
  package let notes: [String]

  /// How a file is written.
  package enum Format: Sendable {
    /// A table of gates, as DuoAttention writes them.
    case table
    /// Retrieval_Head's scores of query heads (JSON).
    case scores
    /// A finished map, headmap.json.
    case headMap
    /// The layers that a search found, search-layers.csv.
    case search

    var title: String {
      switch self {
      case .table: "a table of gates"
      case .scores: "scores of retrieval heads"
      case .headMap: "a headmap.json, which is a finished map"
      case .search: "the table of a search, whose layers are chosen already"
      }
    }
  }

  /// What a file is read for, which decides how a table of zeros and ones is taken.
  package enum Use: Sendable {
    /// To be measured as an entry of `evaluation.maps` says, or by its values where the entry says nothing.
    case measuring(ImportedMapSettings.Kind?)
    /// To be cut at some sparsity: a table holds gates whatever its values, and a finished map is refused.
    case cutting
    /// To start learning from.
    case starting
  }

  /// Reads gates, a finished map or the layers of a search.
  ///
  /// - Parameters:
  ///   - path: A gate table, a folder with one table by a name of ``tables``, retrieval scores (JSON),
  ///     a headmap.json, or the search-layers.csv of a run.
  ///   - keyValueHeads: Key-value heads of a layer, K, which scores need.
  ///   - space: The heads that maps of the model decide on, which a search needs; nil accepts gates of any shape.
  ///   - use: What the file is read for.
  /// - Throws: `FileError` for a damaged file, ``MapReporterError`` for one of another
  ///   shape or kind and for a folder with several tables.
  package init(
    _ path: String, keyValueHeads: Int? = nil, space: MapSpace? = nil, for use: Use
  ) throws {
    let keyValueHeads = keyValueHeads ?? space?.heads
    let file = try Self.file(at: path)
    var isFolder: ObjCBool = false
    if unsafe FileManager.default.fileExists(atPath: file, isDirectory: &isFolder),
      isFolder.boolValue
    {
      throw FileError.missing(
        path: file, what: "table of gates in this folder",
        fix: "name a file, or a folder with \(Self.tables.joined(separator: ", "))")
    }
    _ = try FileReader(path: file, what: "file of gates or maps")
    var wantsGates = false
    if case .cutting = use { wantsGates = true }
    let format = Self.format(of: file, wantsGates: wantsGates)
    try Self.require(format, file, for: use)
    (self.path, self.format) = (file, format)
    let (found, decided): (ImportedMap, [String])
    switch format {
    case .headMap: (found, decided) = (.map(try HeadMap.read(from: Self.url(file)).heads), [])
    case .search: (found, decided) = (.searched(try Self.searched(file, space)), [])
    case .scores: (found, decided) = try Self.scores(file, keyValueHeads: keyValueHeads)
    case .table:
      (found, decided) = try Self.taken(GateMatrix(contentsOf: file), file, for: use)
    }
    guard let space else {
      (content, notes) = (found, decided)
      return
    }
    let own = found.asGates
    guard (own.layers, own.heads) == (space.layers, space.heads) else {
      throw MapReporterError.shapeMismatch(
        map: file, mapLayers: own.layers, mapHeads: own.heads, model: "the model",
        modelLayers: space.layers, modelHeads: space.heads)
    }
    content = found.within(space)
    let others = Set(0..<space.layers).subtracting(space.globalLayers)
    let isLeftOut = others.contains { own.rows[$0].contains { $0 != 0 } }
    notes =
      decided
      + (isLeftOut
        ? [
          "\(file) has gates above 0 in layers that have a window of their own; they stay as they are"
        ] : [])
  }

  /// What the file at `path` is; where its text decides nothing, what is wanted does.
  package static func format(of path: String, wantsGates: Bool = false) -> Format {
    if path.hasSuffix(".json") {
      if (try? GateMatrix.holdsRetrievalScores(path: path)) == true { return .scores }
      return wantsGates && (try? HeadMap.read(from: url(path))) == nil ? .scores : .headMap
    }
    guard path.hasSuffix(".csv") else { return .table }
    guard let text = try? TextFile.text(at: path, what: "table", limit: FileLimit.table) else {
      return .search
    }
    // Numbers of a table of gates have white space between.
    return text.prefix { !$0.isNewline }.contains(",") ? .search : .table
  }

  private static func url(_ path: String) -> URL { URL(fileURLWithPath: path) }

  // MARK: Files

  /// The names that a table in a folder may have: DuoAttention's, RLKV's, and that of a run.
  private static let tables = ["full_attention_heads.tsv", "adapter_weights.tsv", "gates.tsv"]

  /// The tables of gates in the folder at `path`, by name.
  package static func tables(in path: String) -> [String] {
    tables.filter { FileManager.default.fileExists(atPath: "\(path)/\($0)") }
  }

  /// The files that are read of a folder with a table of gates, or of one with a model's `config.json`.
  package static func files(in folder: String) -> [String] {
    (tables + ["config.json"]).map { "\(folder)/\($0)" }
  }

  /// The file whose bytes decide what is read at `path`: the table of a folder, or the file itself.
  package static func hashed(at path: String) -> String { (try? file(at: path)) ?? path }

  private static func file(at path: String) throws(MapReporterError) -> String {
    let found = tables(in: path)
    guard found.count <= 1 else {
      throw .invalidValue(
        place: "the folder \(path)",
        expected: "one with a single table of gates, or the table itself be named",
        found: "one with \(found.joined(separator: " and "))")
    }
    return found.first.map { "\(path)/\($0)" } ?? path
  }

  // MARK: What is decided

  /// Refuses a file that cannot be what it is read for.
  private static func require(
    _ format: Format, _ file: String, for use: Use
  ) throws(MapReporterError) {
    let isChosen = format == .headMap || format == .search
    switch use {
    case .cutting where isChosen, .measuring(.some(.gates)) where isChosen:
      throw .invalidValue(
        place: file, expected: "a table of gates, a folder with one, or retrieval scores",
        found: format.title)
    case .measuring(.some(.map)) where format == .scores || format == .search:
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

  private static func scores(
    _ file: String, keyValueHeads: Int?
  ) throws -> (ImportedMap, [String]) {
    guard let keyValueHeads else {
      throw MapReporterError.invalidValue(
        place: "the number of key-value heads for \(file)",
        expected: "given with --kv-heads or --model, since scores are of query heads",
        found: "unknown")
    }
    let scores = try GateMatrix.retrievalScores(file, keyValueHeads: keyValueHeads)
    let note =
      "\(file): the largest mean score is \(Float(scores.largest)), so all scores are divided by it; "
      + "their order stays"
    return (.gates(scores.gates), scores.largest > 1 ? [note] : [])
  }

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
