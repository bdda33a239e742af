import Foundation
import GateOptimizer

/// DuoAttention's pattern folder: `full_attention_heads.tsv` and `config.json`.
///
/// The table has L rows × K columns, tabs between, `%.18e`, no header, newline at the end; 1 is full
/// attention. Loaders clip it to [0, 1] and cut it at a quantile of their own, so the raw gates give
/// head-mixed maps; the second folder holds this map as 0 and 1.
struct DuoAttentionExporter: MapExporter {
  let format = ExportFormat.duoAttention

  func export(_ map: HeadMap) throws -> MapExport {
    let sizes = Sizes(sink_size: map.window.sink, recent_size: map.window.recent)
    let folders = [("duo-attention", map.gates), ("duo-attention-exact", Self.exact(map))]
    let files = try folders.flatMap { folder, values in
      [
        ExportedFile(path: "\(folder)/full_attention_heads.tsv", text: Self.table(values)),
        try ExportedFile(path: "\(folder)/config.json", json: sizes),
      ]
    }
    return try result(files, of: map, warnings: warnings(for: map))
  }

  private func warnings(for map: HeadMap) -> [String] {
    let warnings = [
      "duo-attention/ holds the raw gates, which its readers cut at a quantile of their own: the "
        + "result mixes head kinds within a layer.",
      "duo-attention-exact/ holds this map as 0 and 1: give its readers a threshold strictly between "
        + "0 and 1 (0.5), not a sparsity, so that every head keeps its kind.",
    ]
    return warnings + Self.columnWarning(for: map)
  }

  /// What happens to a table of one column.
  static func columnWarning(for map: HeadMap) -> [String] {
    guard map.model.keyValueHeads == 1 else { return [] }
    return [
      "The table has one column, which numpy.loadtxt squeezes to one dimension: read it with ndmin=2."
    ]
  }

  /// The map as 0 and 1.
  static func exact(_ map: HeadMap) -> [[Double]] {
    map.heads.rows.map { $0.map { $0 ? 1 : 0 } }
  }

  /// Rows of gates in the format that GateOptimizer reads and writes.
  static func table(_ rows: [[Double]]) -> String {
    GateMatrix(layers: rows.count, heads: rows[0].count, values: Array(rows.joined())).tsv
  }

  private struct Sizes: Encodable {
    let sink_size: Int
    let recent_size: Int
  }
}

/// The exact table for kvpress' DuoAttentionPress, which streams in decoding only: it prunes the cache once, after
/// the prompt.
///
/// The press takes a share of heads with the least scores. Of a table of 0 and 1 it prunes exactly the 0s when the
/// share is theirs, which `config.json` states beside the sizes that the press reads.
struct KVPressExporter: MapExporter {
  let format = ExportFormat.kvpress

  func export(_ map: HeadMap) throws -> MapExport {
    let files = [
      ExportedFile(
        path: "kvpress/full_attention_heads.tsv",
        text: DuoAttentionExporter.table(DuoAttentionExporter.exact(map))),
      try ExportedFile(
        path: "kvpress/config.json",
        json: Configuration(
          sink_size: map.window.sink, recent_size: map.window.recent,
          head_compression_ratio: map.sparsity.achieved)),
    ]
    let warnings = [
      "DuoAttentionPress downloads its tables: override load_attention_pattern so that it returns this one, "
        + "and give head_compression_ratio=\(map.sparsity.achieved)."
    ]
    return try result(
      files, of: map, warnings: warnings + DuoAttentionExporter.columnWarning(for: map))
  }

  private struct Configuration: Encodable {
    let sink_size: Int
    let recent_size: Int
    let head_compression_ratio: Double
  }
}

/// The `streaming_sparse_attention` key of SGLang-FluentLLM's `duo_attn` back end, with its table.
///
/// `head_score` names a DuoAttention table relative to the model. The back end keeps what is not below
/// the table's `sparsity` quantile, which of a table of 0 and 1 with just that share of 0 keeps exactly
/// the 1s. It reads a table of query heads too, the way round a table of one column, which it cannot
/// read.
struct FluentLLMExporter: MapExporter {
  let format = ExportFormat.fluentLLM

  func export(_ map: HeadMap) throws -> MapExport {
    guard map.heads.streamingCount < map.heads.count else {
      throw MapReporterError.notExpressible(
        format: format.rawValue,
        reason:
          "its back end reads a table without a retrieval head as one without streaming heads; "
          + "keep at least one retrieval layer")
    }
    let table = try columns(of: map)
    let window = format.deployment(of: map).window
    let key = [
      "streaming_sparse_attention": Key(
        sink_size: window.sink, recent_size: window.recent, sparsity: map.sparsity.achieved,
        head_score: "full_attention_heads.tsv")
    ]
    let files = [
      try ExportedFile(path: "fluentllm/streaming_sparse_attention.json", json: key),
      ExportedFile(
        path: "fluentllm/full_attention_heads.tsv", text: DuoAttentionExporter.table(table)),
    ]
    let warnings = [
      "Merge the key into the model's config.json and put the table beside it; in the table 1 is "
        + "retrieval. Leave sparsity as it is: the back end cuts the table at that quantile."
    ]
    return try result(files, of: map, warnings: warnings + blockWarning(for: map))
  }

  /// The map as 0 and 1, by key-value head, or by query head where there is only one of the former.
  private func columns(of map: HeadMap) throws -> [[Double]] {
    var heads = map.heads.rows
    if map.model.keyValueHeads == 1 {
      heads = try queryHeads(of: map, total: map.model.queryHeads ?? 1)
    }
    guard let first = heads.first, first.count > 1 else {
      throw MapReporterError.notExpressible(
        format: format.rawValue,
        reason:
          "its back end cannot read a table of one column; name the model with --model, so that "
          + "query heads can be written instead")
    }
    return heads.map { $0.map { $0 ? 1 : 0 } }
  }

  private struct Key: Encodable {
    let sink_size: Int
    let recent_size: Int
    let sparsity: Double
    let head_score: String
  }
}
