import Transformer

/// The parameters of a decoder: the one table of their names in files and of their shapes.
///
/// Names are Hugging Face's for Llama, and GLM-4's for what Llama has not; ``ggufName`` gives llama.cpp's for the
/// same tensor. ``ModelFamily`` has the names of a family that differ.
package enum Parameter: Hashable, Sendable {
  /// Token embeddings, (V, C).
  case embedding
  /// Scale of the final norm, (C).
  case finalNorm
  /// Output projection, (V, C); absent where it is tied to the embedding.
  case output
  /// A parameter of layer `index`, counted from 0.
  case layer(index: Int, LayerParameter)

  /// The name in `/weights`.
  package var name: String {
    switch self {
    case .embedding: "model.embed_tokens.weight"
    case .finalNorm: "model.norm.weight"
    case .output: "lm_head.weight"
    case .layer(let index, let parameter): "model.layers.\(index).\(parameter.rawValue)"
    }
  }

  /// Whether it is the scale of a norm.
  var isNorm: Bool {
    switch self {
    case .finalNorm: true
    case .embedding, .output: false
    case .layer(_, let parameter): parameter.isNorm
    }
  }

  /// The name in a GGUF file.
  package var ggufName: String {
    switch self {
    case .embedding: "token_embd.weight"
    case .finalNorm: "output_norm.weight"
    case .output: "output.weight"
    case .layer(let index, let parameter): "blk.\(index).\(parameter.ggufName)"
    }
  }

  /// The shape that `configuration` gives the tensor: (out, in) for matrices, (size) for vectors.
  package func shape(in configuration: ModelConfiguration) -> [Int] {
    let (C, V) = (configuration.hidden, configuration.vocabulary)
    return switch self {
    case .embedding, .output: [V, C]
    case .finalNorm: [C]
    case .layer(let index, let parameter): parameter.shape(in: configuration, layer: index)
    }
  }

  /// All parameters that a model of `configuration` has, in the order of the computation.
  package static func all(in configuration: ModelConfiguration) -> [Parameter] {
    var parameters: [Parameter] = [.embedding]
    for (index, kind) in configuration.kinds.enumerated() {
      parameters += LayerParameter.allCases.filter { $0.isPart(of: kind) }
        .map { .layer(index: index, $0) }
    }
    parameters.append(.finalNorm)
    if !configuration.tiedEmbeddings { parameters.append(.output) }
    return parameters
  }
}

