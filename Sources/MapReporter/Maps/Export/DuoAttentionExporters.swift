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
    let exact = map.heads.rows.map { $0.map { $0 ? 1.0 : 0.0 } }
    let sizes = Sizes(sink_size: map.window.sink, recent_size: map.window.recent)
    let folders = [("duo-attention", map.gates), ("duo-attention-exact", exact)]
    let files = try folders.flatMap { folder, values in
      [
        ExportedFile(path: "\(folder)/full_attention_heads.tsv", text: Self.table(values)),
        try ExportedFile(path: "\(folder)/config.json", json: sizes),
      ]
    }
    return try result(files, of: map, rule: map.exactRule, warnings: warnings(for: map))
  }

  private func warnings(for map: HeadMap) -> [String] {
    var warnings = [
      "duo-attention/ holds the raw gates, which its readers cut at a quantile of their own: the "
        + "result mixes head kinds within a layer.",
      "duo-attention-exact/ holds this map as 0 and 1: give its readers a threshold strictly between "
        + "0 and 1 (0.5), not a sparsity, so that every head keeps its kind; kvpress, which takes "
        + "only a share, keeps it with head_compression_ratio=\(map.sparsity.achieved).",
      "kvpress prunes the cache after the prompt: it computes the prompt itself with full attention.",
    ]
    if map.model.keyValueHeads == 1 {
      warnings.append(
        "The table has one column, which numpy.loadtxt squeezes to one dimension: read it with "
          + "ndmin=2.")
    }
    return warnings
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
    let sizes = BlockSizes(map.window)
    let key = [
      "streaming_sparse_attention": Key(
        sink_size: sizes.sink, recent_size: sizes.recent, sparsity: map.sparsity.achieved,
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
    return try result(
      files, of: map, rule: sizes.rule, warnings: warnings + sizes.warnings)
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
