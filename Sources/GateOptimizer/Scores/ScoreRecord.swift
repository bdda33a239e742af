import Foundation
import ModelLoader
import Support

/// Scores of heads with what they were made of: zigzag's own file of scores, JSON.
///
/// The file has one row of `scores` a line, (L, H) or (L, K), and every number reads back to the same bits. What made
/// the scores stands beside them, so that they can be made again.
public struct ScoreRecord: Sendable, Equatable {
  /// What the key `format` says in every file.
  package static let format = "zigzag-head-scores"
  /// The version of the format that is written and read.
  package static let version = 1

  /// Which model was scored; what is not known is nil.
  public struct Model: Codable, Sendable, Equatable {
    /// Hugging Face `model_type`, such as llama.
    public var type: String?
    /// SHA-256 of the weights, 64 lower-case hexadecimal digits.
    public var weightsSHA256: String?
    /// SHA-256 of the configuration, as long.
    public var configurationSHA256: String?
    /// SHA-256 of tokenizer.json, as long, or `none`.
    public var tokenizerSHA256: String?

    /// A model of this type and identity.
    public init(type: String?, identity: ModelIdentity) {
      self.type = type
      weightsSHA256 = identity.weightsSHA256
      configurationSHA256 = identity.configurationSHA256
      tokenizerSHA256 = identity.tokenizerSHA256
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
      case type
      case weightsSHA256 = "weights_sha256"
      case configurationSHA256 = "configuration_sha256"
      case tokenizerSHA256 = "tokenizer_sha256"
    }

    /// Reads a model; keys that the format lacks and hashes that are none are refused.
    public init(from decoder: any Decoder) throws {
      try requireKeys(CodingKeys.allCases, in: decoder)
      let given = try decoder.container(keyedBy: CodingKeys.self)
      func hash(_ key: CodingKeys) throws -> String? {
        guard let text = try given.decodeIfPresent(String.self, forKey: key) else { return nil }
        let isNone = key == .tokenizerSHA256 && text == ModelIdentity.noTokenizer
        guard isNone || isSHA256(text) else {
          throw ValueFlaw(
            place: "model.\(key.stringValue)", expected: "64 lower-case hexadecimal digits",
            found: text.quotedForMessage)
        }
        return text
      }
      type = try given.decodeIfPresent(String.self, forKey: .type)
      weightsSHA256 = try hash(.weightsSHA256)
      configurationSHA256 = try hash(.configurationSHA256)
      tokenizerSHA256 = try hash(.tokenizerSHA256)
    }
  }

  /// The method's name, `qrhead` say.
  public var method: String
  /// The numbers, of query heads or of key-value heads.
  public var scores: HeadScores
  /// Key-value heads of a layer, K: as many as heads have numbers, or a divisor of the query heads.
  public var keyValueHeads: Int
  /// What the method was asked for, by name.
  public var settings: [String: String] = [:]
  /// The model that was scored.
  public var model: Model?
  /// Samples that were read.
  public var samples: Int?
  /// Those of them that the model answered and that count.
  public var answered: Int?
  /// The seed that the samples were made with.
  public var seed: Int?
  /// SHA-256 of the texts that samples were made of, by path.
  public var texts: [String: String] = [:]
  /// The version of zigzag that wrote the file.
  public var zigzag: String?

  /// Scores by `method`, of which nothing else is said.
  public init(method: String, scores: HeadScores, keyValueHeads: Int) {
    precondition(
      scores.unit == .keyValue
        ? scores.heads == keyValueHeads : scores.heads.isMultiple(of: keyValueHeads),
      "\(scores.heads) heads for \(keyValueHeads) key-value heads")
    (self.method, self.scores, self.keyValueHeads) = (method, scores, keyValueHeads)
  }

  /// The hashes of the model that was scored.
  package var identity: ModelIdentity {
    ModelIdentity(
      weightsSHA256: model?.weightsSHA256, configurationSHA256: model?.configurationSHA256,
      tokenizerSHA256: model?.tokenizerSHA256)
  }

  /// The file's text: keys in order of the alphabet, one row of scores a line, newline at the end.
  ///
  /// - Throws: `FileError` where JSON has no place for a number.
  public func json() throws(FileError) -> String {
    try JSONFile.text(of: self, name: "the scores")
  }

  /// Reads a record from a document; `path` names its file in errors.
  static func parse(_ bytes: Data, path: String) throws(FileError) -> ScoreRecord {
    try JSONFile.decode(
      ScoreRecord.self, from: bytes, path: path, format: "zigzag's scores of heads")
  }
}

extension ScoreRecord: Codable {
  enum CodingKeys: String, CodingKey, CaseIterable {
    case format, version, method, heads, layers, settings, model, samples, answered, seed, texts
    case zigzag, scores
    case headsPerLayer = "heads_per_layer"
    case keyValueHeads = "key_value_heads"
  }

