import Foundation
import Support
import Transformer

/// A Llama-family model in a GGUF file, in Hugging Face's terms.
package struct GGUFModel {
  private let file: GGUFFile
  private let architecture: String

  /// Reads the header of the file at `path`.
  package init(path: String) throws(FileError) {
    file = try GGUFFile.whole(path: path)
    try Self.refuseOtherKinds(file)
    guard let architecture = file.metadata["general.architecture"]?.text else {
      throw .invalid(
        path: path, place: "general.architecture", expected: "the name of an architecture",
        found: "nothing", fix: "fetch the file again")
    }
    self.architecture = architecture
  }

  /// Finds every parameter; `tokenizer` turns the tokenizer's metadata into tokenizer.json.
  package func plan(
    tokenizer: (GGUFTokenizerMetadata) throws -> Data
  ) throws(FileError) -> ImportPlan {
    let decoded = try readConfiguration()
    let (configuration, family) = (decoded.configuration, decoded.family)
    let unknown = try GGUFKeys.check(file.metadata, of: family, architecture, path: file.path)
    let metadata = GGUFTokenizerMetadata(file)
    let tokenizer = try ImportedTokenizer(metadata, path: file.path, convert: tokenizer)
    let contents = ModelFileContents(
      configuration: configuration, source: URL(fileURLWithPath: file.path).lastPathComponent,
      tokenizerJSON: tokenizer.json, tokenizerProblem: tokenizer.problem,
      bosTokenID: metadata?.bosTokenID, eosTokenIDs: metadata?.eosTokenID.map { [$0] } ?? [])
    var sources = try unrotated(configuration, family)
    let tables =
      configuration.kinds.contains { $0.rotary?.originalPositions != nil }
      ? [Self.shortFactors, Self.longFactors] : [Self.ropeFactors]
    for name in tables { sources[name] = nil }
    sources = try family.split(
      sources, configuration, prefix: "blk.", fused: family.ggufFused, name: family.ggufName)
    let warnings = ConfigurationWarnings(
      unknown: unknown, sentences: decoded.warnings + vocabularyWarnings)
    return try ImportPlan(
      contents: contents, sources: sources, path: file.path, configurationPath: file.path,
      warnings: warnings.all + tokenizer.warnings,
      source: { family.ggufSource(of: $0, configuration) { sources[$0] != nil } })
  }

  private static let ropeFactors = "rope_freqs.weight"
  private static let (shortFactors, longFactors) = (
    "rope_factors_short.weight", "rope_factors_long.weight"
  )

  /// llama.cpp reorders the query and key rows of some families, so that pairs that RoPE turns are neighbours.
  private func unrotated(
    _ configuration: ModelConfiguration, _ family: ModelFamily
  ) throws(FileError) -> [String: SourceTensor] {
    guard family.isReorderedInGGUF else { return file.tensors }
    let headDim = configuration.headDim
    let rotated = Set(LayerParameter.allCases.filter(\.isRotated).map(\.ggufName))
    var tensors = file.tensors
    for (key, tensor) in file.tensors {
      let name = tensor.name.split(separator: ".").dropFirst(2).joined(separator: ".")
      guard rotated.contains(name) else { continue }
      guard tensor.shape.count > 1 || tensor.type.blockCount == 1 else {
        throw .unsupported(
          path: file.path, place: tensor.name, found: "a bias of type \(tensor.type.rawValue)",
          supported: "biases of F32, F16 or BF16")
      }
      guard (tensor.shape.first ?? 0) % headDim == 0 else {
        throw .invalid(
          path: file.path, place: tensor.name, expected: "whole heads of \(headDim) rows",
          found: "shape \(tensor.shape)",
          fix: "the metadata do not belong to these weights, so fetch the file again")
      }
      tensors[key]?.rotatedHeadDim = headDim
    }
    return tensors
  }

  // MARK: Configuration

  private func value(_ key: String) -> MetadataValue? {
    file.metadata["\(architecture).\(key)"]
  }

  /// llama.cpp goes by the rows, too, and looks at the key only where there is no tokenizer.
  private var vocabularyWarnings: [String] {
    guard let rows = file.tensors[Parameter.embedding.ggufName]?.shape.first,
      let stated = value("vocab_size")?.integer, stated != rows
    else { return [] }
    return [
      "\(architecture).vocab_size is \(stated), but \(Parameter.embedding.ggufName) has \(rows) rows, which "
        + "are taken as the vocabulary"
    ]
  }

  private func readConfiguration() throws(FileError) -> DecodedConfiguration {
    var values: [String: MetadataValue] = ["model_type": .text(architecture)]
    for (key, ggufKey) in GGUFKeys.configuration where key != "rope_scaling" {
      values[key] = value(ggufKey)
    }
    if let rows = file.tensors[Parameter.embedding.ggufName]?.shape.first {
      values["vocab_size"] = .integer(rows)
    }
    values["tie_word_embeddings"] = .bool(file.tensors[Parameter.output.ggufName] == nil)
    let qBias = Parameter.layer(index: 0, .qBias).ggufName
    values["attention_bias"] = .bool(file.tensors[qBias] != nil)
    // llama.cpp takes a window of 0 for none.
    if value("attention.sliding_window")?.integer == 0 { values["sliding_window"] = nil }
    values["use_sliding_window"] = .bool(values["sliding_window"] != nil)
    let family = ModelFamily.of(
      architecture: architecture, hasExperts: (value("expert_count")?.integer ?? 0) > 0,
      hasWindow: values["sliding_window"] != nil)
    for (key, ggufKey) in family?.ggufKeys ?? [:] { values[key] = value(ggufKey) }
    var scaling = try ropeScaling(theta: value("rope.freq_base")?.real ?? 10_000)
    if case .object(var members)? = scaling, members["rope_type"] == .text(RopeType.yarn.rawValue),
      let family, !family.truncatesYarn
    {
      members["truncate"] = .bool(false)
      scaling = .object(members)
    }
    values["rope_scaling"] = scaling
    let pattern = value("attention.sliding_window_pattern")
    if family?.window.isPattern == true, case .bools(let slides)? = pattern {
      values["sliding_window_pattern"] = nil
      values["layer_types"] = .texts(slides.map { $0 ? "sliding_attention" : "full_attention" })
    }
    // llama.cpp takes 0 for no scale.
    for key in family?.ggufScales ?? [] where values[key]?.real == 0 { values[key] = nil }
    let headDim = value("attention.key_length")?.integer
    if let family, family.turnsPart, let headDim = headDim ?? wholeHeadDim,
      let turned = value("rope.dimension_count")?.integer, turned > 0, turned <= headDim
    {
      values["partial_rotary_factor"] = .real(Double(turned) / Double(headDim))
    }
    if let family { values["model_type"] = .text(family.modelType) }
    let architecture = architecture
    let decoder = ConfigurationDecoder(values: values, path: file.path, source: .gguf) { key in
      (GGUFKeys.configuration[key] ?? family?.ggufKeys[key]).map { "\(architecture).\($0)" }
        ?? (key == "model_type" ? "general.architecture" : key)
    }
    let decoded = try decoder.decode()
    let configuration = decoded.configuration
    let rotary = configuration.kinds.compactMap(\.rotary).first
    let turned = rotary?.features ?? configuration.headDim
    let rotated = value("rope.dimension_count")?.integer ?? turned
    let values2 = value("attention.value_length")?.integer ?? configuration.headDim
    guard rotated == turned, values2 == configuration.headDim else {
      throw .unsupported(
        path: file.path, place: "\(architecture).rope.dimension_count",
        found: "\(rotated) rotated and \(values2) value features per head of "
          + "\(configuration.headDim)",
        supported: "RoPE over the whole head")
    }
    return decoded
  }

  /// The width of a head where no key states it.
  private var wholeHeadDim: Int? {
    guard let hidden = value("embedding_length")?.integer,
      let heads = value("attention.head_count")?.integer, heads > 0
    else { return nil }
    return hidden / heads
  }

  /// llama.cpp scales linearly where a factor stands without a type, and not at all where the type is none;
  /// a table of factors comes on top.
  private func ropeScaling(theta: Double) throws(FileError) -> MetadataValue? {
    let typeKey = "rope.scaling.type"
    guard value(typeKey) == nil || value(typeKey)?.text != nil else {
      throw .invalid(
        path: file.path, place: "\(architecture).\(typeKey)", expected: "text",
        found: value(typeKey)?.quoted ?? "nothing", fix: "fetch the file again")
    }
    let type = value(typeKey)?.text ?? "linear"
    let factor = value("rope.scaling.factor") ?? value("rope.scale_linear")
    guard type == "none" || RopeType.ofGGUF.contains(type) else {
      throw .unsupported(
        path: file.path, place: "\(architecture).\(typeKey)", found: "the type \"\(type)\"",
        supported: "none, linear, yarn or longrope")
    }
    // A factor of 0 stands for none, as does no factor; one of 1 changes nothing.
    let isPlain =
      ["none", "linear", "yarn"].contains(type)
      && (type == "none" || factor == nil || factor?.real == 0 || factor?.real == 1)
    if let short = file.tensors[Self.shortFactors], let long = file.tensors[Self.longFactors] {
      guard isPlain || type == RopeType.longrope.rawValue else {
        throw .unsupported(
          path: file.path, place: long.name,
          found: "tables of RoPE factors beside \(architecture).\(typeKey) \(type)",
          supported: "one of the two")
      }
      return try longrope(short: short, long: long)
    }
    let attentionKey = "rope.scaling.attn_factor"
    if let factor = value(attentionKey), factor.real != 1 {
      throw .unsupported(
        path: file.path, place: "\(architecture).\(attentionKey)",
        found: "a scale of attention scores (\(factor.quoted)) without LongRoPE's two tables",
        supported: "\(architecture).\(attentionKey) 1")
    }
    guard let factors = file.tensors[Self.ropeFactors] else {
      if isPlain { return nil }
      return .object(stretch(type, factor: factor ?? .null))
    }
    guard isPlain else {
      throw .unsupported(
        path: file.path, place: factors.name,
        found: "a table of RoPE factors beside \(architecture).\(typeKey) \(type)",
        supported: "one of the two")
    }
    return try RopeFactors.scaling(
      try factors.readValues(), theta: theta, path: file.path, place: factors.name
    ).map { .text($0.json) }
  }

  /// Scaling by a factor; YaRN has its parameters beside it.
  private func stretch(_ type: String, factor: MetadataValue) -> [String: MetadataValue] {
    var members = ["rope_type": .text(type), "factor": factor]
    guard type == RopeType.yarn.rawValue else { return members }
    for (name, key) in [
      ("original_max_position_embeddings", "original_context_length"),
      ("beta_fast", "yarn_beta_fast"), ("beta_slow", "yarn_beta_slow"),
    ] {
      members[name] = value("rope.scaling.\(key)")
    }
    return members
  }

  /// LongRoPE's two tables; llama.cpp states the factor of cosines and sines beside them.
  private func longrope(
    short: SourceTensor, long: SourceTensor
  ) throws(FileError) -> MetadataValue {
    var members: [String: MetadataValue] = [
      "rope_type": .text("longrope"),
      "short_factor": .reals(try short.readValues().map(Double.init)),
      "long_factor": .reals(try long.readValues().map(Double.init)),
      "attention_factor": value("rope.scaling.attn_factor") ?? .integer(1),
    ]
    members["original_max_position_embeddings"] = value("rope.scaling.original_context_length")
    return .object(members)
  }

  /// Says what a file is that holds no whole model.
  private static func refuseOtherKinds(_ file: GGUFFile) throws(FileError) {
    guard let type = file.metadata["general.type"]?.text, type != "model" else { return }
    let what = [
      "adapter": "an adapter (LoRA), a change of a model,",
      "mmproj": "the part of a model that sees or hears", "imatrix": "an importance matrix",
      "vocab": "a vocabulary without weights",
    ]
    throw .unsupported(
      path: file.path, place: "general.type",
      found: what[type] ?? "a file of the type \"\(type)\"",
      supported: "whole weights"
        + (type == "adapter" ? ": merge the adapter into its base model" : ""))
  }
}

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

  /// Keys that change nothing, or nothing without what is refused anyway.
  static let harmless: Set = [
    "tensor_data_layout", "attention.layer_norm_epsilon", "rope.scaling.original_context_length",
    "rope.scaling.finetuned", "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow",
    "decoder_start_token_id",
  ]

  /// Keys that change what a model computes and that the decoder does not know.
  static let foreign: [String: ForeignKey] = [
    "expert_gating_func": .init("another weighing of experts", .numbers([0, 1])),
    "expert_weights_norm": .init("weights of experts that do not add up to 1", .on),
    "expert_weights_scale": .init("a scale of the experts", .numbers([0, 1])),
    "expert_group_count": .init("groups of experts", .numbers([0, 1])),
    "expert_group_used_count": .init("groups of experts", .numbers([0, 1])),
    "interleave_moe_layer_step": .init("experts in some layers", .numbers([0, 1])),
    "rope.scaling.yarn_log_multiplier": .init("a scale of attention scores"),
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
    _ metadata: [String: MetadataValue], of family: ModelFamily, _ architecture: String,
    path: String
  ) throws(FileError) -> [String] {
    let read = others.union(configuration.values).union(family.ggufKeys.values)
      .union(family.ggufOtherKeys)
    let significant = KeySpelling(read.union(foreign.keys))
    var unknown: [String] = []
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      guard key.hasPrefix(architecture + ".") else {
        if isStray(key, read) { unknown.append(key) }
        continue
      }
      let name = String(key.dropFirst(architecture.count + 1))
      if !read.contains(name), let foreign = family.ggufForeign[name] ?? foreign[name],
        !foreign.isNeutral(value),
        !isList(value, of: 0)
      {
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
