import Support
import Transformer

extension ModelFamily {
  /// Granite: Llama with scales of the embeddings, the scores, the residual stream and the logits.
  static let granite = ModelFamily(
    modelType: "granite", architecture: "granite",
    defaults: FamilyDefaults(
      sizes: [
        "vocab_size": 32_000, "hidden_size": 4_096, "intermediate_size": 11_008,
        "num_hidden_layers": 32, "num_attention_heads": 32, "max_position_embeddings": 2_048,
      ],
      rmsNormEpsilon: 1e-6),
    keys: [
      "embedding_multiplier", "attention_multiplier", "residual_multiplier", "logits_scaling",
    ],
    biases: .all, isReorderedInGGUF: true,
    ggufKeys: [
      "embedding_multiplier": "embedding_scale", "attention_multiplier": "attention.scale",
      "residual_multiplier": "residual_scale", "logits_scaling": "logit_scale",
    ],
    ggufScales: [
      "embedding_multiplier", "attention_multiplier", "residual_multiplier", "logits_scaling",
    ],
    // llama.cpp takes it for a switch.
    ggufForeign: ["rope.scaling.finetuned": ForeignKey("layers without positions", .on)],
    describe: { decoder, configuration throws(FileError) in
      configuration.embeddingScale = try decoder.scale("embedding_multiplier")
      configuration.logitScale = 1 / Double(try decoder.scale("logits_scaling"))
      // A GGUF file that does not state it has llama.cpp's 1/√D, and a config.json transformers' 1.
      let key = "attention_multiplier"
      let isMissing = decoder.source == .gguf && decoder.present(key) == nil
      let attention =
        isMissing
        ? 1 / Float(configuration.headDim).squareRoot() : try decoder.scale(key)
      let residual = try decoder.scale("residual_multiplier")
      configuration.eachKind {
        $0.attentionScale = attention
        $0.residualScale = residual
      }
    },
    write: { configuration in
      [
        "embedding_multiplier": .scale(configuration.embeddingScale),
        "logits_scaling": .scale(Float(1 / configuration.logitScale)),
        "attention_multiplier": .scale(configuration.kinds[0].attentionScale ?? 1),
        "residual_multiplier": .scale(configuration.kinds[0].residualScale),
      ]
    })
}

extension ConfigurationDecoder {
  /// A multiplier, 1 where it is absent.
  fileprivate func scale(_ key: String) throws(FileError) -> Float {
    let value = try positive(key, below: 1e9) ?? 1
    guard Float(value) > 0 else { throw invalid(key, "a number above 0 in float32", "\(value)") }
    return Float(value)
  }
}

extension MetadataValue {
  /// A float32 through its decimal digits, so that 0.1 reads as 0.1.
  fileprivate static func scale(_ value: Float) -> MetadataValue {
    .real(Double(value.description) ?? Double(value))
  }
}
