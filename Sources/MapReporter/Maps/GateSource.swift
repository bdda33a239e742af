import Foundation
import GateOptimizer
import ModelLoader
import Support

/// Gates that were learned elsewhere: a DuoAttention table, its pattern folder, or Retrieval_Head's
/// scores.
public struct GateSource: Sendable {
  /// The gates, (L, K).
  public let gates: GateMatrix
  /// The file they were read from.
  public let file: String

  /// Whether that is a table, with a column for each key-value head, and not scores of query heads.
  package var isTable: Bool { !file.hasSuffix(".json") }

  /// What was done to the values that a reader should know of, a sentence; nil where nothing was.
  public let note: String?

  /// The name of the table in a pattern folder.
  static let table = "full_attention_heads.tsv"
  /// The names that a table in a folder may have: DuoAttention's, RLKV's, and that of a run.
  private static let tables = [table, "adapter_weights.tsv", "gates.tsv"]

  /// Reads the gates at `path`.
  ///
  /// - Parameters:
  ///   - path: A table (TSV), a folder with one named `full_attention_heads.tsv`,
  ///     `adapter_weights.tsv` or `gates.tsv`, or a JSON file of retrieval scores.
  ///   - keyValueHeads: Key-value heads of a layer, which only retrieval scores need.
  /// - Throws: `GateOptimizerError` naming the file and the place in it, and
  ///   ``MapReporterError/invalidValue(place:expected:found:)`` where scores lack `keyValueHeads`
  ///   or a folder has several tables.
  public init(path: String, keyValueHeads: Int? = nil) throws {
    let found = Self.tables(in: path)
    guard found.count <= 1 else {
      throw MapReporterError.invalidValue(
        place: "the folder \(path)",
        expected: "one with a single table of gates, or the table itself be named",
        found: "one with \(found.joined(separator: " and "))")
    }
    file = found.first.map { "\(path)/\($0)" } ?? path
    guard file.hasSuffix(".json") else {
      gates = try GateMatrix(contentsOf: file)
      note = nil
      return
    }
    guard let keyValueHeads else {
      throw MapReporterError.invalidValue(
        place: "the number of key-value heads for \(file)",
        expected: "given with --kv-heads or --model, since scores are of query heads",
        found: "unknown")
    }
    let scores = try GateMatrix.retrievalScores(file, keyValueHeads: keyValueHeads)
    gates = scores.gates
    note =
      scores.largest > 1
      ? "\(file): the largest mean score is \(Float(scores.largest)), so all scores are divided by it; "
        + "their order stays" : nil
  }

  /// The map that these gates make at `sparsity`.
  ///
  /// - Parameters:
  ///   - criterion: How layers are chosen; nil cuts head by head, as DuoAttention does.
  ///   - sparsity: The share of layers, or heads, that stream, 0…1.
  ///   - window: What the streaming heads see.
  /// - Returns: A map that names no model: ``HeadMap/completed(by:mapName:modelName:)`` adds it.
  /// - Throws: `GateOptimizerError` where the criterion cannot judge these gates.
  public func map(
    by criterion: Criterion?, sparsity: Double, window: HeadMap.Window
  ) throws -> HeadMap {
    let heads =
      try criterion.map { criterion throws(GateOptimizerError) in
        try gates.layerMap(by: criterion, sparsity: sparsity).heads(keyValueHeads: gates.heads)
      } ?? gates.headCut(sparsity: sparsity)
    return try HeadMap(
      model: HeadMap.Model(layers: gates.layers, keyValueHeads: gates.heads), window: window,
      gates: (0..<gates.layers).map { Array(gates.clipped[layer: $0]) }, heads: heads,
      criterion: HeadMap.Criterion(
        name: criterion?.name ?? CurveMethod.headMixed.name, weight: criterion?.weight),
      requestedSparsity: sparsity, calibration: HeadMap.Calibration(source: file))
  }

  /// The sizes in the `config.json` beside the table: DuoAttention's `sink_size` and `recent_size`.
  ///
  /// - Returns: Nil where there is no such file, or another of that name without these keys.
  /// - Throws: `FileError`.
  public func window() throws(FileError) -> HeadMap.Window? {
    let url = URL(fileURLWithPath: file).deletingLastPathComponent()
      .appending(path: "config.json")
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    let sizes = try JSONFile.decode(
      Sizes.self,
      from: try TextFile.bytes(
        at: url.path, what: "configuration", limit: FileLimit.modelConfiguration),
      path: url.path, format: "DuoAttention's config.json")
    guard let sink = sizes.sink_size, let recent = sizes.recent_size else { return nil }
    return HeadMap.Window(sink: sink, recent: recent)
  }

  /// The files that are read of a folder with a table of gates, or of one with a model's `config.json`.
  package static func files(in folder: String) -> [String] {
    (tables + ["config.json"]).map { "\(folder)/\($0)" }
  }

  /// Whether `path` is a folder with a table of gates in it.
  public static func isPatternFolder(_ path: String) -> Bool { !tables(in: path).isEmpty }

  /// The tables in the folder at `path`, by name.
  private static func tables(in path: String) -> [String] {
    tables.filter { FileManager.default.fileExists(atPath: "\(path)/\($0)") }
  }

  private struct Sizes: Decodable {
    let sink_size: Int?
    let recent_size: Int?
  }
}
