import Support
import Transformer

extension ModelFamily {
  /// SmolLM3: Llama in which every fourth layer has no positions.
  static let smollm3 = ModelFamily(
    modelType: "smollm3", architecture: "smollm3",
    defaults: FamilyDefaults(
      sizes: [
        "vocab_size": 128_256, "hidden_size": 2_048, "intermediate_size": 11_008,
        "num_hidden_layers": 36, "num_attention_heads": 16, "max_position_embeddings": 32_768,
      ],
      keyValueHeads: 4, rmsNormEpsilon: 1e-6, ropeTheta: 2e6, tiedEmbeddings: true),
    keys: ["no_rope_layers", "no_rope_layer_interval"], window: .listed, biases: .all,
    isReorderedInGGUF: true,
    describe: { decoder, configuration throws(FileError) in
      let turns = try decoder.rotaryLayers(configuration.layers)
      for (index, turns) in turns.enumerated() where !turns {
        configuration.kinds[index].rotary = nil
      }
    },
    write: { configuration in
      ["no_rope_layers": .integers(configuration.kinds.map { $0.rotary == nil ? 0 : 1 })]
    })
}

extension ConfigurationDecoder {
  /// Which layers have RoPE: those with a 1 in `no_rope_layers`, else all but every n-th.
  fileprivate func rotaryLayers(_ layers: Int) throws(FileError) -> [Bool] {
    guard let value = present("no_rope_layers") else {
      let interval = try optionalSize("no_rope_layer_interval") ?? 4
      return (1...layers).map { $0 % interval != 0 }
    }
    guard let flags = value.integers, flags.count == layers,
      flags.allSatisfy({ $0 == 0 || $0 == 1 })
    else {
      throw invalid("no_rope_layers", "\(layers) numbers, 0 or 1, one per layer", value.quoted)
    }
    return flags.map { $0 == 1 }
  }
}
