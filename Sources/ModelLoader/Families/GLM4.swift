import Transformer

extension ModelFamily {
  /// GLM-4 (0414): norms before and behind both blocks, and RoPE that turns neighbours in half of each head.
  static let glm4 = ModelFamily(
    modelType: "glm4", architecture: "glm4",
    defaults: FamilyDefaults(
      sizes: [
        "vocab_size": 151_552, "hidden_size": 4_096, "intermediate_size": 13_696,
        "num_hidden_layers": 40, "num_attention_heads": 32, "max_position_embeddings": 131_072,
      ],
      keyValueHeads: 2, headDim: 128, rmsNormEpsilon: 1.5625e-07, attentionBias: true,
      turnedShare: 0.5),
    turnsPart: true,
    fused: [FusedParameter(name: "mlp.gate_up_proj.weight", parts: [.wGate, .wUp])],
    ggufFused: [FusedParameter(name: "ffn_up.weight", parts: [.wGate, .wUp])],
    describe: { _, configuration in
      configuration.eachKind {
        $0.norms = .around
        $0.rotary?.isInterleaved = true
      }
    })
}
