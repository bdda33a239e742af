import Foundation
import GateOptimizer
import Support

extension ImportedFile {
  /// How a file is written.
  package enum Format: Sendable, Equatable {
    /// Scores of heads; a table of gates, as DuoAttention writes them, is one kind.
    case scores(HeadScoreFormat)
    /// A finished map, headmap.json.
    case headMap
    /// The layers that a search found, search-layers.csv.
    case search

    var title: String {
      switch self {
      case .scores(let format): format.title
      case .headMap: "a headmap.json, which is a finished map"
      case .search: "the table of a search, whose layers are chosen already"
      }
    }

    /// Whether it holds gates, or what becomes gates, to be cut at any sparsity.
    package var isGates: Bool {
      if case .scores = self { true } else { false }
    }

    /// Whether it has numbers of query heads and does not say how many key-value heads share them.
    var isOfQueryHeadsAlone: Bool {
      if case .scores(let kind) = self { kind.isOfQueryHeads == true } else { false }
    }

    /// What `content` says, or else the name at the end of `path`.
    init?(_ content: FileContent, path: String) {
      if content.member("head_full") != nil || content.member("schema_version") != nil {
        self = .headMap
      } else if case .text(let text) = content, text.hasPrefix("streaming,") {
        self = .search
      } else if let format = HeadScoreFormat(content, path: path) {
        self = .scores(format)
      } else if path.hasSuffix("headmap.json") {
        self = .headMap
      } else if path.hasSuffix(".csv") {
        self = .search
      } else {
        return nil
      }
    }
  }

  /// What the file at `path` is.
  ///
  /// - Throws: `FileError` where it cannot be read or is of no kind, ``MapReporterError`` for a folder with several
  ///   tables.
  package static func format(of path: String) throws -> Format { try opened(file(at: path)).format }

  /// The bytes of a file, and what they are.
  static func opened(
    _ file: String
  ) throws(FileError) -> (bytes: Data, content: FileContent, format: Format) {
    var isFolder: ObjCBool = false
    if unsafe FileManager.default.fileExists(atPath: file, isDirectory: &isFolder),
      isFolder.boolValue
    {
      throw FileError.missing(
        path: file, what: "table of gates in this folder",
        fix: "name a file, or a folder with \(tables.joined(separator: ", "))")
    }
    let bytes = try TextFile.bytes(
      at: file, what: "file of gates or maps",
      limit: file.hasSuffix(".csv") ? FileLimit.table : FileLimit.scores)
    let content = FileContent(bytes)
    guard let format = Format(content, path: file) else {
      throw content.refusal(
        of: file, expected: "gates, scores of heads or a map",
        kinds: HeadScoreFormat.allCases.map(\.title) + ["headmap.json", "search-layers.csv"])
    }
    return (bytes, content, format)
  }

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

  static func file(at path: String) throws(MapReporterError) -> String {
    let found = tables(in: path)
    guard found.count <= 1 else {
      throw .invalidValue(
        place: "the folder \(path)",
        expected: "one with a single table of gates, or the table itself be named",
        found: "one with \(found.joined(separator: " and "))")
    }
    return found.first.map { "\(path)/\($0)" } ?? path
  }
}
