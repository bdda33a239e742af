import Foundation
import ModelLoader
import Support

/// Scores of retrieval heads as Retrieval_Head (arXiv 2404.15574) writes them.
///
/// A JSON object from "layer-head" to that head's scores, one for each sample; heads are **query** heads, and all of
/// the model's are there. A head's score is their mean. A sample's score is 1/(needle's length) for each of at most 50
/// steps that copied from the needle: a head that copies a token twice exceeds 1. Where a mean does, gates are all
/// divided by the largest, which keeps their order; clipping would make equals of the best heads.
enum RetrievalScores {
  /// What a sample may score: 50 steps, and a needle of one token.
  static let allowed = 0.0...50.0

  /// The bytes of the file at `path`.
  static func bytes(at path: String) throws(FileError) -> Data {
    try TextFile.bytes(at: path, what: "file of scores", limit: FileLimit.scores)
  }

  /// Whether all keys of a document are "layer-head".
  static func isRetrievalScores(_ document: JSONValue) -> Bool {
    guard let members = document.members, !members.isEmpty else { return false }
    return members.allSatisfy { HeadPlace($0.key) != nil }
  }

  /// Whether a key of a document is "layer-head", so that its other keys are flaws.
  static func hasScores(_ document: JSONValue) -> Bool {
    document.members?.contains { HeadPlace($0.key) != nil } == true
  }

  /// Reads the scores in `bytes`; `file` names it in errors.
  static func parse(_ bytes: Data, file: String) throws(FileError) -> HeadScores {
    let document: JSONValue
    do {
      document = try JSONReader.read(bytes)
    } catch {
      throw flaw(
        file, expected: error.isKeyTwice ? "each head once" : object, found: error.description)
    }
    return try parse(document, file: file)
  }

  /// Reads the scores in `document`; `file` names it in errors.
  static func parse(_ document: JSONValue, file: String) throws(FileError) -> HeadScores {
    HeadScores(unit: .query, rows: try means(of: document, file: file))
  }

  /// The file of `scores`, of query heads: a list of one number for each, a head a line.
  ///
  /// - Throws: `FileError` where a number is not one that Retrieval_Head can write; `file` names the scores.
  static func text(of scores: HeadScores, file: String) throws(FileError) -> String {
    var lines: [String] = []
    for (index, value) in scores.values.enumerated() {
      let place = HeadPlace(layer: index / scores.heads, head: index % scores.heads)
      guard allowed.contains(value) else {
        throw .invalid(
          path: file, place: "the scores",
          expected: "numbers from 0 to 50, as Retrieval_Head has them",
          found: "\(value) for the head \(place)", fix: "write another format")
      }
      lines.append("  \"\(place)\": [\(JSONValue.number(value).text)]")
    }
    return "{\n" + lines.joined(separator: ",\n") + "\n}\n"
  }

  private static let object = "a JSON object from \"layer-head\" to a list of scores"

  /// The mean score of each head, (L, H).
  private static func means(
    of document: JSONValue, file: String
  ) throws(FileError) -> [[Double]] {
    var means: [HeadPlace: Double] = [:]
    for (key, scores) in try lists(in: document, file: file) {
      guard let place = HeadPlace(key) else {
        throw flaw(file, expected: "keys such as \"3-17\", a layer and a query head", found: key)
      }
      let stranger = scores.first { !allowed.contains($0) }
      guard !scores.isEmpty, stranger == nil else {
        throw flaw(
          file, expected: "scores from 0 to 50 for \(key)",
          found: stranger.map { "\($0)" } ?? "none")
      }
      means[place] = scores.reduce(0, +) / Double(scores.count)
    }
    return try table(means, file: file)
  }

  private static func table(
    _ means: [HeadPlace: Double], file: String
  ) throws(FileError) -> [[Double]] {
    let (layers, heads) = means.keys.reduce((0, 0)) { (max($0.0, $1.layer), max($0.1, $1.head)) }
    guard !means.isEmpty else {
      throw flaw(file, expected: "at least one head", found: "none")
    }
    // As many entries as the largest indices say, so that a damaged index costs no memory.
    guard means.count == (layers + 1) * (heads + 1) else {
      throw flaw(
        file, expected: "every head of \(layers + 1) layers × \(heads + 1) query heads",
        found: "\(means.count) heads")
    }
    return (0...layers).map { layer in
      (0...heads).map { means[HeadPlace(layer: layer, head: $0)] ?? 0 }
    }
  }

  private static func lists(
    in document: JSONValue, file: String
  ) throws(FileError) -> [(key: String, scores: [Double])] {
    guard let members = document.members else {
      throw flaw(file, expected: object, found: document.kind)
    }
    return try members.map { member throws(FileError) in
      guard case .array(let values) = member.value else {
        throw flaw(file, expected: object, found: "\(member.value.kind) for \(member.key)")
      }
      return try (
        member.key,
        values.map { value throws(FileError) in
          guard let score = value.real else {
            throw flaw(file, expected: object, found: "\(value.kind) for \(member.key)")
          }
          return score
        }
      )
    }
  }

  private static func flaw(_ file: String, expected: String, found: String) -> FileError {
    .invalid(
      path: file, place: "the scores", expected: expected, found: found,
      fix: "retrieval scores are a JSON object from \"layer-head\" to that query head's scores")
  }
}

extension GateMatrix {
  /// Whether the file at `path` holds scores of retrieval heads rather than a table of gates.
  ///
  /// - Throws: `FileError`.
  public static func holdsRetrievalScores(path: String) throws(FileError) -> Bool {
    let bytes = try RetrievalScores.bytes(at: path)
    return (try? JSONReader.read(bytes)).map(RetrievalScores.isRetrievalScores) ?? false
  }

  /// Reads Retrieval_Head's scores of query heads, "layer-head" to a list, as gates.
  ///
  /// A gate is the largest mean score of its key-value head's group of query heads, divided by the largest
  /// of all where that exceeds 1.
  ///
  /// - Parameters:
  ///   - path: The JSON file.
  ///   - keyValueHeads: Key-value heads of a layer, K, which the file does not tell.
  /// - Throws: `FileError` where it is something else.
  public init(retrievalScores path: String, keyValueHeads: Int) throws(FileError) {
    let scores = try RetrievalScores.parse(RetrievalScores.bytes(at: path), file: path)
    try scores.requireGroups(keyValueHeads: keyValueHeads, file: path)
    self = scores.gates(keyValueHeads: keyValueHeads)
  }
}

extension HeadScores {
  /// Refuses key-value heads that the query heads of the file `file` cannot share evenly.
  package func requireGroups(keyValueHeads: Int, file: String) throws(FileError) {
    guard keyValueHeads >= 1, heads.isMultiple(of: keyValueHeads) else {
      throw .invalid(
        path: file, place: "the scores",
        expected: "query heads that \(keyValueHeads) key-value heads can share evenly",
        found: "\(heads)", fix: "give the number of key-value heads of the model that was scored")
    }
  }
}
