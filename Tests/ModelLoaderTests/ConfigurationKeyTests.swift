import Foundation
import ModelLoader
import TestSupport
import Testing

/// Keys of config.json and of /config: each is understood, harmless, refused, or named.
struct ConfigurationKeyTests {
  private let folder: CheckpointFolder

  init() throws { folder = try CheckpointFolder() }

  private func plan(_ key: String, _ value: Any) throws -> ImportPlan {
    folder.configuration[key] = value
    return try folder.plan()
  }

  /// Opens a model file with one attribute more, or another.
  private func open(_ key: String, _ value: MetadataValue) throws -> ModelFileReader {
    let path = folder.folder.file("\(UUID().uuidString).h5")
    try ModelTestFiles.write(to: path)
    do {
      let file = try HDF5Node(opening: path)
      try file.child("config")?.setAttribute(key, value)
    }
    return try ModelFileReader(path: path)
  }

  // MARK: Harmless keys

  /// What `to_dict` of LlamaConfig, MistralConfig, Qwen2Config and Qwen3Config gives in transformers 4.40, 4.57 and
  /// 5.24 besides what is read, with the values that it gives.
  private static var written: [String: Any] {
    [
      "_name_or_path": "", "add_cross_attention": false, "architectures": ["LlamaForCausalLM"],
      "attention_bias": false, "attention_dropout": 0.0, "bad_words_ids": NSNull(),
      "begin_suppress_tokens": NSNull(), "bos_token_id": 1, "chunk_size_feed_forward": 0,
      "cross_attention_hidden_size": NSNull(), "decoder_start_token_id": NSNull(),
      "diversity_penalty": 0.0, "do_sample": false, "dtype": "bfloat16", "early_stopping": false,
      "encoder_no_repeat_ngram_size": 0, "eos_token_id": 2,
      "exponential_decay_length_penalty": NSNull(), "finetuning_task": NSNull(),
      "forced_bos_token_id": NSNull(), "forced_eos_token_id": NSNull(), "hidden_act": "silu",
      "id2label": ["0": "LABEL_0", "1": "LABEL_1"], "initializer_range": 0.02, "is_decoder": false,
      "is_encoder_decoder": false, "label2id": ["LABEL_0": 0, "LABEL_1": 1],
      "layer_types": ["full_attention", "full_attention"], "length_penalty": 1.0, "max_length": 20,
      "max_window_layers": 28, "min_length": 0, "mlp_bias": false, "no_repeat_ngram_size": 0,
      "num_beam_groups": 1, "num_beams": 1, "num_return_sequences": 1, "output_attentions": false,
      "output_hidden_states": false, "output_scores": false, "pad_token_id": NSNull(),
      "prefix": NSNull(), "pretraining_tp": 1, "problem_type": NSNull(), "pruned_heads": [:],
      "remove_invalid_values": false, "repetition_penalty": 1.0, "return_dict": true,
      "return_dict_in_generate": false, "rope_parameters": NSNull(), "rope_scaling": NSNull(),
      "rope_theta": 10000.0, "sep_token_id": NSNull(), "sliding_window": NSNull(),
      "suppress_tokens": NSNull(), "task_specific_params": NSNull(), "temperature": 1.0,
      "tf_legacy_loss": false, "tie_encoder_decoder": false, "tie_word_embeddings": true,
      "tokenizer_class": NSNull(), "top_k": 50, "top_p": 1.0, "torch_dtype": "bfloat16",
      "torchscript": false, "transformers_version": "5.24.0", "typical_p": 1.0,
      "use_bfloat16": false, "use_cache": true, "use_sliding_window": false,
      "partial_rotary_factor": 1.0, "quantization_config": NSNull(),
    ]
  }

  @Test func whatTransformersWritesPasses() throws {
    folder.configuration.merge(Self.written) { $1 }
    let plan = try folder.plan()
    #expect(plan.warnings.isEmpty, "\(plan.warnings)")
    #expect(plan.contents.configuration.kinds[0].rotary?.scaling == nil)
    #expect(plan.contents.configuration.maxPositions == 64)
  }

