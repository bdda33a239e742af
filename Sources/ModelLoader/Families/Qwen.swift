import Transformer

extension ModelFamily {
  /// Qwen2 and Qwen2.5: biases of queries, keys and values.
  static let qwen2 = ModelFamily(
    modelType: "qwen2", architecture: "qwen2",
    defaults: qwenDefaults(headDim: nil, attentionBias: true), window: .from(layer: 28))

  /// Qwen3: a norm of each query and key head.
  static let qwen3 = ModelFamily(
    modelType: "qwen3", architecture: "qwen3",
    defaults: qwenDefaults(headDim: 128, attentionBias: false), window: .from(layer: 28),
    biases: .all,
    describe: { _, configuration in
      configuration.eachKind { $0.headNorm = .perHead }
    })

  private static func qwenDefaults(headDim: Int?, attentionBias: Bool) -> FamilyDefaults {
    FamilyDefaults(
      sizes: [
        "vocab_size": 151_936, "hidden_size": 4_096, "intermediate_size": 22_016,
        "num_hidden_layers": 32, "num_attention_heads": 32, "max_position_embeddings": 32_768,
      ],
      keyValueHeads: 32, headDim: headDim, rmsNormEpsilon: 1e-6, slidingWindow: 4_096,
      attentionBias: attentionBias)
  }
}
