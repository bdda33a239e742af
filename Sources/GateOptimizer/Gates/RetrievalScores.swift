import Foundation
import ModelLoader

/// Scores of retrieval heads as Retrieval_Head (arXiv 2404.15574) writes them.
///
/// A JSON object from "layer-head" to that head's scores, one for each sample, from 0 to 1; heads are
/// **query** heads. A head's score is their mean, and a key-value head's gate the largest score of its
/// group, since it has to serve them all.
enum RetrievalScores {
  /// The bytes of the file at `path`.
  static func bytes(at path: String) throws(GateOptimizerError) -> Data {
    do {
      return try TextFile.bytes(at: path, what: "file of scores", limit: FileLimit.scores)
    } catch {
      throw GateOptimizerError(error, path: path, what: "file of scores")
    }
  }

  /// Whether `bytes` look like a score file: an object whose keys are "layer-head".
  static func isRetrievalScores(_ bytes: Data) -> Bool {
    guard let members = try? JSONReader.read(bytes).members else { return false }
    return !members.isEmpty && members.allSatisfy { place($0.key) != nil }
  }

  /// Reads the scores in `bytes`; `file` names it in errors.
  static func parse(
    _ bytes: Data, keyValueHeads: Int, file: String
  ) throws(GateOptimizerError) -> GateMatrix {
    let rows = try means(of: bytes, file: file)
    let queryHeads = rows[0].count
    guard keyValueHeads >= 1, queryHeads % keyValueHeads == 0 else {
      throw flaw(
        file, expected: "query heads that \(keyValueHeads) key-value heads can share evenly",
        found: "\(queryHeads)")
    }
    let group = queryHeads / keyValueHeads
    let gates = rows.flatMap { row in
      (0..<keyValueHeads).map { row[$0 * group..<($0 + 1) * group].max() ?? 0 }
    }
    return GateMatrix(layers: rows.count, heads: keyValueHeads, values: gates)
  }

  /// The mean score of each head, (L, H).
  private static func means(of bytes: Data, file: String) throws(GateOptimizerError) -> [[Double]] {
    var means: [Place: Double] = [:]
    for (key, scores) in try decoded(bytes, file: file) {
      guard let place = place(key) else {
        throw flaw(file, expected: "keys such as \"3-17\", a layer and a query head", found: key)
      }
      let mean = scores.reduce(0, +) / Double(max(scores.count, 1))
      guard !scores.isEmpty, (0...1).contains(mean) else {
        throw flaw(
          file, expected: "scores from 0 to 1 for \(key)",
          found: scores.isEmpty ? "none" : "a mean of \(mean)")
      }
      means[place] = mean
    }
    return try table(means, file: file)
  }

  private static func table(
    _ means: [Place: Double], file: String
  ) throws(GateOptimizerError) -> [[Double]] {
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
  ) throws(GateOptimizerError) -> [(key: String, scores: [Double])] {
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
    return try members.map { member throws(GateOptimizerError) in
      guard case .array(let values) = member.value else {
        throw flaw(file, expected: object, found: "\(member.value.kind) for \(member.key)")
      }
      return try (
        member.key,
        values.map { value throws(GateOptimizerError) in
          guard let score = value.real else {
            throw flaw(file, expected: object, found: "\(value.kind) for \(member.key)")
          }
          return score
        }
      )
    }
  }

  private static func flaw(_ file: String, expected: String, found: String) -> GateOptimizerError {
    .retrievalScores(file: file, expected: expected, found: found)
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
  /// - Throws: ``GateOptimizerError/unreadable(file:reason:)``.
  public static func holdsRetrievalScores(path: String) throws(GateOptimizerError) -> Bool {
    RetrievalScores.isRetrievalScores(try RetrievalScores.bytes(at: path))
  }

  /// Reads Retrieval_Head's scores of query heads, "layer-head" to a list, as gates.
  ///
  /// A gate is the largest mean score of its key-value head's group of query heads.
  ///
  /// - Parameters:
  ///   - path: The JSON file.
  ///   - keyValueHeads: Key-value heads of a layer, K, which the file does not tell.
  /// - Throws: ``GateOptimizerError/retrievalScores(file:expected:found:)`` where it is something else.
  public init(retrievalScores path: String, keyValueHeads: Int) throws(GateOptimizerError) {
    self = try RetrievalScores.parse(
      RetrievalScores.bytes(at: path), keyValueHeads: keyValueHeads, file: path)
  }
}
