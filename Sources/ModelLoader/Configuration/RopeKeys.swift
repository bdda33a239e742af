import Support

/// The keys within `rope_scaling` and `rope_parameters`.
enum RopeKeys {
  private static let always: Set = ["type", "rope_type", "rope_theta", "partial_rotary_factor"]

  /// The keys that count for each type that is read.
  static let used: [String: Set<String>] = [
    "default": always,
    "linear": always.union(["factor"]),
    "llama3": always.union([
      "factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings",
    ]),
  ]

  /// Keys of other types, which transformers passes over where the type does not use them.
  static let known = (used["llama3"] ?? []).union([
    "attention_factor", "beta_fast", "beta_slow", "short_factor", "long_factor", "mscale",
    "mscale_all_dim", "truncate", "finetuned", "extrapolation_factor", "attn_factor", "alpha",
    "short_mscale", "long_mscale",
  ])

  /// The keys above, as misspelt ones are compared with them.
  static let spelling = KeySpelling(known)

  /// Keys that change positions whatever the type is.
  static let sections: Set = ["mrope_section", "mrope_interleaved", "xdrope_section"]
}

extension ConfigurationDecoder {
  /// Refuses misspelt keys of a RoPE object, and names those that its type does not use.
  func checkRopeKeys(
    _ members: [String: MetadataValue], _ key: String, type: String, used: Set<String>,
    _ warnings: inout ConfigurationWarnings
  ) throws(FileError) {
    var unused: [String] = []
    for (name, value) in members.sorted(by: { $0.key < $1.key }) where !used.contains(name) {
      if case .object = value {
        throw unsupported(
          key, "RoPE settings of their own for \"\(name)\" layers", "one RoPE for all layers")
      }
      if RopeKeys.sections.contains(name), !ForeignKey.isOff(value) {
        throw unsupported(
          key, "positions of several axes (\(name))", "one position per token")
      }
      if RopeKeys.known.contains(name) {
        unused.append(name)
      } else if let nearest = RopeKeys.spelling.nearest(to: name) {
        throw invalid(
          key, "keys that are known", "\"\(name)\"", fix: "did you mean \(nearest)?")
      } else if !RopeKeys.sections.contains(name) {
        warnings.unknown.append("\(key).\(name)")
      }
    }
    // The original context is stated by many files whatever the type is.
    unused.removeAll { $0 == "original_max_position_embeddings" }
    if !unused.isEmpty {
      warnings.sentences.append(
        "\(key) has \(unused.joined(separator: ", ")), which the rope_type \(type) does not use, as in "
          + "transformers")
    }
  }
}
