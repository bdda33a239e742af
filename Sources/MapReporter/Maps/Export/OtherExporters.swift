/// The `streaming_sparse_attention` key of SGLang's LongCat ZigZag back end.
///
/// `layer_type` has one character per attention layer, '1' for **streaming**. Its kernels count in
/// blocks of 128 tokens, so sink and recent are rounded up.
struct SGLangExporter: MapExporter {
  let format = ExportFormat.sglang

  func export(_ map: HeadMap) throws -> MapExport {
    let layers = try requireLayers(map)
    let window = format.deployment(of: map).window
    let key = [
      "streaming_sparse_attention": Key(
        sink_size: window.sink, recent_size: window.recent, sparsity: map.sparsity.achieved,
        layer_type: layers.map { $0 ? "0" : "1" }.joined())
    ]
    var warnings = [
      "Merge the key into the model's config.json; in layer_type 1 is streaming.",
      "No release of SGLang reads the key: pull request 18093, which does, was closed unmerged.",
      "For its transformers back end export huggingface instead, with is_hybrid_swa: true and sliding_window "
        + "one less, since a layer there sees one token more.",
    ]
    warnings += blockWarning(for: map)
    if map.model.keyValueHeads > 1 {
      warnings.append(
        "The back end of PR 18093 is for multi-head latent attention: its decoding kernel takes one "
          + "key-value head, and this map has \(map.model.keyValueHeads).")
    }
    return try result(
      [
        ExportedFile(path: "streaming_sparse_attention.json", json: key)
      ], of: map, warnings: warnings)
  }

  private struct Key: Encodable {
    let sink_size: Int
    let recent_size: Int
    let sparsity: Double
    let layer_type: String
  }
}

extension MapExporter {
  /// What a window that moves by whole blocks shows of a map that is for another one, as the LongCat ZigZag kernels
  /// have it.
  func blockWarning(for map: HeadMap) -> [String] {
    let deployment = format.deployment(of: map)
    guard deployment != map.window.deployment else { return [] }
    let (recent, block) = (deployment.window.recent, deployment.window.block)
    let least = recent - block + 1
    return [
      "The window moves by whole blocks: a token sees the last \(least) to \(recent) tokens, by its place in "
        + "its block"
        + (least < map.window.recent
          ? "; with recent \(map.window.recent + block - 1) it would never see fewer than "
            + "\(map.window.recent)." : ".")
    ]
  }
}

/// `tensorrt_llm.yaml` for TensorRT-LLM's LLM API: `kv_cache_config.max_attention_window` per layer.
///
/// `sink_token_length` stays out: its attention has dropped it (TensorRT-LLM PR 14275).
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
      [ExportedFile(path: "tensorrt_llm.yaml", text: text)], of: map,
      warnings: warnings(for: map))
  }

  private func warnings(for map: HeadMap) -> [String] {
    var warnings = [
      "Give the file to the LLM API or to trtllm-serve --extra_llm_api_options."
    ]
    if map.window.sink > 0, map.hasStreaming {
      warnings.append("sink_token_length is left out, since TensorRT-LLM has removed it.")
    }
    if map.hasStreaming {
      warnings.append(
        "max_attention_window bounds the KV cache; with the PyTorch back end attention itself slides "
          + "only where the model's class passes attention_window_size, so compare a long prompt with "
          + "the golden mask.")
    }
    return warnings
  }
}

/// `gguf_metadata.json`: the keys of a GGUF file that make single layers slide, with their types.
///
/// `{arch}.attention.sliding_window` counts the current token; of
/// `{arch}.attention.sliding_window_pattern`, one truth value per layer, true is **sliding**.
struct GGUFExporter: MapExporter {
  let format = ExportFormat.gguf

  func export(_ map: HeadMap) throws -> MapExport {
    let layers = try requireLayers(map)
    guard let type = map.model.modelType else {
      throw MapReporterError.notExpressible(
        format: format.rawValue,
        reason: "its keys begin with the model's architecture, and the map does not name its "
          + "model_type; name the model with --model")
    }
    let prefix = "\(Self.architecture(of: type)).attention.sliding_window"
    let metadata = [
      prefix: Entry(type: "UINT32", value: .size(map.window.recent)),
      "\(prefix)_pattern": Entry(type: "ARRAY of BOOL", value: .layers(layers.map { !$0 })),
    ]
    return try result(
      [try ExportedFile(path: "gguf_metadata.json", json: metadata)], of: map,
      warnings: warnings(for: map, type: type))
  }

  /// GGUF's name for the architecture of a Hugging Face model type.
  static func architecture(of type: String) -> String {
    switch type {
    case "mistral", "llama": "llama"
    case "olmo3": "olmo2"
    default: type.filter { $0 != "_" }
    }
  }

  private func warnings(for map: HeadMap, type: String) -> [String] {
    [
      "Write the two keys into a copy of the GGUF file (with gguf's Python package; --override-kv "
        + "takes no arrays); in the pattern true is sliding.",
      "llama.cpp reads the pattern of few architectures, such as gemma4 and step35, and ignores it in "
        + "silence for others, llama, qwen2 and qwen3 among them: check that "
        + "\(Self.architecture(of: type)) honours it.",
    ]
  }

  private struct Entry: Encodable {
    let type: String
    let value: Value
  }

  private enum Value: Encodable {
    case size(Int)
    case layers([Bool])

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .size(let size): try container.encode(size)
      case .layers(let layers): try container.encode(layers)
      }
    }
  }
}

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
      warnings: warnings(for: map))
  }

  private func warnings(for map: HeadMap) -> [String] {
    var warnings = [
      "Merge headwise_config into the model's config.json; a layer that it does not list is all "
        + "retrieval.",
      "RTP-LLM streams a prompt of at least \(map.window.sink + map.window.recent) tokens, and with FP8 caches "
        + "only one without a reused prefix.",
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
