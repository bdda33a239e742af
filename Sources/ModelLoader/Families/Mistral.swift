extension ModelFamily {
  /// Mistral: Llama with a window over all layers in its first versions.
  static let mistral = ModelFamily(
    modelType: "mistral",
    defaults: FamilyDefaults(
      sizes: [
        "vocab_size": 32_000, "hidden_size": 4_096, "intermediate_size": 14_336,
        "num_hidden_layers": 32, "num_attention_heads": 32, "max_position_embeddings": 131_072,
      ],
      keyValueHeads: 8, rmsNormEpsilon: 1e-6, slidingWindow: 4_096),
    window: .everywhere, biases: .none)
}
