import Foundation
import Support
import Transformer

/// What a key that a configuration does not have stands for.
///
/// The values are those of transformers' configuration classes (`LlamaConfig`, `Qwen3Config`, …; 4.40 to 5.24
/// agree on them), and of llama.cpp for GGUF files.
struct FamilyDefaults: Sendable {
  /// Sizes by key; a key that is not here must be in the configuration.
  var sizes: [String: Int] = [:]
  /// `num_key_value_heads`; nil stands for as many as query heads.
  var keyValueHeads: Int?
  /// `head_dim`; nil stands for the hidden size divided by the query heads.
  var headDim: Int?
  /// `rms_norm_eps`; nil where it must be stated.
  var rmsNormEpsilon: Double?
  /// `rope_theta`.
  var ropeTheta = 10_000.0
  /// `rope_parameters` as JSON; nil stands for plain RoPE.
  var rope: String?
  /// `sliding_window`; nil stands for none.
  var slidingWindow: Int?
  /// `attention_bias`.
  var attentionBias = false
  /// `tie_word_embeddings`.
  var tiedEmbeddings = false
  /// `partial_rotary_factor`.
  var turnedShare = 1.0

  /// The key-value heads of a config.json, of which nothing else is read; nil where they are neither stated
  /// nor known.
  ///
  /// - Throws: `FileError.invalid` for a misspelt key.
  static func keyValueHeads(
    _ values: [String: MetadataValue], queryHeads: Int, path: String
  ) throws(FileError) -> Int? {
    let key = "num_key_value_heads"
    if let stated = values[key] { return stated == .null ? queryHeads : stated.integer }
    let spelling = KeySpelling([key])
    if let misspelt = values.keys.sorted().first(where: { spelling.nearest(to: $0) != nil }) {
      throw .invalid(
        path: path, place: "key \(misspelt)", expected: "a key that is known",
        found: "\"\(misspelt)\"", fix: "did you mean \(key)?")
    }
    guard let family = values["model_type"]?.text.flatMap(ModelFamily.named) else { return nil }
    return family.defaults.keyValueHeads ?? queryHeads
  }

  /// The defaults of llama.cpp, the same for all architectures: sizes must be stated.
  static let gguf = FamilyDefaults()
}

extension MetadataValue {
  /// The key-value heads of the config.json in `json`, which `path` names: those it states, or its family's.
  ///
  /// - Throws: `FileError.invalid` where the file is no JSON object, or neither tells.
  package static func keyValueHeads(
    configuration json: Data, path: String, queryHeads: Int
  ) throws(FileError) -> Int {
    let values = try object(
      json: json, path: path,
      budget: ReadingBudget(path: path, byteCount: json.count), keepsNulls: true)
    guard
      let heads = try FamilyDefaults.keyValueHeads(values, queryHeads: queryHeads, path: path)
    else {
      throw .invalid(
        path: path, place: "key num_key_value_heads", expected: "a whole number", found: "nothing",
        fix: "state it, since this family's number is not known here")
    }
    return heads
  }
}

extension ModelConfiguration {
  /// The configuration as Hugging Face keys, the form in which `/config` stores it.
  var metadata: [String: MetadataValue] {
    let global = kinds.first { $0.window == nil && $0.rotary != nil }?.rotary
    let rotary = global ?? kinds.compactMap(\.rotary).first ?? Rotary()
    var values: [String: MetadataValue] = [
      "model_type": .text(modelType),
      "num_hidden_layers": .integer(layers),
      "hidden_size": .integer(hidden),
      "intermediate_size": .integer(feedForward),
      "num_attention_heads": .integer(queryHeads),
      "num_key_value_heads": .integer(keyValueHeads),
      "head_dim": .integer(headDim),
      "vocab_size": .integer(vocabulary),
      // Through decimal digits, so that 1e-5 reads as 1e-5 and not as 9.99999974e-06.
      "rms_norm_eps": .real(Double(rmsNormEpsilon.description) ?? Double(rmsNormEpsilon)),
      "rope_theta": .real(rotary.theta),
      "max_position_embeddings": .integer(maxPositions),
      "tie_word_embeddings": .bool(tiedEmbeddings),
      "attention_bias": .bool(kinds[0].projectionBias),
    ]
    if kinds[0].outputBias { values[ConfigurationKeys.outputBias] = .bool(true) }
    if let sections = rotary.sections {
      values[ConfigurationKeys.sections] = .integers(sections.pairs)
      values[ConfigurationKeys.sectionsTakeTurns] = .bool(sections.takeTurns)
    }
    if let scaling = rotary.scaling { values["rope_scaling"] = .text(scaling.json) }
    if ModelFamily.named(modelType)?.turnsPart == true || rotary.features != nil {
      values["partial_rotary_factor"] = .real(
        Double(rotary.features ?? headDim) / Double(headDim))
    }
    if kinds.contains(where: { $0.window != nil }) {
      values[ConfigurationKeys.windows] = .integers(kinds.map { $0.window ?? 0 })
      if ModelFamily.named(modelType)?.ropeByKind != nil {
        let local = kinds.first { $0.window != nil }?.rotary ?? rotary
        values["rope_scaling"] = nil
        values["rope_parameters"] = .text(
          #"{"full_attention": \#(rotary.json), "sliding_attention": \#(local.json)}"#)
      }
    }
    if kinds[0].activation == .geluTanh {
      values["hidden_act"] = .text(ConfigurationKeys.name(of: kinds[0].activation))
    }
    return values.merging(ModelFamily.named(modelType)?.write(self) ?? [:]) { $1 }
  }
}

extension Rotary {
  /// Base and scaling as the JSON object of a Hugging Face `rope_parameters`.
  fileprivate var json: String {
    let members = scaling.map { String($0.json.dropFirst()) } ?? #""rope_type": "default"}"#
    return #"{"rope_theta": \#(theta), "# + members
  }
}

extension RopeScaling {
  /// The scaling as the JSON object of a Hugging Face `rope_scaling`.
  var json: String {
    switch self {
    case .linear(let factor):
      return #"{"rope_type": "linear", "factor": \#(factor)}"#
    case .llama3(let factor, let low, let high, let original):
      return #"{"rope_type": "llama3", "factor": \#(factor), "low_freq_factor": \#(low), "#
        + #""high_freq_factor": \#(high), "original_max_position_embeddings": \#(original)}"#
    case .yarn(let yarn):
      return #"{"rope_type": "yarn", "factor": \#(yarn.factor), "beta_fast": \#(yarn.betaFast), "#
        + #""beta_slow": \#(yarn.betaSlow), "attention_factor": \#(yarn.attentionFactor), "#
        + #""truncate": \#(yarn.truncates), "#
        + #""original_max_position_embeddings": \#(yarn.originalMaxPositions)}"#
    case .longrope(let longrope):
      let (short, long) = (longrope.shortFactors, longrope.longFactors)
      return #"{"rope_type": "longrope", "attention_factor": \#(longrope.attentionFactor), "#
        + #""short_factor": \#(short), "long_factor": \#(long), "#
        + #""original_max_position_embeddings": \#(longrope.originalMaxPositions)}"#
    }
  }
}
