import Foundation
import ModelLoader
import Support

/// Scores of retrieval heads as Retrieval_Head (arXiv 2404.15574) writes them.
///
/// A JSON object from "layer-head" to that head's scores, one for each sample; heads are **query** heads.
/// A head's score is their mean, and a key-value head's gate the largest score of its group, since it has
/// to serve them all. A sample's score is 1/(needle's length) for each of at most 50 steps that copied from
/// the needle: a head that copies a token twice exceeds 1. Where a mean does, all are divided by the largest,
/// which keeps their order; clipping would make equals of the best heads.
enum RetrievalScores {
  /// What a sample may score: 50 steps, and a needle of one token.
  static let allowed = 0.0...50.0

  /// Gates, and the largest mean score in the file, which they were divided by if it exceeds 1.
  struct Scaled {
    var gates: GateMatrix
    var largest: Double
  }

  /// The bytes of the file at `path`.
  static func bytes(at path: String) throws(FileError) -> Data {
    try TextFile.bytes(at: path, what: "file of scores", limit: FileLimit.scores)
  }

  /// Whether `bytes` look like a score file: an object whose keys are "layer-head".
  static func isRetrievalScores(_ bytes: Data) -> Bool {
    guard let members = try? JSONReader.read(bytes).members else { return false }
    return !members.isEmpty && members.allSatisfy { place($0.key) != nil }
  }

  /// Reads the scores in `bytes`; `file` names it in errors.
  static func parse(
    _ bytes: Data, keyValueHeads: Int, file: String
  ) throws(FileError) -> Scaled {
    let rows = try means(of: bytes, file: file)
    let queryHeads = rows[0].count
    guard keyValueHeads >= 1, queryHeads % keyValueHeads == 0 else {
      throw flaw(
        file, expected: "query heads that \(keyValueHeads) key-value heads can share evenly",
        found: "\(queryHeads)")
    }
    let group = queryHeads / keyValueHeads
    let largest = rows.joined().max() ?? 0
    let gates = rows.flatMap { row in
      (0..<keyValueHeads).map { head in
        (row[head * group..<(head + 1) * group].max() ?? 0) / max(largest, 1)
      }
    }
    return Scaled(
      gates: GateMatrix(layers: rows.count, heads: keyValueHeads, values: gates), largest: largest)
  }

  /// The mean score of each head, (L, H).
  private static func means(of bytes: Data, file: String) throws(FileError) -> [[Double]] {
    var means: [Place: Double] = [:]
    for (key, scores) in try decoded(bytes, file: file) {
      guard let place = place(key) else {
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
    _ means: [Place: Double], file: String
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
      (0...heads).map { means[Place(layer: layer, head: $0)] ?? 0 }
    }
  }

  private static func decoded(
    _ bytes: Data, file: String
  ) throws(FileError) -> [(key: String, scores: [Double])] {
    let object = "a JSON object from \"layer-head\" to a list of scores"
    let document: JSONValue
    do {
      document = try JSONReader.read(bytes)
    } catch {
      throw flaw(
        file, expected: error.isKeyTwice ? "each head once" : object, found: error.description)
    }
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

  private struct Place: Hashable {
    let layer: Int
    let head: Int
  }

  /// The layer and head that "3-17" names, both below what a model may have.
  private static func place(_ key: String) -> Place? {
    let parts = key.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, let layer = Int(parts[0]), let head = Int(parts[1]),
      "\(layer)-\(head)" == key, (0..<GateTable.maximumCount).contains(layer),
      (0..<GateTable.maximumCount).contains(head)
    else { return nil }
    return Place(layer: layer, head: head)
  }
}

extension GateMatrix {
  /// Whether the file at `path` holds scores of retrieval heads rather than a table of gates.
  ///
  /// - Throws: `FileError`.
  public static func holdsRetrievalScores(path: String) throws(FileError) -> Bool {
    RetrievalScores.isRetrievalScores(try RetrievalScores.bytes(at: path))
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
    self = try Self.retrievalScores(path, keyValueHeads: keyValueHeads).gates
  }

  /// The same gates, with the largest mean score in the file.
  package static func retrievalScores(
    _ path: String, keyValueHeads: Int
  ) throws(FileError) -> (gates: GateMatrix, largest: Double) {
    let scores = try RetrievalScores.parse(
      RetrievalScores.bytes(at: path), keyValueHeads: keyValueHeads, file: path)
    return (scores.gates, scores.largest)
  }
}
