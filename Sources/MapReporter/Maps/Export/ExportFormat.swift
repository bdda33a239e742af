/// The formats a map can be written in.
public enum ExportFormat: String, CaseIterable, Sendable {
  /// The canonical `headmap.json`.
  case headMap = "headmap"
  /// DuoAttention's folder, also read by kvpress, LServe, RLKV and PruLong.
  case duoAttention = "duo-attention"
  /// A patch to a Hugging Face `config.json`.
  case huggingFace = "huggingface"
  /// vLLM's `hf_overrides`.
  case vllm
  /// SGLang's LongCat ZigZag back end.
  case sglang
  /// The DuoAttention back end of SGLang-FluentLLM.
  case fluentLLM = "fluentllm"
  /// Sliding-window-attention adaptation for transformers and vLLM.
  case swaa
  /// RTP-LLM's head-wise attention.
  case rtpLLM = "rtp-llm"
  /// TensorRT-LLM's KV cache configuration.
  case tensorRT = "tensorrt-llm"
  /// A patch to the `config.json` of an MLX model.
  case mlx
  /// Metadata of a GGUF file.
  case gguf

  /// The exporter of this format.
  public var exporter: any MapExporter {
    switch self {
    case .headMap: HeadMapExporter()
    case .duoAttention: DuoAttentionExporter()
    case .huggingFace: HuggingFaceExporter()
    case .vllm: VLLMExporter()
    case .sglang: SGLangExporter()
    case .fluentLLM: FluentLLMExporter()
    case .swaa: SWAAExporter()
    case .rtpLLM: RTPExporter()
    case .tensorRT: TensorRTExporter()
    case .mlx: MLXExporter()
    case .gguf: GGUFExporter()
    }
  }

  /// What the format is, in a line of help text.
  public var summary: String {
    switch self {
    case .headMap: "headmap.json, the canonical map"
    case .duoAttention: "full_attention_heads.tsv + config.json, raw gates and the exact 0/1 map"
    case .huggingFace: "config.patch.json with layer_types for transformers (drops the sink)"
    case .vllm: "hf_overrides.json for vLLM (drops the sink)"
    case .sglang: "streaming_sparse_attention.json for SGLang, in blocks of 128"
    case .fluentLLM: "the same key with a head_score table for SGLang-FluentLLM, in blocks of 128"
    case .swaa: "swaa.json for sliding-window-attention-adaptation (keeps the sink)"
    case .rtpLLM: "rtp_llm.json with headwise_config for RTP-LLM (keeps the sink; single heads)"
    case .tensorRT: "tensorrt_llm.yaml with kv_cache_config (drops the sink)"
    case .mlx: "mlx_config.patch.json with layer_types for mlx-lm (drops the sink)"
    case .gguf: "gguf_metadata.json with sliding_window keys for llama.cpp (drops the sink)"
    }
  }
}

/// The canonical map as an export like the others.
struct HeadMapExporter: MapExporter {
  let format = ExportFormat.headMap

  func export(_ map: HeadMap) throws -> MapExport {
    try result(
      [ExportedFile(path: "headmap.json", text: try map.json())], of: map, rule: map.exactRule,
      warnings: [])
  }
}
