import Foundation
import Support
import Transformer

/// Which model a result is of: its weights, its configuration and its tokenizer.
///
/// Weights alone do not say it: another `rope_theta`, epsilon or tokenizer makes another model of them.
/// A part that is not known, as in files of earlier versions, is nil.
public struct ModelIdentity: Sendable, Hashable {
  /// SHA-256 of the weights, as docs/model-format.md defines it.
  public var weightsSHA256: String?
  /// SHA-256 of ``configuration`` as text: a line `key=value` for each key, in byte order of the keys.
  public var configurationSHA256: String?
  /// SHA-256 of the bytes of tokenizer.json, or `noTokenizer`.
  public var tokenizerSHA256: String?
  /// The configuration itself where it is known: it tells in words what differs.
  public var configuration: [String: String]?

  /// What stands for the hash of a tokenizer that is not there.
  package static let noTokenizer = "none"

  /// An identity of known parts.
  package init(
    weightsSHA256: String? = nil, configurationSHA256: String? = nil,
    tokenizerSHA256: String? = nil, configuration: [String: String]? = nil
  ) {
    self.weightsSHA256 = weightsSHA256
    self.configurationSHA256 = configurationSHA256
    self.tokenizerSHA256 = tokenizerSHA256
    self.configuration = configuration
  }

  /// The identity of an open model file.
  init(_ contents: ModelFileContents, weightsSHA256: String) {
    let configuration = contents.canonicalConfiguration
    let text = configuration.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      .map { "\($0.key)=\($0.value)\n" }.joined()
    self.init(
      weightsSHA256: weightsSHA256, configurationSHA256: sha256(of: text),
      tokenizerSHA256: contents.tokenizerJSON.map { sha256(of: $0) } ?? Self.noTokenizer,
      configuration: configuration)
  }
}

extension ModelIdentity {
  /// In words, how the model that is there `now` is another than this one; empty if it is not, as far as
  /// both are known.
  package func differences(from now: ModelIdentity) -> [String] {
    var found: [String] = []
    if let old = weightsSHA256, let new = now.weightsSHA256, old != new {
      found.append("the weights are \(Self.brief(new)), there they were \(Self.brief(old))")
    }
    if let old = configurationSHA256, let new = now.configurationSHA256, old != new {
      let words =
        settingDifferences(from: now)
        ?? "its hash is \(Self.brief(new)), there it was \(Self.brief(old))"
      found.append("the configuration differs: \(words)")
    }
    if let old = tokenizerSHA256, let new = now.tokenizerSHA256, old != new {
      found.append(
        "the tokenizer differs: its hash is \(Self.brief(new)), there it was \(Self.brief(old))")
    }
    return found
  }

  /// The parts of `other` that this identity does not say, by name.
  package func missingParts(of other: ModelIdentity) -> [String] {
    [
      ("weights", weightsSHA256, other.weightsSHA256),
      ("configuration", configurationSHA256, other.configurationSHA256),
      ("tokenizer", tokenizerSHA256, other.tokenizerSHA256),
    ].compactMap { $1 == nil && $2 != nil ? $0 : nil }
  }

  /// The keys in which the configurations differ, at most four of them; nil where one is not known.
  private func settingDifferences(from now: ModelIdentity) -> String? {
    guard let old = configuration, let new = now.configuration else { return nil }
    let keys = Set(old.keys).union(new.keys).filter { old[$0] != new[$0] }.sorted()
    guard !keys.isEmpty else { return nil }
    let words = keys.prefix(4).map { key in
      "\(key) is \((new[key] ?? "absent").shown()), there it was \((old[key] ?? "absent").shown())"
    }
    return words.joined(separator: ", ")
      + (keys.count > 4 ? ", and \(keys.count - 4) more" : "")
  }

  private static func brief(_ hash: String) -> String {
    hash == noTokenizer ? hash : "\(hash.prefix(12))…"
  }
}

extension ModelFileContents {
  /// Everything but weights and tokenizer that makes the model what it is, by Hugging Face key.
  ///
  /// Values are those that were decoded: how a number was written, or whether a default was, does not
  /// show.
  var canonicalConfiguration: [String: String] {
    var values = configuration.metadata
    values["query_key_norm"] = .bool(configuration.kinds[0].headNorm != nil)
    values["bos_token_id"] = bosTokenID.map { .integer($0) }
    values["eos_token_id"] =
      eosTokenIDs.isEmpty ? nil : .integers(Set(eosTokenIDs).sorted())
    return values.mapValues(\.canonicalText)
  }
}

extension MetadataValue {
  /// The value as text, one for equal values.
  fileprivate var canonicalText: String {
    switch self {
    case .bool(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .real(let value): Self.text(of: value)
    case .text(let value): value
    case .bools(let values): values.map { "\($0)" }.joined(separator: ", ")
    case .integers(let values): values.map { "\($0)" }.joined(separator: ", ")
    case .reals(let values): values.map(Self.text).joined(separator: ", ")
    case .texts(let values): values.joined(separator: ", ")
    case .list(let values): values.map(\.canonicalText).joined(separator: ", ")
    case .null: "null"
    case .object(let members):
      "{"
        + members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        .map { "\($0.key): \($0.value.canonicalText)" }.joined(separator: ", ") + "}"
    }
  }

  /// A whole number as such, any other with as many digits as tell it from its neighbours.
  private static func text(of value: Double) -> String {
    Int(exactly: value).map { "\($0)" } ?? "\(value)"
  }
}
