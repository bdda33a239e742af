import Foundation
import Support
import Transformer

/// The forms of RoPE that are read.
enum RopeType: String, Sendable {
  /// Frequencies as they are.
  case plain = "default"
  /// All divided by a factor.
  case linear
  /// Llama 3.1's.
  case llama3
  /// YaRN.
  case yarn
  /// LongRoPE.
  case longrope
  /// Plain up to the context the model was made for, and stretched beyond it.
  case dynamic

  /// Those that llama.cpp has, by its names.
  static let ofGGUF: Set = [linear.rawValue, yarn.rawValue, longrope.rawValue]

  /// Those of most families, by the name in the file.
  static let common: [String: RopeType] = [
    "default": .plain, "linear": .linear, "llama3": .llama3, "yarn": .yarn, "longrope": .longrope,
    "dynamic": .dynamic,
  ]
}

/// Sizes of a model that RoPE depends on.
struct RopeSizes {
  /// `max_position_embeddings`.
  let maxPositions: Int
  /// D.
  let headDim: Int
}

/// The object that says how frequencies are stretched.
private struct RopeObject {
  /// `rope_scaling` or `rope_parameters`.
  let key: String
  let members: [String: MetadataValue]
  /// The base of the frequencies.
  let theta: Double
  /// The features that RoPE turns in each head.
  let features: Int
  let sizes: RopeSizes
  let family: ModelFamily
}

extension ConfigurationDecoder {
  /// RoPE's base, scaling and share, in the order in which transformers 5 looks for them.
  ///
  /// An object `rope_scaling` that is not empty wins over `rope_parameters`. Within it `rope_type` wins over
  /// the older `type`. The base is its `rope_theta`, else that of the top level, else the family's.
  ///
  /// Where sliding layers have a RoPE of their own, this is the global layers'.
  func rope(
    _ sizes: RopeSizes, _ family: ModelFamily, _ defaults: FamilyDefaults,
    _ warnings: inout ConfigurationWarnings
  ) throws(FileError) -> Rotary {
    guard family.ropeByKind != nil else {
      return try sharedRope(sizes, family, defaults, &warnings)
    }
    var members = try ropeKinds()[Self.globalLayers] ?? [:]
    // transformers adds the older object to that of the global layers.
    members.merge(try ropeMembers("rope_scaling")) { $1 }
    return try ofLayers(members, theta: values["rope_theta"])
      .sharedRope(sizes, family, defaults, &warnings)
  }

  /// RoPE of the sliding layers of a family in which it is another one.
  func localRope(
    _ sizes: RopeSizes, _ family: ModelFamily, _ defaults: FamilyDefaults,
    _ warnings: inout ConfigurationWarnings
  ) throws(FileError) -> Rotary {
    guard let rule = family.ropeByKind else { preconditionFailure("\(family.modelType)") }
    let kinds = try ropeKinds()
    var own = defaults
    own.ropeTheta = rule.localTheta ?? defaults.ropeTheta
    let theta: MetadataValue?
    if let key = rule.localThetaKey {
      theta = values[key]
    } else {
      // transformers takes the base beside the objects for the global layers alone, whether these need it or not.
      theta = source == .gguf ? values["rope_theta"] : nil
    }
    return try ofLayers(kinds[Self.slidingLayers] ?? [:], theta: theta)
      .sharedRope(sizes, family, own, &warnings)
  }

  private static let (globalLayers, slidingLayers) = ("full_attention", "sliding_attention")

  /// The objects within `rope_parameters`, one for each kind of layer, by its name.
  private func ropeKinds() throws(FileError) -> [String: [String: MetadataValue]] {
    let key = "rope_parameters"
    var kinds: [String: [String: MetadataValue]] = [:]
    for (name, value) in try ropeMembers(key) {
      guard case .object(let members) = value,
        name == Self.globalLayers || name == Self.slidingLayers
      else {
        throw invalid(
          key, "the objects \(Self.globalLayers) and \(Self.slidingLayers)",
          "\(name.shown(limit: 60)), \(value.quoted)")
      }
      kinds[name] = Self.ropeValues(members)
    }
    return kinds
  }

  /// The same configuration with the RoPE of some layers alone.
  private func ofLayers(
    _ members: [String: MetadataValue], theta: MetadataValue?
  ) -> ConfigurationDecoder {
    var own = values
    own["rope_scaling"] = nil
    own["rope_parameters"] = members.isEmpty ? nil : .object(members)
    own["rope_theta"] = theta
    return ConfigurationDecoder(values: own, path: path, source: source, place: place)
  }

