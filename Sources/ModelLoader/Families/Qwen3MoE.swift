import Support
import Transformer

extension ModelFamily {
  /// Qwen3's mixtures of experts (30B-A3B, 235B-A22B).
  static let qwen3MoE = ModelFamily(
    modelType: "qwen3_moe", architecture: "qwen3moe",
    defaults: FamilyDefaults(
      sizes: [
        "vocab_size": 151_936, "hidden_size": 2_048, "intermediate_size": 6_144,
        "num_hidden_layers": 24, "num_attention_heads": 32, "max_position_embeddings": 32_768,
      ],
      keyValueHeads: 4, rmsNormEpsilon: 1e-6, slidingWindow: 4_096),
    keys: [
      "num_experts", "num_local_experts", "num_experts_per_tok", "moe_intermediate_size",
      "norm_topk_prob", "decoder_sparse_step", "mlp_only_layers",
    ],
    window: .all, biases: .all,
    ggufKeys: [
      "num_experts": "expert_count", "num_experts_per_tok": "expert_used_count",
      "moe_intermediate_size": "expert_feed_forward_length",
      "norm_topk_prob": "expert_weights_norm",
    ],
    describe: { decoder, configuration throws(FileError) in
      // Where a GGUF file does not state it, llama.cpp normalises.
      let normalises = try decoder.flag("norm_topk_prob") ?? (decoder.source == .gguf)
      let experts = try decoder.experts(
        ExpertDefaults(count: 128, active: 8, width: 768, normalises: normalises))
      let step = try decoder.optionalSize("decoder_sparse_step") ?? 1
      let dense = try decoder.layers("mlp_only_layers", of: configuration.layers)
      for index in configuration.kinds.indices {
        configuration.kinds[index].headNorm = .perHead
        if (index + 1) % step == 0, !dense.contains(index) {
          configuration.kinds[index].experts = experts
        }
      }
    },
    write: { configuration in
      let dense = configuration.kinds.indices.filter { configuration.kinds[$0].experts == nil }
      return (configuration.kinds.lazy.compactMap(\.experts).first?.keys ?? [:])
        .merging(dense.isEmpty ? [:] : ["mlp_only_layers": .integers(dense)]) { $1 }
    })
}

/// What absent keys of a mixture stand for.
struct ExpertDefaults {
  var count: Int
  var active: Int
  var width: Int
  var normalises: Bool
}

extension Experts {
  /// Hugging Face's keys.
  var keys: [String: MetadataValue] {
    [
      "num_experts": .integer(count), "num_experts_per_tok": .integer(active),
      "moe_intermediate_size": .integer(width), "norm_topk_prob": .bool(normalises),
    ]
  }

  /// The keys of families whose experts are as wide as a dense layer and whose weights add up to 1.
  var localKeys: [String: MetadataValue] {
    ["num_local_experts": .integer(count), "num_experts_per_tok": .integer(active)]
  }
}

extension ConfigurationDecoder {
  /// The mixture that the keys describe.
  func experts(_ defaults: ExpertDefaults) throws(FileError) -> Experts {
    func size(_ keys: [String], _ missing: Int?, atMost limit: Int) throws(FileError) -> Int {
      let stated = keys.filter { present($0) != nil }
      if stated.count > 1, let other = stated.last, values[other] != values[stated[0]] {
        throw invalid(
          other, "the number of \(stated[0]), \(values[stated[0]]?.quoted ?? "")",
          values[other]?.quoted ?? "nothing")
      }
      if let key = stated.first, let size = try optionalSize(key, atMost: limit) { return size }
      guard let missing else { throw invalid(keys[0], "a whole number", "nothing") }
      guard missing <= limit else {
        throw invalid(
          keys[0], "a whole number from 1 to \(limit)",
          "nothing, which stands for \(missing) in this family")
      }
      return missing
    }
    // The weights of a GGUF file do not tell how many experts a token goes to, nor is there a default.
    let isStated = source == .gguf
    let count = try size(["num_experts", "num_local_experts"], defaults.count, atMost: 1 << 16)
    let active = try size(
      ["num_experts_per_tok"], isStated ? nil : defaults.active, atMost: count)
    let width = try size(["moe_intermediate_size"], defaults.width, atMost: Self.largestSize)
    return Experts(
      count: count, active: active, width: width, normalises: defaults.normalises)
  }

  /// A list of layers, each once.
  fileprivate func layers(_ key: String, of count: Int) throws(FileError) -> Set<Int> {
    guard let value = present(key) else { return [] }
    if value.integers == nil, ForeignKey.isOff(value) || value == .list([]) { return [] }
    guard let layers = value.integers, layers.allSatisfy({ (0..<count).contains($0) }) else {
      throw invalid(key, "layers below \(count)", value.quoted)
    }
    return Set(layers)
  }
}
