import Support
import Transformer

extension ModelFamily {
  /// gpt-oss: experts with biases and a clamped activation in every layer, learned sinks, a window of 128 in every other
  /// layer.
  static let gptOss = ModelFamily(
    modelType: "gpt_oss", architecture: "gpt-oss",
    defaults: FamilyDefaults(
      sizes: [
        "vocab_size": 201_088, "hidden_size": 2_880, "intermediate_size": 2_880,
        "num_hidden_layers": 36, "num_attention_heads": 64, "max_position_embeddings": 131_072,
      ],
      keyValueHeads: 8, headDim: 64, rmsNormEpsilon: 1e-5, ropeTheta: 150_000,
      rope:
        #"{"rope_type": "yarn", "factor": 32, "beta_fast": 32, "beta_slow": 1, "truncate": false, "#
        + #""original_max_position_embeddings": 4096}"#,
      slidingWindow: 128, attentionBias: true),
    keys: [
      "num_local_experts", "num_experts", "num_experts_per_tok", "experts_per_token",
      "initial_context_length",
    ],
    foreign: [
      "swiglu_limit": ForeignKey("another limit of the activation", .numbers([7])),
      "swiglu_alpha": ForeignKey("another slope of the activation", .numbers([1.702])),
    ],
    window: .pattern(every: 2), biases: .all, truncatesYarn: false,
    names: [.router: "mlp.router.weight", .routerBias: "mlp.router.bias"],
    // All experts of a layer are in one tensor.
    expertNames: { _ in [:] },
    ggufKeys: [
      "num_local_experts": "expert_count", "num_experts_per_tok": "expert_used_count",
      "intermediate_size": "expert_feed_forward_length",
      "sliding_window_pattern": "attention.sliding_window_pattern",
    ],
    unpack: unpackExperts,
    ggufNames: [.mlpNorm: "post_attention_norm.weight"],
    describe: { decoder, configuration throws(FileError) in
      var experts = try decoder.experts(
        ExpertDefaults(
          count: 128, active: 4, width: configuration.feedForward, normalises: true))
      experts.hasBiases = true
      configuration.eachKind {
        $0.experts = experts
        $0.learnsSinks = true
        $0.activation = .clamped
        // The checkpoint and the model file have it wherever q, k and v have theirs.
        $0.outputBias = $0.projectionBias
      }
    },
    write: { $0.kinds[0].experts?.localKeys ?? [:] })

  /// The experts' projections as (E, out, in), from transformers' (E, in, out) with gate and up in turns, or from MXFP4
  /// blocks, (E, out, in / 32, 16), with their exponents, (E, out, in / 32).
  @Sendable private static func unpackExperts(
    _ tensors: [String: SourceTensor], _ configuration: ModelConfiguration
  ) throws(FileError) -> [String: SourceTensor] {
    var tensors = tensors
    for (index, kind) in configuration.kinds.enumerated() {
      guard let experts = kind.experts else { continue }
      let (hidden, width) = (configuration.hidden, experts.width)
      let prefix = "model.layers.\(index)."
      let parts:
        [(name: String, outputs: Int, inputs: Int, targets: [(LayerParameter, LayerParameter)])] = [
          (
            "gate_up_proj", 2 * width, hidden,
            [(.expertGate, .expertGateBias), (.expertUp, .expertUpBias)]
          ),
          ("down_proj", hidden, width, [(.expertDown, .expertDownBias)]),
        ]
      for part in parts {
        let name = "\(prefix)mlp.experts.\(part.name)"
        let source = PackedExperts(
          count: experts.count, outputs: part.outputs, inputs: part.inputs,
          step: part.targets.count)
        let bias = tensors.removeValue(forKey: "\(name)_bias")
        let whole = tensors.removeValue(forKey: name)
        let blocks = tensors.removeValue(forKey: "\(name)_blocks")
        let scales = tensors.removeValue(forKey: "\(name)_scales")
        for (first, target) in part.targets.enumerated() {
          if let bias { tensors[prefix + target.1.rawValue] = try source.bias(bias, first) }
          if let whole {
            tensors[prefix + target.0.rawValue] = try source.transposed(whole, first)
          } else if let blocks, let scales {
            tensors[prefix + target.0.rawValue] = try source.microscaled(blocks, scales, first)
          }
        }
      }
    }
    return tensors
  }
}

/// Projections of all experts of a layer, of which every `step`-th output belongs to one of them.
private struct PackedExperts: Sendable {
  let count: Int
  /// Outputs of all projections together.
  let outputs: Int
  let inputs: Int
  let step: Int

  private var rows: Int { outputs / step }

  /// Every `step`-th bias from `first` on: (E, outputs) to (E, outputs / step).
  func bias(_ source: SourceTensor, _ first: Int) throws(FileError) -> SourceTensor {
    try source.require([count, outputs])
    let (bytes, step, rows) = (source.type.blockBytes, step, rows)
    return source.assembled([count, rows]) { (expert) throws(FileError) in
      let all = try source.bytes(at: expert)
      var result: [UInt8] = []
      for row in 0..<rows {
        let place = (step * row + first) * bytes
        result += all[place..<place + bytes]
      }
      return result
    }
  }

  /// (E, inputs, outputs) to (E, outputs / step, inputs).
  func transposed(_ source: SourceTensor, _ first: Int) throws(FileError) -> SourceTensor {
    try source.require([count, inputs, outputs])
    let (bytes, step, rows, inputs, outputs) = (
      source.type.blockBytes, step, rows, inputs, outputs
    )
    return source.assembled([count, rows, inputs]) { (expert) throws(FileError) in
      let all = try source.bytes(at: expert)
      var result = [UInt8](repeating: 0, count: rows * inputs * bytes)
      for row in 0..<rows {
        for input in 0..<inputs {
          let place = (input * outputs + step * row + first) * bytes
          let target = (row * inputs + input) * bytes
          for byte in 0..<bytes { result[target + byte] = all[place + byte] }
        }
      }
      return result
    }
  }

  /// Blocks of 32 values, two in a byte, with an exponent each, as GGML's MXFP4: (E, outputs / step, inputs).
  func microscaled(
    _ blocks: SourceTensor, _ scales: SourceTensor, _ first: Int
  ) throws(FileError) -> SourceTensor {
    try blocks.require([count, outputs, inputs / 32, 16])
    try scales.require([count, outputs, inputs / 32])
    let (step, rows, across) = (step, rows, inputs / 32)
    return blocks.assembled([count, rows, inputs], type: .mxfp4) { (expert) throws(FileError) in
      let (values, exponents) = (try blocks.bytes(at: expert), try scales.bytes(at: expert))
      var result: [UInt8] = []
      result.reserveCapacity(rows * across * SourceType.mxfp4.blockBytes)
      for row in 0..<rows {
        for block in 0..<across {
          let place = (step * row + first) * across + block
          result.append(exponents[place])
          // Here neighbours share a byte, and in GGML values that are 16 apart.
          for index in 0..<16 {
            func value(_ number: Int) -> UInt8 {
              values[16 * place + number / 2] >> UInt8(4 * (number % 2)) & 15
            }
            result.append(value(index) | value(index + 16) << 4)
          }
        }
      }
      return result
    }
  }
}
