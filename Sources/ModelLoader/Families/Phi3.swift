import Transformer

extension ModelFamily {
  /// Phi-3, Phi-3.5, Phi-4 and Phi-4-mini: fused projections, LongRoPE, and RoPE over a part of each head.
  static let phi3 = ModelFamily(
    modelType: "phi3", architecture: "phi3",
    defaults: FamilyDefaults(
      sizes: [
        "vocab_size": 32_064, "hidden_size": 3_072, "intermediate_size": 8_192,
        "num_hidden_layers": 32, "num_attention_heads": 32, "max_position_embeddings": 4_096,
        "original_max_position_embeddings": 4_096,
      ],
      rmsNormEpsilon: 1e-5),
    keys: ["original_max_position_embeddings"], window: .everywhere, biases: .none, turnsPart: true,
    ropeTypes: [
      "default": .plain, "longrope": .longrope, "su": .longrope, "yarn": .longrope,
    ],
    ggufOtherKeys: ["rope.scaling.attn_factor", "rope.scaling.original_context_length"],
    fused: [
      FusedParameter(name: "self_attn.qkv_proj.weight", parts: [.wq, .wk, .wv]),
      FusedParameter(name: "mlp.gate_up_proj.weight", parts: [.wGate, .wUp]),
    ],
    ggufFused: [
      FusedParameter(name: "attn_qkv.weight", parts: [.wq, .wk, .wv]),
      FusedParameter(name: "ffn_up.weight", parts: [.wGate, .wUp]),
    ],
    write: { configuration in
      guard case .longrope(let longrope)? = configuration.kinds[0].rotary?.scaling else {
        return [:]
      }
      return ["original_max_position_embeddings": .integer(longrope.originalMaxPositions)]
    })
}
