import Support
import Transformer

extension ModelFamily {
  /// Cohere 2 (Command R7B, Command A): both blocks beside each other behind one LayerNorm; three of four layers slide a
  /// window, and they alone have positions.
  static let cohere2 = ModelFamily(
    modelType: "cohere2", architecture: "cohere2",
    defaults: FamilyDefaults(
      sizes: [
        "vocab_size": 256_000, "hidden_size": 8_192, "intermediate_size": 22_528,
        "num_hidden_layers": 40, "num_attention_heads": 64, "max_position_embeddings": 8_192,
      ],
      rmsNormEpsilon: 1e-5, slidingWindow: 4_096, tiedEmbeddings: true),
    keys: [
      "logit_scale", "sliding_window_pattern", "layer_switch", "order_of_interleaved_layers",
      "use_parallel_embedding", "use_embedding_sharing",
    ],
    foreign: [
      "use_parallel_block": ForeignKey("blocks one behind the other", .on),
      "use_gated_activation": ForeignKey("a feed-forward block without a gate", .on),
      "position_embedding_type": ForeignKey("other positions", .texts(["rope_gptj"])),
    ],
    epsilonKey: "layer_norm_eps", turnsInWindowsAlone: true, window: .pattern(every: 4),
    biases: .all,
    ggufKeys: [
      "logit_scale": "logit_scale", "layer_norm_eps": "attention.layer_norm_epsilon",
      "sliding_window_pattern": "attention.sliding_window_pattern",
    ],
    ggufScales: ["logit_scale"],
    describe: { decoder, configuration throws(FileError) in
      // A GGUF file that states none has none.
      let missing = decoder.source == .gguf ? 1 : 0.0625
      configuration.logitScale = try decoder.positive("logit_scale", below: 1e9) ?? missing
      configuration.centersNorms = true
      configuration.eachKind {
        $0.norms = .beside
        $0.rotary?.isInterleaved = true
      }
    },
    write: { ["logit_scale": .real($0.logitScale)] })
}