/// The parameters of one decoder layer; raw values are Hugging Face's names.
package enum LayerParameter: String, Hashable, Sendable, CaseIterable {
  /// Scale of the norm before attention, (C).
  case attentionNorm = "input_layernorm.weight"
  /// Query projection, (H·D, C).
  case wq = "self_attn.q_proj.weight"
  /// Key projection, (K·D, C).
  case wk = "self_attn.k_proj.weight"
  /// Value projection, (K·D, C).
  case wv = "self_attn.v_proj.weight"
  /// Bias of the queries, (H·D).
  case qBias = "self_attn.q_proj.bias"
  /// Bias of the keys, (K·D).
  case kBias = "self_attn.k_proj.bias"
  /// Bias of the values, (K·D).
  case vBias = "self_attn.v_proj.bias"
  /// Scale of the norm of the queries, (D) for each head or (H·D).
  case qNorm = "self_attn.q_norm.weight"
  /// Scale of the norm of the keys, (D) for each head or (K·D).
  case kNorm = "self_attn.k_norm.weight"
  /// Output projection, (C, H·D).
  case wo = "self_attn.o_proj.weight"
  /// Bias of the output projection, (C).
  case oBias = "self_attn.o_proj.bias"
  /// Learned logits of the softmax of each query head, (H).
  case sinks = "self_attn.sinks"
  /// Scale of the norm behind attention, (C).
  case attentionOutputNorm = "post_self_attn_layernorm.weight"
  /// Scale of the norm before the feed-forward block, (C).
  case mlpNorm = "post_attention_layernorm.weight"
  /// Gate projection, (F, C).
  case wGate = "mlp.gate_proj.weight"
  /// Up projection, (F, C).
  case wUp = "mlp.up_proj.weight"
  /// Down projection, (C, F).
  case wDown = "mlp.down_proj.weight"
  /// Router of the experts, (E, C).
  case router = "mlp.gate.weight"
  /// Bias of the router, (E).
  case routerBias = "mlp.gate.bias"
  /// Gate projections of the experts, (E, F, C).
  case expertGate = "mlp.experts.gate_proj.weight"
  /// Up projections of the experts, (E, F, C).
  case expertUp = "mlp.experts.up_proj.weight"
  /// Down projections of the experts, (E, C, F).
  case expertDown = "mlp.experts.down_proj.weight"
  /// Biases of the experts' gate projections, (E, F).
  case expertGateBias = "mlp.experts.gate_proj.bias"
  /// Biases of their up projections, (E, F).
  case expertUpBias = "mlp.experts.up_proj.bias"
  /// Biases of their down projections, (E, C).
  case expertDownBias = "mlp.experts.down_proj.bias"
  /// Scale of the norm behind the feed-forward block, (C).
  case mlpOutputNorm = "post_mlp_layernorm.weight"

  /// Whether it is the scale of a norm.
  var isNorm: Bool {
    switch self {
    case .attentionNorm, .qNorm, .kNorm, .attentionOutputNorm, .mlpNorm, .mlpOutputNorm: true
    default: false
    }
  }

  /// Whether layers of a kind have the parameter.
  func isPart(of kind: LayerKind) -> Bool {
    switch self {
    case .attentionNorm: kind.norms != .behind
    case .mlpNorm: kind.norms == .before || kind.norms == .around
    case .attentionOutputNorm, .mlpOutputNorm: kind.norms.followBlocks
    case .qBias, .kBias, .vBias: kind.projectionBias
    case .oBias: kind.outputBias
    case .qNorm, .kNorm: kind.headNorm != nil
    case .wGate, .wUp, .wDown: kind.experts == nil
    case .router, .expertGate, .expertUp, .expertDown: kind.experts != nil
    case .routerBias, .expertGateBias, .expertUpBias, .expertDownBias:
      kind.experts?.hasBiases ?? false
    case .sinks: kind.learnsSinks
    case .wq, .wk, .wv, .wo: true
    }
  }

  /// The name in a GGUF file, after the layer's prefix.
  var ggufName: String {
    switch self {
    case .attentionNorm: "attn_norm.weight"
    case .wq: "attn_q.weight"
    case .wk: "attn_k.weight"
    case .wv: "attn_v.weight"
    case .qBias: "attn_q.bias"
    case .kBias: "attn_k.bias"
    case .vBias: "attn_v.bias"
    case .qNorm: "attn_q_norm.weight"
    case .kNorm: "attn_k_norm.weight"
    case .wo: "attn_output.weight"
    case .oBias: "attn_output.bias"
    case .attentionOutputNorm: "post_attention_norm.weight"
    case .mlpNorm: "ffn_norm.weight"
    case .wGate: "ffn_gate.weight"
    case .wUp: "ffn_up.weight"
    case .wDown: "ffn_down.weight"
    case .router: "ffn_gate_inp.weight"
    case .expertGate: "ffn_gate_exps.weight"
    case .expertUp: "ffn_up_exps.weight"
    case .expertDown: "ffn_down_exps.weight"
    case .routerBias: "ffn_gate_inp.bias"
    case .expertGateBias: "ffn_gate_exps.bias"
    case .expertUpBias: "ffn_up_exps.bias"
    case .expertDownBias: "ffn_down_exps.bias"
    case .sinks: "attn_sinks.weight"
    case .mlpOutputNorm: "post_ffw_norm.weight"
    }
  }

  /// Whether llama.cpp stores the rows of this tensor in its own RoPE order in Llama models.
  var isRotated: Bool {
    switch self {
    case .wq, .wk, .qBias, .kBias: true
    default: false
    }
  }

  func shape(in configuration: ModelConfiguration, layer: Int) -> [Int] {
    let (C, F, D) = (configuration.hidden, configuration.feedForward, configuration.headDim)
    let (queries, keys) = (configuration.queryHeads * D, configuration.keyValueHeads * D)
    let kind = configuration.kinds[layer]
    let isWhole = kind.headNorm == .whole
    let (experts, width) = (kind.experts?.count ?? 0, kind.experts?.width ?? 0)
    return switch self {
    case .attentionNorm, .mlpNorm, .attentionOutputNorm, .mlpOutputNorm, .oBias: [C]
    case .wq: [queries, C]
    case .wk, .wv: [keys, C]
    case .qBias: [queries]
    case .kBias, .vBias: [keys]
    case .qNorm: [isWhole ? queries : D]
    case .kNorm: [isWhole ? keys : D]
    case .wo: [C, queries]
    case .wGate, .wUp: [F, C]
    case .wDown: [C, F]
    case .router: [experts, C]
    case .expertGate, .expertUp: [experts, width, C]
    case .expertDown: [experts, C, width]
    case .routerBias: [experts]
    case .expertGateBias, .expertUpBias: [experts, width]
    case .expertDownBias: [experts, C]
    case .sinks: [configuration.queryHeads]
    }
  }
}