  private func sharedRope(
    _ sizes: RopeSizes, _ family: ModelFamily, _ defaults: FamilyDefaults,
    _ warnings: inout ConfigurationWarnings
  ) throws(FileError) -> Rotary {
    let older = try ropeMembers("rope_scaling")
    var newer = try ropeMembers("rope_parameters")
    if source == .configJSON, older.isEmpty, newer.isEmpty, let json = defaults.rope {
      newer = try MetadataValue.object(json: json.utf8, path: path)
    }
    let key = older.isEmpty ? "rope_parameters" : "rope_scaling"
    let members = older.isEmpty ? newer : older
    if !older.isEmpty, !newer.isEmpty, older != newer {
      warnings.sentences.append(
        "rope_scaling and rope_parameters differ, and rope_scaling is used, as in transformers")
    }
    let theta = try theta(members, key, defaults, &warnings)
    let features = try turnedFeatures(members, sizes, family, defaults)
    let object = RopeObject(
      key: key, members: members, theta: theta, features: features, sizes: sizes, family: family)
    return Rotary(
      theta: theta, scaling: try scaling(object, &warnings),
      features: features == sizes.headDim ? nil : features)
  }

  /// How many features of each head are turned.
  private func turnedFeatures(
    _ members: [String: MetadataValue], _ sizes: RopeSizes, _ family: ModelFamily,
    _ defaults: FamilyDefaults
  ) throws(FileError) -> Int {
    let key = "partial_rotary_factor"
    // Null stands for the whole head, in transformers too, and no key for the family's share.
    let isNull = members[key] == nil && values[key] == .null
    let missing = MetadataValue.real(isNull ? 1 : defaults.turnedShare)
    let value = members[key] ?? present(key) ?? missing
    if value.real == 1 { return sizes.headDim }
    guard family.turnsPart else {
      throw unsupported(
        key, "rotating a part of each head (\(value.quoted))", "RoPE over the whole head")
    }
    guard let share = value.real, share > 0, share < 1 else {
      throw invalid(key, "a share above 0 and at most 1", value.quoted)
    }
    // A share that was made of a number of features is that number again; transformers cuts off.
    let product = Double(sizes.headDim) * share
    let features = source == .configJSON ? Int(product) : Int(product.rounded())
    guard features > 0, features % 2 == 0 else {
      throw invalid(
        key, "a share of the \(sizes.headDim) features that is an even number of them",
        "\(value.quoted), which is \(features)")
    }
    return features
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
    _ object: RopeObject, _ warnings: inout ConfigurationWarnings
  ) throws(FileError) -> RopeScaling? {
    let (members, key) = (object.members, object.key)
    let name = try ropeType(members, key, &warnings)
    guard let type = object.family.ropeTypes[name] else {
      let known = object.family.ropeTypes.keys.sorted().joined(separator: ", ")
      throw unsupported(key, "the type \"\(name)\"", "rope_type \(known)")
    }
    try checkRopeKeys(members, key, type: type, &warnings)
    switch type {
    case .plain: return nil
    case .linear: return .linear(factor: try factor("factor", of: members, key))
    case .llama3: return try llama3(object)
    case .yarn: return try yarn(object)
    case .longrope: return try longrope(object)
    case .dynamic:
      // It differs from plain RoPE beyond the model's context alone, which no sample exceeds.
      _ = try factor("factor", of: members, key)
      warnings.sentences.append(
        "RoPE stretches with the length (rope_type dynamic) beyond \(object.sizes.maxPositions) tokens, "
          + "to which the context is limited")
      return nil
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
      return Self.ropeValues(members)
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

  /// The members that count: a null stands for a key that is not there, but for two.
  ///
  /// transformers takes that of `truncate` for false, and tells a `factor` that is null from none.
  private static func ropeValues(_ members: [String: MetadataValue]) -> [String: MetadataValue] {
    var kept = members.filter { $0.value != .null || $0.key == "factor" }
    if members["truncate"] == .null { kept["truncate"] = .bool(false) }
    return kept
  }

  /// The original context is the top level's, else the family's, else that within the object, else the context.
  private func originalPositions(_ object: RopeObject) throws(FileError) -> Int {
    let name = "original_max_position_embeddings"
    if source == .configJSON, values[name] == .null {
      throw invalid(name, "a whole number, or no such key", "null")
    }
    let isAbsent = values[name] == nil && source != .gguf
    let ofFamily = isAbsent ? object.family.defaults.sizes[name] : nil
    let value =
      present(name) ?? ofFamily.map { .integer($0) } ?? object.members[name]
      ?? .integer(object.sizes.maxPositions)
    guard let original = value.integer, original >= 1, original <= Self.largestSize else {
      throw invalid(object.key, "\(name) of 1 to \(Self.largestSize)", value.quoted)
    }
    return original
  }

  private func llama3(_ object: RopeObject) throws(FileError) -> RopeScaling {
    let (members, key) = (object.members, object.key)
    let low = try factor("low_freq_factor", of: members, key)
    let high = try factor("high_freq_factor", of: members, key)
    guard low < high else {
      throw invalid(key, "low_freq_factor below high_freq_factor", "\(low) and \(high)")
    }
    return .llama3(
      factor: try factor("factor", of: members, key), lowFrequencyFactor: low,
      highFrequencyFactor: high, originalMaxPositions: try originalPositions(object))
  }

  /// The factor that is stated, else the context divided by the original one.
  private func stretch(_ object: RopeObject, original: Int) throws(FileError) -> Double {
    guard object.members["factor"] ?? .null != .null else {
      return Double(object.sizes.maxPositions) / Double(original)
    }
    return try factor("factor", of: object.members, object.key)
  }

  private func yarn(_ object: RopeObject) throws(FileError) -> RopeScaling {
    let (members, key) = (object.members, object.key)
    let original = try originalPositions(object)
    // transformers derives a factor that is null, and fails on one that is not there.
    guard source == .gguf || members["factor"] != nil else {
      throw invalid(key, "a positive factor", "nothing")
    }
    let factor = try stretch(object, original: original)
    guard object.theta > 1 else {
      throw invalid(key, "a rope_theta above 1, by which YaRN divides", "\(object.theta)")
    }
    func number(_ name: String) throws(FileError) -> Double? {
      // transformers takes 0 for absent.
      guard let value = members[name], value.real != 0 else { return nil }
      return try self.factor(name, of: members, key)
    }
    func magnitude(_ scale: Double) -> Double {
      factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1
    }
    let (scale, all) = (try number("mscale"), try number("mscale_all_dim"))
    let ratio = scale.flatMap { scale in all.map { magnitude(scale) / magnitude($0) } }
    let attention =
      members["attention_factor"] == nil
      ? ratio ?? magnitude(1) : try self.factor("attention_factor", of: members, key)
    guard attention.isFinite, attention > 0 else {
      throw invalid(key, "an attention factor above 0", "\(attention)")
    }
    let truncates = members["truncate"].map(\.bool) ?? true
    guard let truncates else {
      throw invalid(key, "true or false as truncate", members["truncate"]?.quoted ?? "nothing")
    }
    return .yarn(
      YarnScaling(
        factor: factor, betaFast: try number("beta_fast") ?? 32,
        betaSlow: try number("beta_slow") ?? 1, originalMaxPositions: original,
        attentionFactor: attention, truncates: truncates))
  }

  private func longrope(_ object: RopeObject) throws(FileError) -> RopeScaling {
    let (members, key) = (object.members, object.key)
    let original = try originalPositions(object)
    let factor = try stretch(object, original: original)
    guard original > 1 || members["attention_factor"] != nil || factor <= 1 else {
      throw invalid(key, "original_max_position_embeddings above 1", "\(original)")
    }
    let attention =
      members["attention_factor"] != nil
      ? try self.factor("attention_factor", of: members, key)
      : factor <= 1 ? 1 : (1 + log(factor) / log(Double(original))).squareRoot()
    return .longrope(
      LongRopeScaling(
        shortFactors: try divisors("short_factor", object),
        longFactors: try divisors("long_factor", object), originalMaxPositions: original,
        attentionFactor: attention))
  }

  /// A list of positive numbers, one for each pair of features that is turned.
  private func divisors(_ name: String, _ object: RopeObject) throws(FileError) -> [Double] {
    let count = object.features / 2
    guard let values = object.members[name]?.numbers, values.count == count,
      values.allSatisfy({ $0 > 1e-6 && $0 < 1e9 })
    else {
      throw invalid(
        object.key, "\(name), \(count) numbers from 1e-6 to 1e9, one for each pair that RoPE turns",
        object.members[name]?.quoted ?? "nothing")
    }
    return values
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

  /// The keys that count for a type.
  static func used(by type: RopeType) -> Set<String> {
    let own: Set<String> =
      switch type {
      case .plain: []
      case .linear, .dynamic: ["factor"]
      case .llama3: ["factor", "low_freq_factor", "high_freq_factor", original]
      case .yarn:
        [
          "factor", "attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim",
          "truncate", original,
        ]
      case .longrope:
        ["factor", "attention_factor", "short_factor", "long_factor", original]
      }
    return always.union(own)
  }

  private static let original = "original_max_position_embeddings"

  /// Keys of all types, which transformers passes over where the type does not use them.
  static let known = [RopeType.llama3, .yarn, .longrope].reduce(always) { $0.union(used(by: $1)) }
    .union([
      "finetuned", "extrapolation_factor", "attn_factor", "alpha", "short_mscale", "long_mscale",
    ])

  /// The keys above, as misspelt ones are compared with them.
  static let spelling = KeySpelling(known)

  /// Keys that change positions whatever the type is.
  static let sections: Set = ["mrope_section", "mrope_interleaved", "xdrope_section"]
}

extension ConfigurationDecoder {
  /// Refuses misspelt keys of a RoPE object, and names those that its type does not use.
  func checkRopeKeys(
    _ members: [String: MetadataValue], _ key: String, type: RopeType,
    _ warnings: inout ConfigurationWarnings
  ) throws(FileError) {
    let used = RopeKeys.used(by: type)
    var unused: [String] = []
    for (name, value) in members.sorted(by: { $0.key < $1.key })
    where !used.contains(name) && value != .null {
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
        "\(key) has \(unused.joined(separator: ", ")), which the rope_type \(type.rawValue) does not use, as in "
          + "transformers")
    }
  }
}
