import Support

/// The text part of a model that also sees or hears, as its `config.json` has it.
///
/// With text alone such a model computes what a decoder of a known family does: positions of several axes are all
/// the same there.
struct TextPart {
  /// The keys of the text part, as a configuration of its family has them.
  let values: [String: MetadataValue]
  /// What is worth saying; nil for a model of text alone.
  let warning: String?
  /// How many pairs of features turn by time, height and width: the key's value, or its class's default; nil for one
  /// position per token.
  private(set) var statedSections: MetadataValue?
  /// Whether these axes take turns.
  private(set) var axesTakeTurns = false

  /// What the text part of each type is, by its own `model_type` or that of the whole.
  private static let families = [
    "qwen2_vl": "qwen2", "qwen2_vl_text": "qwen2", "qwen2_5_vl": "qwen2",
    "qwen2_5_vl_text": "qwen2", "qwen3_vl_text": "qwen3", "qwen3_vl_moe_text": "qwen3_moe",
  ]

  /// Keys of a flat configuration that are of its other parts.
  private static let otherParts = [
    "vision_config", "audio_config", "image_token_id", "video_token_id", "vision_start_token_id",
    "vision_end_token_id", "vision_token_id", "architectures",
  ]

  /// Reads the text part of `values`, the keys of the `config.json` at `path`.
  ///
  /// - Throws: `FileError.unsupported` where it is of a family that is not read; `FileError.invalid` where it is no
  ///   object, or contradicts the whole.
  init(_ values: [String: MetadataValue], path: String) throws(FileError) {
    let whole = values["model_type"]?.text ?? ""
    if let text = values["text_config"], !ForeignKey.isOff(text) {
      guard case .object(var own) = text else {
        throw .invalid(
          path: path, place: "key text_config", expected: "an object", found: text.quoted,
          fix: "fetch the file again")
      }
      let type = own["model_type"]?.text ?? ""
      let family = Self.families[type] ?? type
      guard ModelFamily.named(family) != nil else {
        throw .unsupported(
          path: path, place: "key text_config.model_type", found: "\"\(type)\" in a \(whole)",
          supported:
            "text parts of \((Self.families.keys.filter { $0.hasSuffix("_text") } + ModelFamily.all.map(\.modelType)).sorted().joined(separator: ", "))"
        )
      }
      own["model_type"] = .text(family)
      let key = "tie_word_embeddings"
      if let outer = values[key], outer != .null {
        guard own[key] == nil || own[key] == outer else {
          throw .invalid(
            path: path, place: "key text_config.\(key)",
            expected: "that of the whole, \(outer.quoted)",
            found: own[key]?.quoted ?? "nothing", fix: "correct the one that is wrong")
        }
        own[key] = outer
      }
      for key in ["bos_token_id", "eos_token_id"] where own[key] == nil { own[key] = values[key] }
      let quantized = "quantization_config"
      if own[quantized] == nil { own[quantized] = values[quantized] }
      // What saves several parts has no class of the text part alone.
      own["architectures"] = nil
      self.values = try Self.plainPositions(own, whole: type, path: path)
      (statedSections, axesTakeTurns) = Self.sections(own, whole: type)
      warning = "the text part of a \(whole) is read, a \(family) with plain positions"
      return
    }
    guard let family = Self.families[whole], values["vision_config"] != nil else {
      (self.values, warning) = (values, nil)
      return
    }
    var own = values
    for key in Self.otherParts { own[key] = nil }
    own["model_type"] = .text(family)
    self.values = try Self.plainPositions(own, whole: whole, path: path)
    (statedSections, axesTakeTurns) = Self.sections(own, whole: whole)
    warning = "the text part of a \(whole) is read, a \(family) with plain positions"
  }

  /// What the keys say of positions of several axes.
  private static func sections(
    _ values: [String: MetadataValue], whole: String
  ) -> (MetadataValue?, takeTurns: Bool) {
    let takeTurns = whole.hasPrefix("qwen3_vl")
    let stated = ["rope_scaling", "rope_parameters"].lazy.compactMap { key in
      if case .object(let members)? = values[key] {
        members[ConfigurationKeys.sections]
      } else {
        nil
      }
    }.first
    let ofClass = families[whole].map { _ in
      MetadataValue.integers(takeTurns ? [24, 20, 20] : [16, 24, 24])
    }
    return (stated ?? ofClass, takeTurns)
  }

  /// The keys without the sections of positions of several axes, which text does not have.
  ///
  /// The classes of such text parts have defaults of their own, so that what decides must be stated.
  private static func plainPositions(
    _ values: [String: MetadataValue], whole: String, path: String
  ) throws(FileError) -> [String: MetadataValue] {
    var values = values
    if families[whole] != nil {
      var needed = [
        "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
        "num_attention_heads", "num_key_value_heads", "max_position_embeddings", "rms_norm_eps",
      ]
      if families[whole] == "qwen3_moe" {
        needed += ["num_experts", "num_experts_per_tok", "moe_intermediate_size"]
        // Its class always normalises.
        values["norm_topk_prob"] = .bool(true)
      }
      if let key = needed.first(where: { values[$0] == nil }) {
        throw .invalid(
          path: path, place: "key \(key)",
          expected: "a number, stated for the text part of a \(whole)",
          found: "nothing", fix: "state it in config.json")
      }
      let bases = ["rope_theta", "rope_scaling", "rope_parameters"].compactMap { values[$0] }
      let hasBase =
        values["rope_theta"] != nil
        || bases.contains { base in
          if case .object(let members) = base { members["rope_theta"] != nil } else { false }
        }
      guard hasBase else {
        throw .invalid(
          path: path, place: "key rope_theta",
          expected: "a number, stated for the text part of a \(whole)",
          found: "nothing", fix: "state it in config.json")
      }
    }
    for key in ["rope_scaling", "rope_parameters"] {
      guard case .object(var members)? = values[key] else { continue }
      for section in ["mrope_section", "mrope_interleaved"] { members[section] = nil }
      for name in ["type", "rope_type"] where members[name] == .text("mrope") {
        members[name] = .text("default")
      }
      values[key] = .object(members)
    }
    return values
  }
}
