import Support
import Transformer

/// The keys of a configuration: what is read, what changes nothing, what is misspelt.
enum ConfigurationKeys {
  /// Keys that the decoder reads.
  static let read: Set = [
    "model_type", "num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads",
    "num_key_value_heads", "head_dim", "vocab_size", "max_position_embeddings", "rms_norm_eps",
    "rope_theta", "rope_scaling", "rope_parameters", "partial_rotary_factor",
    "original_max_position_embeddings", "tie_word_embeddings", "attention_bias", "mlp_bias",
    "hidden_act", "quantization_config", "sliding_window", "use_sliding_window",
    "max_window_layers", "layer_types", "architectures", "bos_token_id", "eos_token_id",
  ]

  /// The key in which a model file says that attention's output projection has a bias.
  static let outputBias = "attention_out_bias"

  /// The key in which a model file states the window of each layer, 0 for a global one.
  static let windows = "layer_windows"

  /// The key in which a model file states the pairs of features that turn by time, height and width.
  static let sections = "mrope_section"

  /// The key in which it says that these axes take turns.
  static let sectionsTakeTurns = "mrope_interleaved"

  /// Keys that a model file alone has.
  static let stored: Set = [outputBias, windows, sections, sectionsTakeTurns]

  /// Activations by Hugging Face's names; two names of one are the same formula.
  static let activations: [String: Activation] = [
    "silu": .silu, "swish": .silu, "gelu_pytorch_tanh": .geluTanh, "gelu_new": .geluTanh,
  ]

  /// The name that a model file has for an activation.
  static func name(of activation: Activation) -> String {
    switch activation {
    case .silu: "silu"
    case .geluTanh: "gelu_pytorch_tanh"
    // gpt-oss' own, for which its configuration says silu.
    case .clamped: "silu"
    }
  }

  /// Keys that change nothing of what a model computes: what `to_dict` and `save_pretrained` of
  /// transformers 4.40 to 5.24 write for the families that are read, settings of generation, of training
  /// and of classifiers, and notes of common tools.
  static let harmless: Set = [
    // transformers itself.
    "_attn_implementation", "_attn_implementation_autoset", "_attn_implementation_internal",
    "_commit_hash", "_name_or_path", "_sliding_window_pattern", "attn_implementation",
    "base_model_tp_plan",
    "chunk_size_feed_forward", "dtype", "experts_implementation", "finetuning_task",
    "fusion_config", "id2label", "is_decoder", "kernel_config", "label2id", "name_or_path",
    "num_labels", "output_attentions", "output_hidden_states", "prefix", "pretraining_tp",
    "problem_type", "return_dict", "task_specific_params", "tf_legacy_loss", "tie_encoder_decoder",
    "tie_last_hidden_states", "tokenizer_class", "torch_dtype", "torchscript",
    "transformers_version", "use_bfloat16", "use_cache", "use_return_dict",
    // Tokens.
    "decoder_start_token_id", "eod_token_id", "im_end_id", "im_start_id", "mask_token_id",
    "pad_token_id", "sep_token_id", "unk_token_id", "vocab_file",
    // Training.
    "attention_dropout", "attention_probs_dropout_prob", "attn_pdrop", "classifier_dropout",
    "embd_pdrop", "gradient_checkpointing", "hidden_dropout", "hidden_dropout_prob",
    "initializer_range", "output_router_logits", "resid_pdrop", "router_aux_loss_coef",
    "use_flash_attention", "use_flash_attention_2",
    // Generation.
    "_from_model_config", "assistant_confidence_threshold", "assistant_early_exit",
    "assistant_ensemble_weight", "assistant_lookbehind", "bad_words_ids", "begin_suppress_tokens",
    "cache_config", "cache_implementation", "compile_config", "constraints",
    "continuous_batching_config", "disable_compile", "diversity_penalty", "do_sample",
    "dola_layers", "early_stopping", "encoder_no_repeat_ngram_size",
    "encoder_repetition_penalty", "epsilon_cutoff", "eta_cutoff",
    "exponential_decay_length_penalty", "force_words_ids", "forced_bos_token_id",
    "forced_decoder_ids", "forced_eos_token_id", "generation_config", "generation_kwargs",
    "guidance_scale", "is_assistant", "length_penalty", "low_memory", "max_cache_len",
    "max_length", "max_matching_ngram_size", "max_new_tokens", "max_time", "min_length",
    "min_new_tokens", "min_p", "no_repeat_ngram_size", "num_assistant_tokens",
    "num_assistant_tokens_schedule", "num_beam_groups", "num_beams", "num_return_sequences",
    "output_logits", "output_scores", "penalty_alpha", "prefill_chunk_size",
    "prompt_lookup_num_tokens", "remove_invalid_values", "renormalize_logits",
    "repetition_penalty", "return_dict_in_generate", "return_legacy_cache", "sequence_bias",
    "speculation_type", "stop_strings", "suppress_tokens", "target_lookbehind", "temperature",
    "token_healing", "top_h", "top_k", "top_p", "typical_p", "use_mtp", "watermarking_config",
    // What counts with experts alone; a family that has them reads these keys.
    "decoder_sparse_step", "mlp_only_layers", "moe_topk", "norm_topk_prob", "num_experts_per_tok",
    // Tools.
    "is_llama_config", "model_max_length", "transformers.js_config", "unsloth_fixed",
    "unsloth_version",
  ]

  /// What must not be misspelt in a file of a family.
  static func significant(in family: ModelFamily) -> KeySpelling {
    KeySpelling(
      read.union(ForeignKey.all.keys).union(family.keys)
        .subtracting(["architectures", "bos_token_id", "eos_token_id"]))
  }
  /// So many keys that nobody knows are no configuration.
  static let mostUnknown = 1_000

