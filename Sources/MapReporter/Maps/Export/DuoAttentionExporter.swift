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