  @Test func harmlessAttributesPass() throws {
    for (key, value) in [
      ("dtype", MetadataValue.text("float32")), ("use_cache", .bool(true)),
      ("bos_token_id", .integer(1)), ("architectures", .text(#"["LlamaForCausalLM"]"#)),
      ("id2label", .text(#"{"0": "LABEL_0"}"#)), ("pad_token_id", .text("null")),
    ] {
      #expect(try open(key, value).warnings.isEmpty, "\(key)")
    }
  }

  // MARK: Misspelt keys

  @Test(arguments: [
    ("rope_thetta", "rope_theta"), ("ropeTheta", "rope_theta"), ("Rope_Theta", "rope_theta"),
    ("rope-theta", "rope_theta"), ("rope_thtea", "rope_theta"), ("rop_scaling", "rope_scaling"),
    ("rms_norm_epsilon", "rms_norm_eps"), ("num_key_value_head", "num_key_value_heads"),
    ("head_dims", "head_dim"), ("tie_word_embedding", "tie_word_embeddings"),
    ("sliding_window_size", "sliding_window"), ("layer_type", "layer_types"),
    ("attn_logit_softcaping", "attn_logit_softcapping"),
    ("hidden_activation_", "hidden_activation"),
    ("max_position_embedding", "max_position_embeddings"),
  ])
  func aMisspeltKeyIsRefused(key: String, nearest: String) throws {
    expectError(.badData, "\"\(key)\"", "did you mean \(nearest)?") { try plan(key, 500_000) }
    expectError(.badData, "/config attribute", "\"\(key)\"", "did you mean \(nearest)?") {
      try open(key, .integer(500_000))
    }
  }

  /// A size of something else, beside the size that its name ends with.
  @Test(arguments: ["padded_vocab_size", "ffn_hidden_size", "original_vocab_size"])
  func aLongerNameBesideTheKeyIsNamed(key: String) throws {
    let warnings = try plan(key, 500_000).warnings
    #expect(warnings.count == 1 && warnings.first?.contains(key) == true, "\(warnings)")
  }

  @Test func anEpsilonThatIsZeroInFloatIsRefused() throws {
    expectError(.badData, "rms_norm_eps", "1e-50") { try plan("rms_norm_eps", 1e-50) }
  }

  @Test func thousandsOfUnknownKeysAreRefused() throws {
    for number in 0..<2_000 { folder.configuration["colour\(number)x"] = number }
    expectError(.badData, "at most 1000 keys that are not known") { try folder.plan() }
  }

  // MARK: Keys of other computations

  @Test(arguments: [
    ("attn_logit_softcapping", MetadataValue.real(50), MetadataValue.real(0)),
    ("final_logit_softcapping", .real(30), .real(0)),
    ("query_pre_attn_scalar", .integer(256), .integer(0)),
    ("kv_lora_rank", .integer(512), .integer(0)), ("q_lora_rank", .integer(8), .integer(0)),
    ("num_experts", .integer(8), .integer(0)), ("num_local_experts", .integer(8), .integer(0)),
    ("n_routed_experts", .integer(64), .integer(0)),
    ("residual_multiplier", .real(0.2), .real(1)), ("embedding_multiplier", .real(12), .real(1)),
    ("attention_multiplier", .real(0.01), .real(0)), ("logits_scaling", .real(8), .integer(1)),
    ("no_rope_layers", .integers([1, 0]), .integer(0)),
    ("attention_chunk_size", .integer(64), .integer(0)),
    ("rope_local_base_freq", .real(10_000), .real(0)),
    ("sliding_window_pattern", .integer(6), .integer(0)), ("qk_norm", .bool(true), .bool(false)),
    ("use_qk_norm", .bool(true), .bool(false)), ("clip_qkv", .real(8), .real(0)),
    ("attention_sink", .bool(true), .bool(false)),
    ("is_encoder_decoder", .bool(true), .bool(false)),
    ("add_cross_attention", .bool(true), .bool(false)),
    ("position_embedding_type", .text("absolute"), .text("rope")),
    ("alibi", .bool(true), .bool(false)), ("use_parallel_residual", .bool(true), .bool(false)),
    ("parallel_attn", .bool(true), .bool(false)), ("is_causal", .bool(false), .bool(true)),
    ("rotary_pct", .real(0.25), .real(1)), ("use_mrope", .bool(true), .bool(false)),
    ("rotary_emb_interleaved", .bool(true), .bool(false)),
    ("mlp_bias", .bool(true), .bool(false)), ("hidden_act", .text("gelu"), .text("silu")),
    ("partial_rotary_factor", .real(0.5), .real(1)), ("rope_brand_new", .real(3), .real(0)),
    ("text_config", .text("{\"x\": 1}"), .text("")),
  ])
  func aKeyOfAnotherComputationIsRefused(
    key: String, value: MetadataValue, neutral: MetadataValue
  ) throws {
    expectError(.badData, "key \(key):") { try plan(key, try json(value)) }
    expectError(.badData, "/config attribute \(key):") { try open(key, value) }
    _ = try plan(key, try json(neutral))
    _ = try plan(key, NSNull())
    _ = try open(key, neutral)
    _ = try open(key, .text("null"))
  }

  private func json(_ value: MetadataValue) throws -> Any {
    switch value {
    case .bool(let value): value
    case .integer(let value): value
    case .real(let value): value
    case .text(let value): value
    case .integers(let values): values
    default: throw CocoaError(.featureUnsupported)
    }
  }

  @Test func aHeadOfClassesIsRefused() throws {
    for name in ["LlamaForSequenceClassification", "LlamaForTokenClassification"] {
      expectError(.badData, "architectures", name) { try plan("architectures", [name]) }
    }
    let warnings = try plan("architectures", ["MistralForCausalLM"]).warnings
    #expect(warnings.count == 1)
    #expect(warnings.first?.contains("MistralForCausalLM") == true)
  }

  // MARK: Unknown keys

  @Test func unknownKeysShareOneWarning() throws {
    folder.configuration["colour"] = "blue"
    folder.configuration["favourite_numbers"] = [1, 2]
    folder.configuration["nothing"] = NSNull()
    let warnings = try folder.plan().warnings
    #expect(warnings.count == 1)
    #expect(
      warnings.first?.contains("the keys colour, favourite_numbers, which are not known") == true)
    let opened = try open("colour", .text("blue")).warnings
    #expect(opened.count == 1)
    #expect(opened.first?.contains("the key colour, which is not known") == true)
  }

  @Test func manyUnknownKeysAreCounted() throws {
    for index in 0..<100 { folder.configuration["zz\(index)"] = index }
    let warnings = try folder.plan().warnings
    #expect(warnings.count == 1)
    #expect(warnings.first?.contains("and 80 more") == true)
  }

  // MARK: Values

  @Test func nullIsAbsent() throws {
    for key in ["rope_theta", "rms_norm_eps", "num_key_value_heads", "head_dim", "hidden_act"] {
      folder.configuration[key] = NSNull()
    }
    let configuration = try CheckpointFolder().plan().contents.configuration
    folder.remove("lm_head.weight")
    folder.configuration["num_key_value_heads"] = 2
    let found = try folder.plan().contents.configuration
    #expect(found.kinds[0].rotary?.theta == 10_000)
    #expect(found.rmsNormEpsilon == 1e-6)
    #expect(found.headDim == configuration.headDim)
  }
}
