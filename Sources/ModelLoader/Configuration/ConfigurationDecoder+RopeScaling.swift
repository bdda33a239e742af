import Foundation
import Support
import Transformer

extension ConfigurationDecoder {
  /// What a configuration says about RoPE.
  struct Rope {
    /// The base of the frequencies.
    let theta: Double
    /// How they are stretched, or nil.
    let scaling: RopeScaling?
  }

  /// The base and the scaling, in the order in which transformers 5 looks for them.
  ///
  /// An object `rope_scaling` that is not empty wins over `rope_parameters`. Within it `rope_type` wins over
  /// the older `type`. The base is its `rope_theta`, else that of the top level, else the family's.
  func rope(
    maxPositions: Int, _ defaults: FamilyDefaults, _ warnings: inout ConfigurationWarnings
  ) throws(FileError) -> Rope {
    let older = try ropeMembers("rope_scaling")
    let newer = try ropeMembers("rope_parameters")
    let key = older.isEmpty ? "rope_parameters" : "rope_scaling"
    let members = older.isEmpty ? newer : older
    if !older.isEmpty, !newer.isEmpty, older != newer {
      warnings.sentences.append(
        "rope_scaling and rope_parameters differ, and rope_scaling is used, as in transformers")
    }
    let theta = try theta(members, key, defaults, &warnings)
    let factor = members["partial_rotary_factor"] ?? present("partial_rotary_factor")
    if let factor, factor.real != 1 {
      throw unsupported(
        "partial_rotary_factor", "rotating a part of each head (\(factor.quoted))",
        "RoPE over the whole head")
    }
    return Rope(
      theta: theta, scaling: try scaling(members, key, maxPositions: maxPositions, &warnings))
  }

  private func theta(
    _ members: [String: MetadataValue], _ key: String, _ defaults: FamilyDefaults,
    _ warnings: inout ConfigurationWarnings
  ) throws(FileError) -> Double {
    let outer = try positive("rope_theta", below: 1e15)
    guard let value = members["rope_theta"] else { return outer ?? defaults.ropeTheta }
    guard let inner = value.real, inner > 0, inner < 1e15 else {
      throw invalid(key, "a rope_theta above 0 and below 1e15", value.quoted)
    }
    if let outer, outer != inner {
      warnings.sentences.append(
        "rope_theta is \(outer) and \(inner) within \(key), which is used, as in transformers")
    }
    return inner
  }

  private func scaling(
    _ members: [String: MetadataValue], _ key: String, maxPositions: Int,
    _ warnings: inout ConfigurationWarnings
  ) throws(FileError) -> RopeScaling? {
    let type = try ropeType(members, key, &warnings)
    guard let used = RopeKeys.used[type] else {
      throw unsupported(key, "the type \"\(type)\"", "rope_type default, linear or llama3")
    }
    try checkRopeKeys(members, key, type: type, used: used, &warnings)
    switch type {
    case "linear": return .linear(factor: try factor("factor", of: members, key))
    case "llama3": return try llama3(members, key, maxPositions: maxPositions)
    default: return nil
    }
  }

  private func ropeType(
    _ members: [String: MetadataValue], _ key: String, _ warnings: inout ConfigurationWarnings
  ) throws(FileError) -> String {
    for name in ["rope_type", "type"] {
      guard let value = members[name] else { continue }
      guard let type = value.text else { throw invalid(key, "a text as \(name)", value.quoted) }
      if name == "rope_type", let other = members["type"]?.text, other != type {
        warnings.sentences.append(
          "\(key) has the rope_type \(type.shown(limit: 40)) and the type \(other.shown(limit: 40)): "
            + "rope_type is used, as in transformers")
      }
      return type
    }
    return "default"
  }

  /// The members of an object, or of JSON text of one; none where it is absent or null.
  private func ropeMembers(
    _ key: String
  ) throws(FileError) -> [String: MetadataValue] {
    switch present(key) {
    case nil: return [:]
    case .object(let members):
      return members.filter { $0.value != .null }
    case .text(let json):
      do {
        return try MetadataValue.object(json: json.utf8, path: path)
      } catch .invalid(_, let place, let expected, let found, _) {
        throw invalid(
          key, expected == "each key once" ? "a JSON object with each key once" : "a JSON object",
          "\(found) (\(place) of it)")
      }
    case .some(let other): throw invalid(key, "a JSON object", other.quoted)
    }
  }

  /// The original context is the top level's, else that within the object, else the context.
  private func llama3(
    _ members: [String: MetadataValue], _ key: String, maxPositions: Int
  ) throws(FileError) -> RopeScaling {
    let low = try factor("low_freq_factor", of: members, key)
    let high = try factor("high_freq_factor", of: members, key)
    guard low < high else {
      throw invalid(key, "low_freq_factor below high_freq_factor", "\(low) and \(high)")
    }
    let name = "original_max_position_embeddings"
    let value = present(name) ?? members[name] ?? .integer(maxPositions)
    guard let original = value.integer, original >= 1, original <= Self.largestSize else {
      throw invalid(key, "\(name) of 1 to \(Self.largestSize)", value.quoted)
    }
    return .llama3(
      factor: try factor("factor", of: members, key), lowFrequencyFactor: low,
      highFrequencyFactor: high, originalMaxPositions: original)
  }

  private func factor(
    _ name: String, of members: [String: MetadataValue], _ key: String
  ) throws(FileError) -> Double {
    guard let value = members[name]?.real, value > 0, value < 1e9 else {
      throw invalid(key, "a positive \(name)", members[name]?.quoted ?? "nothing")
    }
    return value
  }
}

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
