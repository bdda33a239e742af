import Support
import Transformer

extension ModelFamily {
  /// Mixtral: Mistral with experts in every layer, of which each token goes to two.
  static let mixtral = ModelFamily(
    modelType: "mixtral",
    defaults: FamilyDefaults(
      sizes: [
        "vocab_size": 32_000, "hidden_size": 4_096, "intermediate_size": 14_336,
        "num_hidden_layers": 32, "num_attention_heads": 32, "max_position_embeddings": 131_072,
      ],
      keyValueHeads: 8, rmsNormEpsilon: 1e-5, ropeTheta: 1e6),
    keys: ["num_local_experts", "num_experts", "num_experts_per_tok", "router_jitter_noise"],
    window: .everywhere, biases: .none,
    names: [.router: "block_sparse_moe.gate.weight"],
    expertNames: { expert in
      [
        .expertGate: "block_sparse_moe.experts.\(expert).w1.weight",
        .expertUp: "block_sparse_moe.experts.\(expert).w3.weight",
        .expertDown: "block_sparse_moe.experts.\(expert).w2.weight",
      ]
    },
    isReorderedInGGUF: true,
    ggufKeys: [
      "num_local_experts": "expert_count", "num_experts_per_tok": "expert_used_count",
    ],
    describe: { decoder, configuration throws(FileError) in
      let experts = try decoder.experts(
        ExpertDefaults(
          count: 8, active: 2, width: configuration.feedForward, normalises: true))
      configuration.eachKind { $0.experts = experts }
    },
    write: { $0.kinds[0].experts?.localKeys ?? [:] })
}
