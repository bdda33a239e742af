import Transformer

extension ModelFamily {
  /// OLMo 2: norms behind the blocks alone, and norms of all query and all key heads together.
  static let olmo2 = ModelFamily(
    modelType: "olmo2", architecture: "olmo2",
    defaults: FamilyDefaults(
      sizes: [
        "vocab_size": 50_304, "hidden_size": 4_096, "intermediate_size": 11_008,
        "num_hidden_layers": 32, "num_attention_heads": 32, "max_position_embeddings": 2_048,
      ],
      rmsNormEpsilon: 1e-5),
    biases: .all,
    names: [
      .attentionOutputNorm: "post_attention_layernorm.weight",
      .mlpOutputNorm: "post_feedforward_layernorm.weight",
    ],
    describe: { _, configuration in
      configuration.eachKind {
        $0.norms = .behind
        $0.headNorm = .whole
      }
    })
}
