/// `rtp_llm.json`, the `headwise_config` of RTP-LLM: one 0 or 1 per **query** head, 1 for retrieval.
///
/// `swa_token_num` becomes FlashInfer's `window_left`, which does not count the current token, so it
/// is one less than `recent`. From `seqlen_threshold` tokens on a prompt is computed head-wise: with
/// sink + recent, below which streaming hides nothing.
struct RTPExporter: MapExporter {
  let format = ExportFormat.rtpLLM

  func export(_ map: HeadMap) throws -> MapExport {
    guard let queryHeads = map.model.queryHeads else {
      throw MapReporterError.notExpressible(
        format: format.rawValue,
        reason: "it lists query heads, and the map does not say how many the model has; name the "
          + "model with --model")
    }
    var values: [String: Entry] = [
      "sink_token_num": .size(map.window.sink), "swa_token_num": .size(map.window.recent - 1),
      "seqlen_threshold": .size(map.window.sink + map.window.recent),
    ]
    for (layer, row) in try self.queryHeads(of: map, total: queryHeads).enumerated() {
      values["\(layer)"] = .heads(row.map { $0 ? 1 : 0 })
    }
    return try result(
      [ExportedFile(path: "rtp_llm.json", json: ["headwise_config": values])], of: map,
      rule: map.exactRule,
      warnings: warnings(for: map))
  }

  private func warnings(for map: HeadMap) -> [String] {
    var warnings = [
      "Merge headwise_config into the model's config.json; a layer that it does not list is all "
        + "retrieval.",
      "RTP-LLM streams only in the prompt: a prompt of at least \(map.window.sink + map.window.recent) "
        + "tokens, and with FP8 caches only one without a reused prefix; decoding sees everything.",
    ]
    if map.window.sink > 0 {
      warnings.append("Older versions read the sink from one page of the cache: keep it within it.")
    }
    if !map.heads.mixedLayers.isEmpty {
      warnings.append(
        "Its kernels deal the chosen query heads out evenly over all key-value heads, so in layers "
          + "that mix kinds (\(map.heads.mixedLayers.count) of \(map.model.layers) here) heads can meet keys "
          + "that are not theirs: compare with full attention before relying on it.")
    }
    return warnings
  }

  private enum Entry: Encodable {
    case size(Int)
    case heads([Int])

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .size(let size): try container.encode(size)
      case .heads(let heads): try container.encode(heads)
      }
    }
  }
}
