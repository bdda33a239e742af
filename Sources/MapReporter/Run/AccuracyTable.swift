import Foundation
import Transformer

/// How well one map did on one sample.
package struct SampleAccuracy: Sendable, Hashable {
  /// Over all answer tokens.
  package var tokens: SampleScore
  /// Over the tokens in which a word of an answer begins.
  package var firstTokens: SampleScore

  /// No token scored.
  package static let none = SampleAccuracy(
    tokens: SampleScore(correct: 0, total: 0), firstTokens: SampleScore(correct: 0, total: 0))

  /// Scores of one sample.
  package init(tokens: SampleScore, firstTokens: SampleScore) {
    self.tokens = tokens
    self.firstTokens = firstTokens
  }
}

/// `accuracies.csv`: every (task, pattern, sample) that has been measured.
///
/// It is both the raw material of the curves and what an interrupted evaluation continues from. A
/// pattern is written as hexadecimal digits, four heads in each, first layer and head first.
package struct AccuracyTable: Sendable, Equatable {
  private struct Key: Hashable, Comparable {
    let task: String
    let pattern: String

    static func < (left: Key, right: Key) -> Bool {
      (left.task, left.pattern) < (right.task, right.pattern)
    }
  }

  private var scores: [Key: [SampleAccuracy]] = [:]
  private static let columns = [
    "task", "pattern", "sample", "correct", "tokens", "first_correct", "first_tokens",
  ]

  /// A table of nothing yet.
  package init() {}

  /// The scores of a pattern on the first samples of a task, as many as were measured.
  package subscript(task: String, pattern: AttentionPattern) -> [SampleAccuracy] {
    get { scores[Key(task: task, pattern: Self.name(of: pattern)), default: []] }
    set { scores[Key(task: task, pattern: Self.name(of: pattern))] = newValue }
  }

  /// The table as text, sorted, so that it does not depend on the order of the work.
  package var text: String {
    CommaSeparated.line(Self.columns)
      + scores.sorted { $0.key < $1.key }.flatMap { key, samples in
        samples.enumerated().map { index, score in
          let counts = [
            index, score.tokens.correct, score.tokens.total, score.firstTokens.correct,
            score.firstTokens.total,
          ]
          return CommaSeparated.line([key.task, key.pattern] + counts.map(String.init))
        }
      }.joined()
  }

  /// Reads the table at `path`; empty where there is none.
  ///
  /// - Throws: ``MapReporterError`` naming line and column of what is wrong.
  package static func read(_ path: String) throws(MapReporterError) -> AccuracyTable {
    guard FileManager.default.fileExists(atPath: path) else { return AccuracyTable() }
    var table = AccuracyTable()
    let text = try readText(of: URL(fileURLWithPath: path))
    for row in try CommaSeparatedRow.read(text, path: path) {
      let key = Key(task: try row.text("task"), pattern: try row.text("pattern"))
      let index = try row.integer("sample")
      let expected = table.scores[key, default: []].count
      guard index == expected else { throw row.wrong("sample", "\(expected)", "\(index)") }
      table.scores[key, default: []].append(
        SampleAccuracy(
          tokens: try score("correct", "tokens", of: row),
          firstTokens: try score("first_correct", "first_tokens", of: row)))
    }
    return table
  }

  private static func score(
    _ correct: String, _ total: String, of row: CommaSeparatedRow
  ) throws(MapReporterError) -> SampleScore {
    let score = SampleScore(correct: try row.integer(correct), total: try row.integer(total))
    guard 0 <= score.correct, score.correct <= score.total else {
      throw row.wrong(correct, "a count from 0 to \(score.total)", "\(score.correct)")
    }
    return score
  }

  private static func name(of pattern: AttentionPattern) -> String {
    let heads = Array(pattern.isRetrieval.joined())
    return stride(from: 0, to: heads.count, by: 4).map { start in
      let digit = (start..<start + 4).reduce(0) { $0 * 2 + ($1 < heads.count && heads[$1] ? 1 : 0) }
      return String(digit, radix: 16)
    }.joined()
  }
}
