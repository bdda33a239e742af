import Transformer

/// The architectures the tests run: tiny ones of each kind.
public enum Architectures {
  /// Grouped heads, H ≠ K.
  public static let llama = ModelConfiguration(
    modelType: "llama", layers: 3, hidden: 24, feedForward: 40, queryHeads: 6, keyValueHeads: 2,
    headDim: 6, vocabulary: 50, maxPositions: 512)
  /// Biases.
  public static let qwen2 = ModelConfiguration(
    modelType: "qwen2", layers: 2, hidden: 20, feedForward: 33, queryHeads: 3, keyValueHeads: 3,
    headDim: 8, vocabulary: 50, maxPositions: 512, kind: .biased)
  /// Norms of each head.
  public static let qwen3 = ModelConfiguration(
    modelType: "qwen3", layers: 3, hidden: 18, feedForward: 30, queryHeads: 4, keyValueHeads: 2,
    headDim: 10, vocabulary: 50, maxPositions: 512, kind: .normed)
  /// Norms behind the blocks and of whole queries and keys (OLMo 2).
  public static let olmo2 = ModelConfiguration(
    modelType: "olmo2", layers: 3, hidden: 18, feedForward: 30, queryHeads: 4, keyValueHeads: 2,
    headDim: 10, vocabulary: 50, maxPositions: 512,
    kind: kind {
      $0.norms = .behind
      $0.headNorm = .whole
    })
  /// Norms around the blocks, biases, neighbours turned in half of each head (GLM-4), and GELU.
  public static let glm4 = ModelConfiguration(
    modelType: "glm4", layers: 3, hidden: 20, feedForward: 33, queryHeads: 6, keyValueHeads: 2,
    headDim: 8, vocabulary: 50, maxPositions: 512,
    kind: kind {
      $0.norms = .around
      $0.projectionBias = true
      $0.rotary?.isInterleaved = true
      $0.rotary?.features = 4
      $0.activation = .geluTanh
    })
  /// Every scale (Granite), biases behind attention, and a layer without positions (SmolLM3).
  public static let granite: ModelConfiguration = {
    var configuration = ModelConfiguration(
      modelType: "granite", layers: 3, hidden: 24, feedForward: 40, queryHeads: 6,
      keyValueHeads: 2, headDim: 6, vocabulary: 50, maxPositions: 512, embeddingScale: 3,
      logitScale: 0.5,
      kind: kind {
        $0.attentionScale = 0.3
        $0.residualScale = 0.4
        $0.projectionBias = true
        $0.outputBias = true
      })
    configuration.kinds[1].rotary = nil
    return configuration
  }()
  /// A dense layer between two of experts, one of which does not normalise the weights.
  public static let experts: ModelConfiguration = {
    var configuration = ModelConfiguration(
      modelType: "qwen3_moe", layers: 3, hidden: 20, feedForward: 30, queryHeads: 4,
      keyValueHeads: 2, headDim: 8, vocabulary: 50, maxPositions: 512,
      kind: kind {
        $0.headNorm = .perHead
        $0.experts = Experts(count: 5, active: 2, width: 12, normalises: true)
      })
    configuration.kinds[1].experts = nil
    configuration.kinds[2].experts?.normalises = false
    return configuration
  }()
  /// Windows of their own in two of four layers, which have a RoPE of their own (Gemma 3).
  public static let gemma3: ModelConfiguration = {
    var configuration = ModelConfiguration(
      modelType: "gemma3_text", layers: 4, hidden: 20, feedForward: 33, queryHeads: 4,
      keyValueHeads: 2, headDim: 8, vocabulary: 50, maxPositions: 512, tiedEmbeddings: true,
      embeddingScale: 2,
      kind: kind {
        $0.norms = .around
        $0.headNorm = .perHead
        $0.activation = .geluTanh
        $0.rotary = Rotary(theta: 50_000)
      })
    for layer in [1, 3] {
      configuration.kinds[layer].window = 7
      configuration.kinds[layer].rotary = Rotary()
    }
    return configuration
  }()
  /// Both blocks beside each other behind a LayerNorm; a window and positions in two of three layers (Cohere 2).
  public static let cohere2: ModelConfiguration = {
    var configuration = ModelConfiguration(
      modelType: "cohere2", layers: 3, hidden: 20, feedForward: 33, queryHeads: 4,
      keyValueHeads: 2, headDim: 8, vocabulary: 50, centersNorms: true, maxPositions: 512,
      tiedEmbeddings: true, logitScale: 0.25,
      kind: kind {
        $0.norms = .beside
        $0.rotary = nil
      })
    for layer in [0, 1] {
      configuration.kinds[layer].window = 9
      configuration.kinds[layer].rotary = Rotary(isInterleaved: true)
    }
    return configuration
  }()
  /// Experts with biases and a clamped activation, learned sinks, a window in one of two layers (gpt-oss).
  public static let gptOss: ModelConfiguration = {
    var configuration = ModelConfiguration(
      modelType: "gpt_oss", layers: 2, hidden: 20, feedForward: 12, queryHeads: 4,
      keyValueHeads: 2, headDim: 8, vocabulary: 50, maxPositions: 512,
      kind: kind {
        $0.projectionBias = true
        $0.outputBias = true
        $0.learnsSinks = true
        $0.activation = .clamped
        $0.experts = Experts(count: 5, active: 2, width: 12, normalises: true, hasBiases: true)
      })
    configuration.kinds[0].window = 7
    return configuration
  }()
  /// All of them.
  public static let all = [
    llama, qwen2, qwen3, olmo2, glm4, granite, experts, gemma3, cohere2, gptOss,
  ]

  private static func kind(_ change: (inout LayerKind) -> Void) -> LayerKind {
    var kind = LayerKind()
    change(&kind)
    return kind
  }
}

extension LayerKind {
  /// A layer of Qwen2.
  package static var biased: LayerKind {
    var kind = LayerKind()
    kind.projectionBias = true
    return kind
  }

  /// A layer of Qwen3.
  package static var normed: LayerKind {
    var kind = LayerKind()
    kind.headNorm = .perHead
    return kind
  }
}
