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
