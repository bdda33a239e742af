import Transformer

extension ModelFamily {
  /// OLMo 3: OLMo 2 with a window in three of four layers; RoPE is stretched in the global ones alone.
  static let olmo3 = ModelFamily(
    modelType: "olmo3",
    defaults: FamilyDefaults(
      sizes: [
        "vocab_size": 50_304, "hidden_size": 4_096, "intermediate_size": 11_008,
        "num_hidden_layers": 32, "num_attention_heads": 32, "max_position_embeddings": 2_048,
      ],
      rmsNormEpsilon: 1e-5, ropeTheta: 500_000, slidingWindow: 4_096),
    window: .pattern(every: 4), biases: .all,
    ropeByKind: RopeByKind(localThetaKey: nil, localTheta: nil), names: olmo2.names,
    ggufKeys: ["sliding_window_pattern": "attention.sliding_window_pattern"],
    describe: olmo2.describe)
}
