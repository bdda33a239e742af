import Support
import Transformer

extension ModelFamily {
  /// Gemma 3, its text part: norms before and behind both blocks that multiply by 1 + w, norms of queries and keys, a
  /// window in five of six layers, which have a RoPE of their own.
  static let gemma3 = ModelFamily(
    modelType: "gemma3_text", architecture: "gemma3",
    defaults: FamilyDefaults(
      sizes: [
        "vocab_size": 262_208, "hidden_size": 2_304, "intermediate_size": 9_216,
        "num_hidden_layers": 26, "num_attention_heads": 8, "max_position_embeddings": 131_072,
      ],
      keyValueHeads: 4, headDim: 256, rmsNormEpsilon: 1e-6, ropeTheta: 1e6, slidingWindow: 4_096,
      tiedEmbeddings: true),
    keys: [
      "hidden_activation", "query_pre_attn_scalar", "sliding_window_pattern",
      "rope_local_base_freq",
    ],
    window: .pattern(every: 6), biases: .all,
    ropeByKind: RopeByKind(localThetaKey: "rope_local_base_freq", localTheta: 10_000),
    names: [
      .attentionOutputNorm: "post_attention_layernorm.weight",
      .mlpNorm: "pre_feedforward_layernorm.weight",
      .mlpOutputNorm: "post_feedforward_layernorm.weight",
    ],
    ggufKeys: [
      "sliding_window_pattern": "attention.sliding_window_pattern",
      "rope_local_base_freq": "rope.freq_base_swa",
    ],
    normsHaveOffset: true,
    describe: { decoder, configuration throws(FileError) in
      configuration.embeddingScale = Float(configuration.hidden).squareRoot()
      let scalar = try decoder.queryScalar(configuration)
      let activation = try decoder.gemmaActivation()
      configuration.eachKind {
        $0.norms = .around
        $0.headNorm = .perHead
        $0.attentionScale = 1 / Float(scalar).squareRoot()
        $0.activation = activation
      }
    },
    write: { configuration in
      let scale = configuration.kinds[0].attentionScale ?? 1
      return [
        "query_pre_attn_scalar": .real(Double((1 / (scale * scale)).description) ?? 0),
        "hidden_activation": .text(ConfigurationKeys.name(of: configuration.kinds[0].activation)),
      ]
    })
}

extension ConfigurationDecoder {
  /// What the scores are divided by the square root of: llama.cpp knows it by the number of layers.
  fileprivate func queryScalar(_ configuration: ModelConfiguration) throws(FileError) -> Double {
    if source == .gguf {
      let isLargest = configuration.layers == 62
      return Double(
        isLargest ? configuration.hidden / configuration.queryHeads : configuration.headDim)
    }
    return try positive("query_pre_attn_scalar", below: 1e9) ?? 256
  }

  /// `hidden_activation`, which is GELU where nothing states it; transformers does not look at `hidden_act`.
  fileprivate func gemmaActivation() throws(FileError) -> Activation {
    let key = "hidden_activation"
    guard let value = present(key) else { return .geluTanh }
    guard let activation = value.text.flatMap({ ConfigurationKeys.activations[$0] }) else {
      throw unsupported(
        key, "the activation \(value.quoted)", "\(key) \"gelu_pytorch_tanh\" or \"silu\"")
    }
    return activation
  }
}
