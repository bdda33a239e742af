import Foundation
import Support
import Transformer

/// Query heads as a person names them: some by name, those of a file of scores, or all.
package struct HeadChoice: Sendable {
  /// Where heads are named.
  private enum Source: Sendable {
    case all
    case named([HeadPlace])
    case file(HeadScoreFile)
  }

  private let source: Source
  /// What names them in errors, such as an option.
  private let name: String

  /// Reads `all`, a list such as `18-6,17-4`, or the file of scores at a path.
  ///
  /// - Parameters:
  ///   - text: What was written.
  ///   - name: What names it in errors, such as an option.
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` for a list that is none, `FileError` for a file.
  package init(_ text: String, name: String) throws {
    self.name = name
    let words = text.split(separator: ",", omittingEmptySubsequences: false).map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    let places = words.compactMap { HeadPlace($0) }
    if text == "all" {
      source = .all
    } else if places.count == words.count {
      var seen: Set<HeadPlace> = []
      for place in places where !seen.insert(place).inserted {
        throw GateOptimizerError.option(
          name: name, expected: "each head once", found: "\(place) twice")
      }
      source = .named(places)
    } else if FileManager.default.fileExists(atPath: text) {
      source = .file(try HeadScoreFile(contentsOf: text))
    } else if let word = words.first(where: { HeadPlace($0) == nil }), words.count > 1 {
      throw GateOptimizerError.option(
        name: name, expected: "a layer and a query head such as 18-6 between commas",
        found: word.quotedForMessage)
    } else {
      throw FileError.missing(
        path: text, what: "file of scores",
        fix: "name one, or heads such as 18-6,17-4, or all")
    }
  }

  /// The file of scores that heads are chosen from; nil where they are named.
  package var file: HeadScoreFile? {
    if case .file(let file) = source { file } else { nil }
  }

  /// The heads: those that are named, or the best of a file.
  ///
  /// - Parameters:
  ///   - count: How many of a file's, at most all; nil for 16, or for all of a set that ranks its heads without
  ///     numbers.
  ///   - model: The model.
  /// - Returns: The heads, the best first.
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` for heads that the model lacks, `FileError` for
  ///   scores of another model or of key-value heads.
  package func heads(_ count: Int? = nil, of model: ModelConfiguration) throws -> [HeadPlace] {
    switch source {
    case .all: return Self.all(of: model)
    case .named(let places):
      try require(places, in: model)
      return places
    case .file(let file):
      let scores = try scores(of: file, model)
      guard let named = file.named(of: scores) else {
        return try first(count, usually: HeadScoreFile.usual, of: scores.ranked)
      }
      return try first(count, usually: file.usualCount, of: named)
    }
  }

  /// Heads that one layer has: those that are named, or the best of the layer whose scores add up to most.
  ///
  /// (Evaluator heads, EHPC: arXiv 2501.12959.) Of equal layers the lower one is taken.
  ///
  /// - Parameters:
  ///   - count: How many of a file's heads; nil for 8, as the paper has them.
  ///   - model: The model.
  /// - Returns: The heads, the best first.
  /// - Throws: As ``heads(_:of:)``, and ``GateOptimizerError/option(name:expected:found:)`` for heads of several
  ///   layers.
  package func headsOfOneLayer(
    _ count: Int?, of model: ModelConfiguration
  ) throws -> [HeadPlace] {
    guard case .file(let file) = source else {
      let places = try heads(of: model)
      let layers = Set(places.map(\.layer)).sorted()
      guard layers.count == 1 else {
        throw GateOptimizerError.option(
          name: name,
          expected: "heads of one layer, since the prompt is computed up to that layer alone",
          found: "heads of the layers \(layers.map(String.init).joined(separator: ", "))")
      }
      return places
    }
    let scores = try scores(of: file, model)
    var ranked = scores.ranked
    if case .list(let list) = file.content { ranked = list.places }
    let sums = Dictionary(grouping: ranked, by: \.layer).mapValues { heads in
      heads.reduce(0) { $0 + scores.values[$1.layer * scores.heads + $1.head] }
    }
    let best = sums.max { ($0.value, -$0.key) < ($1.value, -$1.key) }?.key
    return try first(count, usually: Self.usualOfLayer, of: ranked.filter { $0.layer == best })
  }

  /// The first heads of `ranked`: so many, or as many as usual where nothing is said.
  private func first(
    _ count: Int?, usually usual: Int, of ranked: [HeadPlace]
  ) throws(GateOptimizerError) -> [HeadPlace] {
    guard let count else { return Array(ranked.prefix(usual)) }
    guard count <= ranked.count else {
      throw .option(
        name: "--top", expected: "at most the \(ranked.count) heads that can be taken of the file",
        found: "\(count)")
    }
    return Array(ranked.prefix(count))
  }

  /// Heads that are taken of a layer (EHPC).
  private static let usualOfLayer = 8

  /// All query heads of a model.
  package static func all(of model: ModelConfiguration) -> [HeadPlace] {
    (0..<model.layers).flatMap { layer in
      (0..<model.queryHeads).map { HeadPlace(layer: layer, head: $0) }
    }
  }

  private func require(
    _ places: [HeadPlace], in model: ModelConfiguration
  ) throws(GateOptimizerError) {
    for place in places where place.layer >= model.layers || place.head >= model.queryHeads {
      throw .option(
        name: name,
        expected:
          "heads of \(model.layers) layers × \(model.queryHeads) query heads, as the model has",
        found: "the head \(place)")
    }
  }

  /// The numbers of all query heads.
  private func scores(
    of file: HeadScoreFile, _ model: ModelConfiguration
  ) throws(FileError) -> HeadScores {
    if case .scores(let scores) = file.content, scores.unit == .keyValue {
      throw .invalid(
        path: file.path, place: "the scores",
        expected: "scores of query heads, whose own attention is asked for",
        found: "scores of key-value heads",
        fix: "name scores by qrhead, multimodal, evaluator or retrieval-head")
    }
    let scores = try file.scores(layers: model.layers, queryHeads: model.queryHeads)
    guard scores.layers == model.layers else {
      throw .invalid(
        path: file.path, place: "the scores",
        expected: "numbers for \(model.layers) layers, as the model has",
        found: "\(scores.layers)", fix: "name the scores of this model")
    }
    return scores
  }
}
