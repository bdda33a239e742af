/// A key of `config.json` that changes what a model computes and that the decoder does not know.
struct ForeignKey: Sendable {
  /// The values with which the key changes nothing.
  enum Neutral: Sendable {
    /// False, 0, and whatever is empty.
    case off
    /// The number 1.
    case one
    /// True.
    case on
    /// One of these texts.
    case texts([String])
  }

  /// What the key asks for.
  let what: String
  /// What it must be to be passed over.
  let neutral: Neutral

  init(_ what: String, _ neutral: Neutral = .off) {
    (self.what, self.neutral) = (what, neutral)
  }

  /// Whether `value` changes nothing; null never does.
  func isNeutral(_ value: MetadataValue) -> Bool {
    if value == .null { return true }
    return switch neutral {
    case .off: Self.isOff(value)
    case .one: value.real == 1
    case .on: value.bool == true
    case .texts(let texts): value.text.map(texts.contains) ?? false
    }
  }

  /// Whether `value` is false, 0, null or empty.
  static func isOff(_ value: MetadataValue) -> Bool {
    switch value {
    case .null, .bool(false), .integer(0), .text(""): true
    case .real(let number): number == 0
    case .bools(let values): values.isEmpty
    case .integers(let values): values.isEmpty
    case .reals(let values): values.isEmpty
    case .texts(let values): values.isEmpty
    case .object(let members): members.isEmpty
    default: false
    }
  }

  /// What a message recommends for `key`.
  func supported(_ key: String) -> String {
    switch neutral {
    case .off: "no \(key)"
    case .one: "\(key) 1"
    case .on: "\(key) true"
    case .texts(let texts): "\(key) \"\(texts.first ?? "")\""
    }
  }