  /// Writes every key of the format that has a value.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(Self.format, forKey: .format)
    try container.encode(Self.version, forKey: .version)
    try container.encode(method, forKey: .method)
    try container.encode(scores.unit.rawValue, forKey: .heads)
    try container.encode(scores.layers, forKey: .layers)
    try container.encode(scores.heads, forKey: .headsPerLayer)
    try container.encode(keyValueHeads, forKey: .keyValueHeads)
    try container.encode(settings, forKey: .settings)
    try container.encodeIfPresent(model, forKey: .model)
    try container.encodeIfPresent(samples, forKey: .samples)
    try container.encodeIfPresent(answered, forKey: .answered)
    try container.encodeIfPresent(seed, forKey: .seed)
    try container.encode(texts, forKey: .texts)
    try container.encodeIfPresent(zigzag, forKey: .zigzag)
    // 0 has one sign in JSON.
    try container.encode(scores.rows.map { $0.map { $0 == 0 ? 0 : $0 } }, forKey: .scores)
  }

  /// Reads and checks a record; keys that the format lacks are refused.
  public init(from decoder: any Decoder) throws {
    try requireKeys(CodingKeys.allCases, in: decoder)
    let given = try decoder.container(keyedBy: CodingKeys.self)
    let format = try given.decode(String.self, forKey: .format)
    guard format == Self.format else {
      throw ValueFlaw(
        place: "format", expected: Self.format, found: format.quotedForMessage)
    }
    let version = try given.decode(Int.self, forKey: .version)
    guard version == Self.version else {
      throw ValueFlaw(
        place: "version", expected: "\(Self.version), which this zigzag reads", found: "\(version)")
    }
    method = try given.decode(String.self, forKey: .method)
    keyValueHeads = try given.decode(Int.self, forKey: .keyValueHeads)
    scores = try Self.scores(in: given, keyValueHeads: keyValueHeads)
    settings = try given.decodeIfPresent([String: String].self, forKey: .settings) ?? [:]
    model = try given.decodeIfPresent(Model.self, forKey: .model)
    samples = try Self.count(.samples, in: given)
    answered = try Self.count(.answered, in: given)
    seed = try given.decodeIfPresent(Int.self, forKey: .seed)
    texts = try given.decodeIfPresent([String: String].self, forKey: .texts) ?? [:]
    zigzag = try given.decodeIfPresent(String.self, forKey: .zigzag)
    if let samples, let answered, answered > samples {
      throw ValueFlaw(
        place: "answered", expected: "at most \(samples), as many as samples",
        found: "\(answered)")
    }
  }

  private typealias Container = KeyedDecodingContainer<CodingKeys>

  private static func count(_ key: CodingKeys, in given: Container) throws -> Int? {
    guard let count = try given.decodeIfPresent(Int.self, forKey: key) else { return nil }
    guard count >= 0 else {
      throw ValueFlaw(place: key.stringValue, expected: "at least 0", found: "\(count)")
    }
    return count
  }

  private static func scores(
    in given: Container, keyValueHeads: Int
  ) throws -> HeadScores {
    let name = try given.decode(String.self, forKey: .heads)
    guard let unit = HeadScores.Unit(rawValue: name) else {
      throw ValueFlaw(
        place: "heads", expected: "query or key-value", found: name.quotedForMessage)
    }
    let layers = try given.decode(Int.self, forKey: .layers)
    let heads = try given.decode(Int.self, forKey: .headsPerLayer)
    for (key, value) in [
      (CodingKeys.layers, layers), (.headsPerLayer, heads), (.keyValueHeads, keyValueHeads),
    ] where !(1...GateTable.maximumCount).contains(value) {
      throw ValueFlaw(
        place: key.stringValue, expected: "1 to \(GateTable.maximumCount)", found: "\(value)")
    }
    guard unit == .keyValue ? heads == keyValueHeads : heads.isMultiple(of: keyValueHeads) else {
      throw ValueFlaw(
        place: "key_value_heads",
        expected: unit == .keyValue
          ? "\(heads), as heads_per_layer" : "a divisor of \(heads), the query heads",
        found: "\(keyValueHeads)")
    }
    let rows = try given.decode([[Double]].self, forKey: .scores)
    guard rows.count == layers else {
      throw ValueFlaw(
        place: "scores", expected: "\(layers) rows, one per layer", found: "\(rows.count)")
    }
    for (layer, row) in rows.enumerated() {
      guard row.count == heads else {
        throw ValueFlaw(
          place: "scores[\(layer)]", expected: "\(heads) numbers, one per head",
          found: "\(row.count)")
      }
      if let head = row.firstIndex(where: { !HeadScores.believed.contains($0) }) {
        throw ValueFlaw(
          place: "scores[\(layer)][\(head)]", expected: HeadScores.believedWords,
          found: "\(row[head])")
      }
    }
    return HeadScores(unit: unit, rows: rows)
  }
}

/// Refuses keys of an object that a format lacks.
private func requireKeys(_ known: [some CodingKey], in decoder: any Decoder) throws {
  let names = known.map(\.stringValue)
  for key in try decoder.container(keyedBy: AnySettingKey.self).allKeys
  where !names.contains(key.stringValue) {
    let place = (decoder.codingPath + [key]).map(\.stringValue).joined(separator: ".")
    throw ValueFlaw(
      place: place, expected: "one of the keys \(names.joined(separator: ", "))",
      found: "another key")
  }
}
