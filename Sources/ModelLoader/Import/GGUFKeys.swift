import Support

/// The keys that GGUF puts after the architecture's name.
enum GGUFKeys {
  /// Keys of the configuration by Hugging Face's name.
  static let configuration = [
    "num_hidden_layers": "block_count",
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "rms_norm_eps": "attention.layer_norm_rms_epsilon",
    "rope_theta": "rope.freq_base",
    "max_position_embeddings": "context_length",
    "sliding_window": "attention.sliding_window",
    "rope_scaling": "rope.scaling.type",
  ]

  /// Keys that are read besides.
  static let others: Set = [
    "rope.dimension_count", "attention.value_length", "rope.scaling.factor", "rope.scale_linear",
    "vocab_size",
  ]

  /// Keys that change nothing, or nothing without what is refused anyway (yarn, experts).
  static let harmless: Set = [
    "tensor_data_layout", "attention.layer_norm_epsilon", "rope.scaling.original_context_length",
    "rope.scaling.finetuned", "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow",
    "rope.scaling.yarn_log_multiplier", "decoder_start_token_id", "expert_gating_func",
    "expert_weights_norm", "expert_weights_scale", "expert_group_count",
    "expert_group_used_count", "interleave_moe_layer_step",
  ]

  /// Keys that change what a model computes and that the decoder does not know.
  static let foreign: [String: ForeignKey] = [
    "expert_count": .init("a mixture of experts"),
    "expert_used_count": .init("a mixture of experts"),
    "expert_shared_count": .init("a mixture of experts"),
    "expert_feed_forward_length": .init("a mixture of experts"),
    "expert_shared_feed_forward_length": .init("a mixture of experts"),
    "expert_chunk_feed_forward_length": .init("a mixture of experts"),
    "leading_dense_block_count": .init("a mixture of experts"),
    "nextn_predict_layers": .init("layers that predict several tokens"),
    "attention.scale": .init("a scale of attention scores"),
    "attention.output_scale": .init("a scale of attention"),
    "attention.value_scale": .init("a scale of the values"),
    "attention.temperature_length": .init("scores that depend on the position"),
    "attention.temperature_scale": .init("scores that depend on the position"),
    "logit_scale": .init("a scale of the logits", .one),
    "residual_scale": .init("a scale of the residual stream", .one),
    "embedding_scale": .init("a scale of the embeddings", .one),
    "attn_logit_softcapping": .init("a cap on attention scores"),
    "router_logit_softcapping": .init("a cap on the router"),
    "final_logit_softcapping": .init("a cap on logits"),
    "attention.clamp_kqv": .init("a limit on queries, keys and values"),
    "attention.max_alibi_bias": .init("positions as biases"),
    "attention.causal": .init("attention to what follows", .on),
    "attention.q_lora_rank": .init("latent attention"),
    "attention.kv_lora_rank": .init("latent attention"),
    "attention.key_length_mla": .init("latent attention"),
    "attention.value_length_mla": .init("latent attention"),
    "attention.key_length_swa": .init("heads of several widths"),
    "attention.value_length_swa": .init("heads of several widths"),
    "attention.sliding_window_pattern": .init("windows in some layers"),
    "attention.shared_kv_layers": .init("layers that share keys and values"),
    "attention.relative_buckets_count": .init("positions as biases"),
    "attention.recurrent_layers": .init("layers without attention"),
    "full_attention_interval": .init("layers without attention"),
    "pooling_type": .init("pooling: a model of embeddings"),
    "use_parallel_residual": .init("attention and feed-forward side by side"),
    "swin_norm": .init("norms behind the blocks"),
    "no_rope_layer_step": .init("layers without RoPE"),
    "rope.dimension_sections": .init("positions of several axes"),
    "rope.freq_base_swa": .init("RoPE with two bases"),
    "rope.scaling.attn_factor": .init("a scale of attention scores", .one),
    "rope.scaling.yarn_attn_factor": .init("a scale of attention scores", .one),
    "rope.scaling.yarn_ext_factor": .init("yarn"),
    "rope.scaling.alpha": .init("RoPE that depends on the length"),
    "ssm.conv_kernel": .init("layers without attention"),
    "activation_sparsity_scale": .init("a sparse feed-forward block"),
  ]

  /// Refuses the keys of `architecture` that ask for what the decoder does not compute or are misspelt; the
  /// rest that is not known is returned.
  static func check(
    _ metadata: [String: MetadataValue], architecture: String, path: String
  ) throws(FileError) -> [String] {
    let read = others.union(configuration.values)
    let significant = KeySpelling(read.union(foreign.keys))
    var unknown: [String] = []
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      guard key.hasPrefix(architecture + ".") else {
        if isStray(key, read) { unknown.append(key) }
        continue
      }
      let name = String(key.dropFirst(architecture.count + 1))
      if let foreign = foreign[name], !foreign.isNeutral(value), !isList(value, of: 0) {
        throw .unsupported(
          path: path, place: key, found: "\(foreign.what) (\(value.quoted))",
          supported: foreign.supported(key))
      }
      if read.contains(name) || harmless.contains(name) || foreign[name] != nil { continue }
      let nearest = significant.nearest(to: name) { name, _ in
        metadata["\(architecture).\(name)"] != nil
      }
      if let nearest {
        throw .invalid(
          path: path, place: key, expected: "a key that is known",
          found: "\"\(key)\"", fix: "did you mean \(architecture).\(nearest)?")
      }
      if name.contains("rope"), !ForeignKey.isOff(value) {
        throw .unsupported(
          path: path, place: key, found: "a setting of RoPE that is not known (\(value.quoted))",
          supported: "rope.freq_base and rope.scaling alone")
      }
      unknown.append(key)
      guard unknown.count <= ConfigurationKeys.mostUnknown else {
        throw .invalid(
          path: path, place: key,
          expected: "at most \(ConfigurationKeys.mostUnknown) keys that are not known",
          found: "more", fix: "the file is damaged, so fetch it again")
      }
    }
    return unknown
  }

  /// Whether the key would count if it stood under the architecture's name.
  private static func isStray(_ key: String, _ read: Set<String>) -> Bool {
    let known = ["general", "tokenizer", "split", "quantize", "imatrix"]
    let first = String(key.prefix { $0 != "." })
    return !known.contains(first) && read.contains(String(key.dropFirst(first.count + 1)))
  }

  private static func isList(_ value: MetadataValue, of number: Int) -> Bool {
    value.integers?.allSatisfy { $0 == number } ?? false
  }
}