  /// All that are known, by name.
  static let all: [String: ForeignKey] = [
    // Scores and scales.
    "attn_logit_softcapping": .init("a cap on attention scores"),
    "final_logit_softcapping": .init("a cap on logits"),
    "logits_soft_cap": .init("a cap on logits"),
    "logit_softcapping": .init("a cap on logits"),
    "query_pre_attn_scalar": .init("a scale of the queries"),
    "attention_multiplier": .init("a scale of attention scores"),
    "attention_scale": .init("a scale of attention scores"),
    "attn_scale": .init("a scale of attention scores"),
    "softmax_scale": .init("a scale of attention scores"),
    "attn_temperature_tuning": .init("scores that depend on the position"),
    "use_logn_attn": .init("scores that depend on the length"),
    "scale_attn_by_inverse_layer_idx": .init("a scale of each layer's scores"),
    "scale_attn_weights": .init("attention without a scale", .on),
    "embedding_multiplier": .init("a scale of the embeddings", .one),
    "embedding_scale": .init("a scale of the embeddings", .one),
    "scale_embedding": .init("a scale of the embeddings"),
    "scale_emb": .init("a scale of the embeddings", .one),
    "residual_multiplier": .init("a scale of the residual stream", .one),
    "residual_scale": .init("a scale of the residual stream", .one),
    "scale_depth": .init("a scale of the residual stream"),
    "dim_model_base": .init("a scale of the logits"),
    "logits_scaling": .init("a scale of the logits", .one),
    "logit_scale": .init("a scale of the logits", .one),
    "logits_multiplier": .init("a scale of the logits", .one),
    "output_multiplier_scale": .init("a scale of the logits", .one),
    "lm_head_multiplier": .init("a scale of the logits", .one),
    "use_mup": .init("scales of μP"),
    "clip_qkv": .init("a limit on queries, keys and values"),
    "attention_sink": .init("learned attention sinks"),
    "attention_sinks": .init("learned attention sinks"),
    "use_attention_sinks": .init("learned attention sinks"),
    // Norms.
    "qk_norm": .init("norms of queries and keys that this family does not have"),
    "use_qk_norm": .init("norms of queries and keys that this family does not have"),
    "qk_layernorm": .init("norms of queries and keys that this family does not have"),
    "use_qk_layernorm": .init("norms of queries and keys that this family does not have"),
    "rms_norm_add_unit_offset": .init("norms with an offset"),
    "norm_type": .init("another norm", .texts(["rmsnorm", "rms_norm", "RMSNorm"])),
    "normalization": .init("another norm", .texts(["rms_norm", "rmsnorm", "RMSNorm"])),
    "apply_residual_connection_post_layernorm": .init("residuals behind the norm"),
    "use_parallel_residual": .init("attention and feed-forward side by side"),
    "parallel_residual": .init("attention and feed-forward side by side"),
    "parallel_attn": .init("attention and feed-forward side by side"),
    // Attention of other kinds.
    "kv_lora_rank": .init("latent attention"),
    "q_lora_rank": .init("latent attention"),
    "qk_rope_head_dim": .init("latent attention"),
    "qk_nope_head_dim": .init("latent attention"),
    "v_head_dim": .init("values of another width"),
    "global_head_dim": .init("heads of several widths"),
    "num_kv_shared_layers": .init("layers that share keys and values"),
    "attention_chunk_size": .init("attention within chunks"),
    "sliding_window_pattern": .init("windows in some layers"),
    "interleaved_sliding_window": .init("windows in some layers"),
    "global_attn_every_n_layers": .init("windows in some layers"),
    "is_causal": .init("attention to what follows", .on),
    "use_bidirectional_attention": .init("attention to what follows"),
    "bidirectional": .init("attention to what follows"),
    "is_encoder_decoder": .init("an encoder"),
    "add_cross_attention": .init("cross-attention"),
    "cross_attention_hidden_size": .init("cross-attention"),
    "cross_attention_layers": .init("cross-attention"),
    "use_differential_attention": .init("differential attention"),
    "pruned_heads": .init("heads that are taken out"),
    "per_layer_config": .init("settings of single layers"),
    "block_configs": .init("settings of single layers"),
    // Positions.
    "alibi": .init("positions as biases"),
    "use_alibi": .init("positions as biases"),
    "position_embedding_type": .init("other positions", .texts(["rope", "rotary"])),
    "no_rope_layers": .init("layers without RoPE"),
    "no_rope_layer_interval": .init("layers without RoPE"),
    "nope_layer_interval": .init("layers without RoPE"),
    "nope_layers": .init("layers without RoPE"),
    "rope_local_base_freq": .init("RoPE with two bases"),
    "rope_local_theta": .init("RoPE with two bases"),
    "local_rope_theta": .init("RoPE with two bases"),
    "global_rope_theta": .init("RoPE with two bases"),
    "swa_rope_theta": .init("RoPE with two bases"),
    "rotary_pct": .init("rotating a part of each head", .one),
    "rope_pct": .init("rotating a part of each head", .one),
    "rope_interleave": .init("RoPE over neighbours"),
    "rope_interleaved": .init("RoPE over neighbours"),
    "rotary_emb_interleaved": .init("RoPE over neighbours"),
    "use_rope": .init("no RoPE", .on),
    "use_dynamic_ntk": .init("RoPE that depends on the length"),
    "mrope_section": .init("positions of several axes"),
    "use_mrope": .init("positions of several axes"),
    // Feed-forward blocks.
    "num_experts": .init("a mixture of experts"),
    "num_local_experts": .init("a mixture of experts"),
    "n_routed_experts": .init("a mixture of experts"),
    "n_shared_experts": .init("a mixture of experts"),
    "moe_num_experts": .init("a mixture of experts"),
    "moe_intermediate_size": .init("a mixture of experts"),
    "shared_expert_intermediate_size": .init("a mixture of experts"),
    "hidden_activation": .init("another activation", .texts(["silu", "swish"])),
    "activation_function": .init("another activation", .texts(["silu", "swish"])),
    "mlp_hidden_act": .init("another activation", .texts(["silu", "swish"])),
    "swiglu_limit": .init("a limit on the feed-forward block"),
    "use_bias": .init("biases in all projections"),
    "bias": .init("biases in all projections"),
    "attention_out_bias": .init("a bias behind attention"),
    "lm_head_bias": .init("a bias of the logits"),
    "add_bias_linear": .init("biases in all projections"),
    // Files.
    "compression_config": .init("a quantised checkpoint"),
    "transformers_weights": .init("weights in a file of another name"),
    "text_config": .init("a model of several parts"),
  ]
}
