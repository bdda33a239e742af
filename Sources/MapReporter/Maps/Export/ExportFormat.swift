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
  /// Sliding-window-attention adaptation for transformers and vLLM.
  case swaa

  /// The exporter of this format.
  public var exporter: any MapExporter {
    switch self {
    case .headMap: HeadMapExporter()
    case .duoAttention: DuoAttentionExporter()
    case .huggingFace: HuggingFaceExporter()
    case .vllm: VLLMExporter()
    case .sglang: SGLangExporter()
    case .swaa: SWAAExporter()
    }
  }

  /// What the format is, in a line of help text.
  public var summary: String {
    switch self {
    case .headMap: "headmap.json, the canonical map"
    case .duoAttention: "full_attention_heads.tsv + config.json, raw gates and the exact 0/1 map"
    case .huggingFace: "config.patch.json with layer_types for transformers (drops the sink)"
    case .vllm: "hf_overrides.json for vLLM (drops the sink)"
    case .sglang: "streaming_sparse_attention.json for SGLang, rounded to blocks of 128"
    case .swaa: "swaa.json for sliding-window-attention-adaptation (keeps the sink)"
    }
  }
}

/// The canonical map as an export like the others.
struct HeadMapExporter: MapExporter {
  let format = ExportFormat.headMap

  func export(_ map: HeadMap) throws(MapReporterError) -> MapExport {
    MapExport(
      files: [ExportedFile(path: "headmap.json", text: try map.json())], warnings: [])
  }
}
