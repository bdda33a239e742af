import Transformer

/// A runtime that applies maps, by the name of its export format.
public enum Runtime: String, SettingChoice {
  /// DuoAttention's own code, LServe and others that stream in prompt and decoding.
  case duoAttention = "duo-attention"
  /// kvpress' DuoAttentionPress, which prunes the cache once after a full prompt.
  case kvpress
  /// Hugging Face transformers with sliding layers.
  case huggingFace = "huggingface"
  /// vLLM with sliding layers.
  case vllm
  /// SGLang's LongCat ZigZag back end.
  case sglang
  /// SGLang's transformers back end, whose sliding layers see one token more.
  case sglangTransformers = "sglang-transformers"
  /// The DuoAttention back end of SGLang-FluentLLM.
  case fluentLLM = "fluentllm"
  /// Sliding-window-attention adaptation.
  case swaa
  /// RTP-LLM's head-wise attention.
  case rtpLLM = "rtp-llm"
  /// TensorRT-LLM with a window for each layer.
  case tensorRT = "tensorrt-llm"
  /// mlx-lm with sliding layers.
  case mlx
  /// llama.cpp with sliding layers.
  case gguf

  /// Its name for people.
  package var title: String {
    switch self {
    case .duoAttention: "DuoAttention"
    case .kvpress: "kvpress"
    case .huggingFace: "transformers"
    case .vllm: "vLLM"
    case .sglang: "SGLang's LongCat ZigZag back end"
    case .sglangTransformers: "SGLang's transformers back end"
    case .fluentLLM: "SGLang-FluentLLM"
    case .swaa: "SWAA"
    case .rtpLLM: "RTP-LLM"
    case .tensorRT: "TensorRT-LLM"
    case .mlx: "mlx-lm"
    case .gguf: "llama.cpp"
    }
  }

  /// Where its streaming heads stream.
  public var phase: Deployment.Phase {
    switch self {
    case .kvpress: .decode
    case .rtpLLM: .prompt
    default: .everywhere
    }
  }

  /// What its streaming heads see after the prompt.
  public var after: Deployment.After { self == .kvpress ? .keep : .slide }

  /// Whether it keeps the first tokens in sight.
  public var keepsSink: Bool {
    switch self {
    case .huggingFace, .vllm, .sglangTransformers, .tensorRT, .mlx, .gguf: false
    default: true
    }
  }

  /// Tokens that come and go together in its window.
  public var block: Int { self == .sglang || self == .fluentLLM ? 128 : 1 }

  /// What it makes of a map with this window.
  ///
  /// - Parameters:
  ///   - sink: First tokens that are to stay visible.
  ///   - recent: Width of the window, the current token included.
  ///   - boundary: Where the prompt ends, for a runtime to which it matters.
  /// - Returns: The sizes as it applies them, and where.
  public func deployment(
    sink: Int, recent: Int, boundary: Deployment.Boundary = .question
  ) -> Deployment {
    func roundedUp(_ tokens: Int) -> Int { (tokens + block - 1) / block * block }
    let window = StreamingWindow(
      sink: keepsSink ? roundedUp(sink) : 0,
      recent: roundedUp(recent) + (self == .sglangTransformers ? 1 : 0), block: block)
    return Deployment(
      window, phase: phase, boundary: phase == .everywhere ? .question : boundary, after: after)
  }
}
