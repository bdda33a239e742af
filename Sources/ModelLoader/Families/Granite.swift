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
    keys: Set(scales.keys), biases: .all, isReorderedInGGUF: true,
    ggufKeys: scales, ggufScales: Set(scales.keys), ggufForeign: withoutPositions,
    describe: { decoder, configuration throws(FileError) in
      try decoder.readScales(&configuration)
    },
    write: { $0.graniteScales })

  /// Granite's mixtures of experts: all layers have experts, whose projections share a tensor.
  static let graniteMoE = ModelFamily(
    modelType: "granitemoe", architecture: "granitemoe", defaults: granite.defaults,
    keys: granite.keys.union(["num_local_experts", "num_experts", "num_experts_per_tok"]),
    biases: .all,
    names: [
      .router: "block_sparse_moe.router.layer.weight",
      .expertDown: "block_sparse_moe.output_linear.weight",
    ],
    expertNames: { _ in [:] },
    isReorderedInGGUF: true,
    ggufKeys: scales.merging([
      "num_local_experts": "expert_count", "num_experts_per_tok": "expert_used_count",
    ]) { $1 },
    ggufScales: granite.ggufScales, ggufForeign: withoutPositions,
    unpack: splitExperts,
    describe: { decoder, configuration throws(FileError) in
      try decoder.readScales(&configuration)
      let experts = try decoder.experts(
        ExpertDefaults(
          count: 8, active: 2, width: configuration.feedForward, normalises: true))
      configuration.eachKind { $0.experts = experts }
    },
    write: { configuration in
      configuration.graniteScales.merging(configuration.kinds[0].experts?.localKeys ?? [:]) { $1 }
    })

  /// The four scales, and their names in a GGUF file.
  private static let scales = [
    "embedding_multiplier": "embedding_scale", "attention_multiplier": "attention.scale",
    "residual_multiplier": "residual_scale", "logits_scaling": "logit_scale",
  ]

  /// llama.cpp takes it for a switch.
  private static let withoutPositions = [
    "rope.scaling.finetuned": ForeignKey("layers without positions", .on)
  ]

  /// `input_linear`, (E, 2F, C), as gate and up, (E, F, C) each.
  @Sendable private static func splitExperts(
    _ tensors: [String: SourceTensor], _ configuration: ModelConfiguration
  ) throws(FileError) -> [String: SourceTensor] {
    var tensors = tensors
    for (index, kind) in configuration.kinds.enumerated() {
      let prefix = "model.layers.\(index)."
      guard let experts = kind.experts,
        let both = tensors.removeValue(forKey: "\(prefix)block_sparse_moe.input_linear.weight")
      else { continue }
      let width = experts.width
      try both.require([experts.count, 2 * width, configuration.hidden])
      for (place, part) in [LayerParameter.expertGate, .expertUp].enumerated() {
        tensors[prefix + part.rawValue] = both.assembled(
          [experts.count, width, configuration.hidden]
        ) { (expert) throws(FileError) in
          let bytes = try both.bytes(at: expert)
          let half = bytes.count / 2
          return Array(bytes[place * half..<(place + 1) * half])
        }
      }
    }
    return tensors
  }
}

extension ModelConfiguration {
  /// Granite's scales under Hugging Face's keys.
  fileprivate var graniteScales: [String: MetadataValue] {
    [
      "embedding_multiplier": .scale(embeddingScale),
      "logits_scaling": .scale(Float(1 / logitScale)),
      "attention_multiplier": .scale(kinds[0].attentionScale ?? 1),
      "residual_multiplier": .scale(kinds[0].residualScale),
    ]
  }
}

extension ConfigurationDecoder {
  /// Reads Granite's scales into all layers.
  fileprivate func readScales(_ configuration: inout ModelConfiguration) throws(FileError) {
    configuration.embeddingScale = try scale("embedding_multiplier")
    configuration.logitScale = 1 / Double(try scale("logits_scaling"))
    // A GGUF file that does not state it has llama.cpp's 1/√D, and a config.json transformers' 1.
    let key = "attention_multiplier"
    let isMissing = source == .gguf && present(key) == nil
    let attention =
      isMissing ? 1 / Float(configuration.headDim).squareRoot() : try scale(key)
    let residual = try scale("residual_multiplier")
    configuration.eachKind {
      $0.attentionScale = attention
      $0.residualScale = residual
    }
  }

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
