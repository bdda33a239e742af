/// `tensorrt_llm.yaml` for TensorRT-LLM's LLM API: `kv_cache_config.max_attention_window` per layer.
///
/// `sink_token_length` stays out: recent versions ignore it in their kernels and some reserve its
/// blocks all the same (TensorRT-LLM PR 14275).
struct TensorRTExporter: MapExporter {
  let format = ExportFormat.tensorRT
  /// The window of retrieval layers: above any context, and cut to `max_seq_len` by TensorRT-LLM.
  static let unlimited = 1 << 24

  func export(_ map: HeadMap) throws -> MapExport {
    let windows = try requireLayers(map).map { $0 ? Self.unlimited : map.window.recent }
    let text = """
      # For trtllm-serve --extra_llm_api_options; the same list goes to KvCacheConfig(max_attention_window=…).
      # One window per layer; \(Self.unlimited) is full attention, cut to max_seq_len.
      kv_cache_config:
        max_attention_window: [\(windows.map(String.init).joined(separator: ", "))]

      """
    return try result(
      [ExportedFile(path: "tensorrt_llm.yaml", text: text)], of: map, rule: map.slidingRule,
      warnings: warnings(for: map))
  }

  private func warnings(for map: HeadMap) -> [String] {
    var warnings = [
      "Give the file to the LLM API or to trtllm-serve --extra_llm_api_options."
    ]
    warnings += map.sinkWarning(
      target: "TensorRT-LLM",
      remedy: "sink_token_length is left out, since its kernels ignore it; widen recent instead")
    if map.hasStreaming {
      warnings.append(
        "max_attention_window bounds the KV cache; with the PyTorch back end attention itself slides "
          + "only where the model's class passes attention_window_size, so compare a long prompt with "
          + "the golden mask.")
    }
    return warnings
  }
}