  /// Whether the key is understood as it is.
  static func isKnown(_ key: String) -> Bool {
    read.contains(key) || harmless.contains(key) || ForeignKey.all[key] != nil
  }
}

/// Names that must not be misspelt, as they are compared.
struct KeySpelling: Sendable {
  /// A name and what is compared of it.
  private let names: [(name: String, bare: String)]

  init(_ names: Set<String>) {
    self.names = names.sorted().map { ($0, Self.bare($0)) }
  }

  /// The name that `key`, which is not known, is likely to mean.
  ///
  /// It is another spelling of it, one or two edits away, or one with something before or behind it.
  /// `isBeside` says whether a key with something before the name, or behind it, may be another one that
  /// stands beside the name.
  func nearest(
    to key: String, isBeside: (_ name: String, _ isBehind: Bool) -> Bool = { _, _ in false }
  ) -> String? {
    // No key is near a text that long, and the comparison takes its length squared.
    guard key.utf8.count <= 60 else { return nil }
    let plain = Self.bare(key)
    let ranked = names.compactMap { name, bare in
      Self.edits(plain, bare).map { (name: name, edits: $0) }
    }
    let nearest = ranked.min { ($0.edits, $0.name) < ($1.edits, $1.name) }
    guard let nearest else { return nil }
    let isPart = nearest.edits >= Self.before
    if isPart, isBeside(nearest.name, nearest.edits == Self.behind) { return nil }
    return nearest.name
  }

  /// Stand for the edits between a name and one with something before or behind it.
  private static let (before, behind) = (3, 4)

  /// The edits between two names, or nil if they are too many to be a slip.
  private static func edits(_ key: String, _ name: String) -> Int? {
    if key == name { return 0 }
    let allowed = name.utf8.count < 5 ? 0 : name.utf8.count < 9 ? 1 : 2
    if abs(key.utf8.count - name.utf8.count) <= allowed {
      let edits = editDistance(key, name)
      if edits <= allowed { return edits }
    }
    guard name.utf8.count >= 8 else { return nil }
    return key.hasSuffix(name) ? before : key.hasPrefix(name) ? behind : nil
  }

  /// The letters and digits of a name, in lower case.
  private static func bare(_ name: String) -> String {
    String(name.lowercased().filter { $0.isLetter || $0.isNumber })
  }
}

extension ConfigurationDecoder {
  /// Refuses keys that are misspelt or ask for what the decoder does not compute; a key that is not known
  /// is named in a warning.
  func checkKeys(
    of family: ModelFamily, _ warnings: inout ConfigurationWarnings
  ) throws(FileError) {
    try checkArchitectures(modelType: family.modelType, &warnings)
    let significant = ConfigurationKeys.significant(in: family)
    for (key, value) in values.sorted(by: { $0.key < $1.key }) {
      if let own = family.foreign[key] {
        if own.isNeutral(value) { continue }
        throw unsupported(key, "\(own.what) (\(value.quoted))", own.supported(key))
      }
      if family.keys.contains(key) || key == family.epsilonKey { continue }
      if source == .modelFile, ConfigurationKeys.stored.contains(key) { continue }
      if let foreign = ForeignKey.all[key], !foreign.isNeutral(value) {
        throw unsupported(key, "\(foreign.what) (\(value.quoted))", foreign.supported(key))
      }
      if ConfigurationKeys.isKnown(key) { continue }
      if value == .null { continue }
      let nearest = significant.nearest(to: key) { name, isBehind in
        !isBehind && values[name] != nil
      }
      if let nearest {
        throw invalid(
          key, "a key that is known", "\"\(key)\"", fix: "did you mean \(nearest)?")
      }
      guard warnings.unknown.count < ConfigurationKeys.mostUnknown else {
        throw invalid(
          key, "at most \(ConfigurationKeys.mostUnknown) keys that are not known", "more")
      }
      let name = key.lowercased()
      if name.contains("rope") || name.contains("rotary"), !ForeignKey.isOff(value) {
        throw unsupported(
          key, "a setting of RoPE that is not known (\(value.quoted))",
          "rope_theta and rope_scaling or rope_parameters alone")
      }
      warnings.unknown.append(key)
    }
  }

  /// A classifier has another head; a class that is not the family's is named.
  private func checkArchitectures(
    modelType: String, _ warnings: inout ConfigurationWarnings
  ) throws(FileError) {
    let key = "architectures"
    let names: [String]
    switch present(key) {
    case .texts(let texts)?: names = texts
    case .text(let text)?: names = [text]
    default: return
    }
    guard !names.isEmpty else { return }
    let heads = ["Classification", "Answering", "Reward", "Regression", "ConditionalGeneration"]
    if let name = names.first(where: { name in heads.contains { name.contains($0) } }) {
      throw unsupported(key, "a \(name)", "a head that gives logits of tokens (…ForCausalLM)")
    }
    // The text part of a model that sees has the name of the whole.
    let name = modelType.replacing("_text", with: "").filter { $0 != "_" }
    let family = ["\(name)forcausallm", "\(name)model"]
    if !names.contains(where: { family.contains($0.lowercased()) }) {
      warnings.sentences.append(
        "architectures names \(names[0].shown(limit: 60)), and the model is read as the \(modelType) "
          + "that model_type says")
    }
  }
}

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
    /// One of these numbers.
    case numbers([Double])
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
    case .numbers(let numbers): value.real.map(numbers.contains) ?? false
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
    case .numbers(let numbers):
      "\(key) \(numbers.map { Int(exactly: $0).map { "\($0)" } ?? "\($0)" }.joined(separator: " or "))"
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
