extension ModelFamily {
  /// Llama, and the many models of its architecture (SmolLM2, TinyLlama, Yi, …).
  static let llama = ModelFamily(
    modelType: "llama", architecture: "llama",
    defaults: FamilyDefaults(
      sizes: [
        "vocab_size": 32_000, "hidden_size": 4_096, "intermediate_size": 11_008,
        "num_hidden_layers": 32, "num_attention_heads": 32, "max_position_embeddings": 2_048,
      ],
      rmsNormEpsilon: 1e-6),
    biases: .all, isReorderedInGGUF: true)
}
