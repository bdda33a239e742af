import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Transformer

/// `metrics.csv`: one line per calibration step, the same in every run of the same configuration.
struct MetricsTable {
  private static let columns = [
    "step", "loss", "distill", "reg", "lr", "tokens", "student_rows",
  ]
  let records: [CalibrationRecord]

  /// How the last step went, for the progress line.
  var note: String {
    guard let last = records.last else { return "" }
    return "loss \(fixed(last.loss, 4)), distillation \(fixed(last.distillation, 4))"
  }

  /// The table as text.
  var text: String {
    CommaSeparated.line(Self.columns)
      + records.map { record in
        let losses = [
          record.loss, record.distillation, record.regularization, record.learningRate,
        ]
        return CommaSeparated.line(
          ["\(record.step)"] + losses.map { fixed($0, 9) }
            + ["\(record.tokens)", "\(record.studentRows)"])
      }.joined()
  }
}

/// `timings.csv`: what the clock said of each calibration step; not the same in any two runs.
struct TimingsTable {
  private static let columns = [
    "step", "teacher_s", "student_s", "backward_s", "total_s", "tokens_per_second",
  ]
  private var lines: [(step: Int, text: String)] = []

  /// The lines at `path` up to `step`, the last one of the checkpoint; later steps are done again.
  ///
  /// - Throws: `FileError` where the file is no such table.
  init(path: String, through step: Int) throws(FileError) {
    guard step > 0, FileManager.default.fileExists(atPath: path) else { return }
    let text = try TextFile.text(at: path, what: "table", limit: FileLimit.table)
    for row in try CommaSeparatedRow.read(text, path: path) {
      let number = try row.integer("step")
      guard number <= step else { continue }
      var fields = ["\(number)"]
      for column in Self.columns.dropFirst() { fields.append(try row.text(column)) }
      lines.append((number, CommaSeparated.line(fields)))
    }
  }

  /// Adds the step that `state` has just taken, in `total` seconds.
  mutating func append(_ state: CalibrationState, _ parts: StepSeconds, total: Double) {
    guard let last = state.records.last, total > 0 else { return }
    let seconds = [parts.teacher, parts.student, parts.backward, total].map { fixed($0, 4) }
    let speed = fixed(Double(last.tokens) / total, 1)
    lines.append((last.step, CommaSeparated.line(["\(last.step)"] + seconds + [speed])))
  }

  /// The table as text.
  var text: String { CommaSeparated.line(Self.columns) + lines.map(\.text).joined() }
}

/// `scores.csv`: every (task, deployment, pattern, sample) that has been measured.
///
/// It is both the raw material of the curves and what an interrupted evaluation continues from. A
/// pattern is written as hexadecimal digits, four heads in each, first layer and head first. The deployment of the
/// run's window has no name here; others are a further column.
package struct ScoreTable: Sendable, Equatable {
  private struct Key: Hashable, Comparable {
    let task: String
    /// Empty for the window's own.
    let deployment: String
    let pattern: String

    init(task: String, deployment: String?, pattern: String) {
      (self.task, self.deployment, self.pattern) = (task, deployment ?? "", pattern)
    }

    static func < (left: Key, right: Key) -> Bool {
      (left.task, left.deployment, left.pattern) < (right.task, right.deployment, right.pattern)
    }
  }

  private var scores: [Key: [SampleScores]] = [:]
  private static let columns = ["task", "pattern", "sample", "metric", "place", "sum", "count"]

  /// A table of nothing yet.
  package init() {}

  /// The scores of a map on the first samples of a task, as many as were measured; `deployment` names one that is
  /// not the window's.
  package subscript(
    task: String, heads: HeadSet, deployment deployment: String? = nil
  ) -> [SampleScores] {
    get { scores[key(task, heads, deployment), default: []] }
    set { scores[key(task, heads, deployment)] = newValue }
  }

  private func key(_ task: String, _ heads: HeadSet, _ deployment: String?) -> Key {
    Key(task: task, deployment: deployment, pattern: Self.name(of: heads))
  }

  /// Whether anything was measured on a task.
  func holds(_ task: String) -> Bool { scores.keys.contains { $0.task == task } }

  /// The tasks that something was measured on, by name.
  var tasks: [String] { Set(scores.keys.map(\.task)).sorted() }

  /// Forgets a task.
  mutating func forget(_ task: String) { keepTasks { $0 != task } }

  /// Forgets the tasks that `keep` refuses, by name.
  mutating func keepTasks(_ keep: (String) -> Bool) {
    scores = scores.filter { keep($0.key.task) }
  }

  /// The table as text, sorted, so that it does not depend on the order of the work.
  package var text: String { text { _ in true } }

  /// The same of one task alone.
  func text(of task: String) -> String { text { $0 == task } }

  private func text(of isWanted: (String) -> Bool) -> String {
    let tells = scores.keys.contains { isWanted($0.task) && !$0.deployment.isEmpty }
    return CommaSeparated.line(Self.columns + (tells ? [CurveTable.deploymentColumn] : []))
      + scores.filter { isWanted($0.key.task) }.sorted { $0.key < $1.key }.flatMap { key, samples in
        samples.enumerated().flatMap { index, score in
          score.sums.sorted { $0.key < $1.key }.map { place, score in
            CommaSeparated.line(
              [
                key.task, key.pattern, "\(index)", place.metric.rawValue, "\(place.place)",
                Self.text(score.sum), "\(score.count)",
              ] + (tells ? [key.deployment] : []))
          }
        }
      }.joined()
  }

  /// Reads the table at `path`; empty where there is none.
  ///
  /// - Throws: `FileError` naming line and column of what is wrong.
  package static func read(_ path: String) throws(FileError) -> ScoreTable {
    guard FileManager.default.fileExists(atPath: path) else { return ScoreTable() }
    var table = ScoreTable()
    let text = try TextFile.text(at: path, what: "table", limit: FileLimit.table)
    for row in try CommaSeparatedRow.read(text, path: path) {
      let key = Key(
        task: try row.text("task"),
        deployment: row.has(CurveTable.deploymentColumn)
          ? try row.text(CurveTable.deploymentColumn) : nil,
        pattern: try row.text("pattern"))
      let index = try row.integer("sample")
      // Rows of a sample stand together: each begins the next one or goes on with the last.
      let count = table.scores[key, default: []].count
      guard index == count || index == count - 1 else {
        throw row.wrong("sample", count == 0 ? "0" : "\(count - 1) or \(count)", "\(index)")
      }
      if index == count { table.scores[key, default: []].append(SampleScores()) }
      let (place, score) = try entry(of: row)
      guard table.scores[key]?[index].sums.updateValue(score, forKey: place) == nil else {
        throw row.wrong("metric", "each once for a sample and place", place.metric.rawValue)
      }
    }
    return table
  }

  private static func entry(
    of row: CommaSeparatedRow
  ) throws(FileError) -> (SampleScores.Key, SampleScore) {
    let name = try row.text("metric")
    guard let metric = CurveMetric(rawValue: name) else {
      throw row.wrong("metric", "a metric", "\"\(name)\"")
    }
    let place = try row.integer("place")
    guard place >= 0 else { throw row.wrong("place", "0 or more", "\(place)") }
    let score = SampleScore(sum: try row.number("sum"), count: try row.integer("count"))
    guard score.count >= 0 else { throw row.wrong("count", "0 or more", "\(score.count)") }
    if metric.isShare, !(0...Double(score.count)).contains(score.sum) {
      throw row.wrong("sum", "a count from 0 to \(score.count)", text(score.sum))
    }
    return (SampleScores.Key(metric, place: place), score)
  }

  /// Whole numbers as such, others with all their digits.
  private static func text(_ sum: Double) -> String {
    Int(exactly: sum).map(String.init) ?? "\(sum)"
  }

  private static func name(of heads: HeadSet) -> String {
    let heads = Array(heads.rows.joined())
    return stride(from: 0, to: heads.count, by: 4).map { start in
      let digit = (start..<start + 4).reduce(0) { $0 * 2 + ($1 < heads.count && heads[$1] ? 1 : 0) }
      return String(digit, radix: 16)
    }.joined()
  }
}

/// A search on its way, as a file of the run folder.
package struct StoredSearch: Codable {
  /// What the search belongs to: model, gates and settings.
  package let identity: String
  /// How far it is.
  package let state: SearchState

  /// A search that belongs to `identity`.
  package init(identity: String, state: SearchState) {
    (self.identity, self.state) = (identity, state)
  }

  /// The search at `path`; nil where there is none or the file is damaged.
  package init?(reading path: String) {
    guard let data = try? TextFile.bytes(at: path, what: "search", limit: FileLimit.search),
      let stored = try? JSONReader.read(data).decode(StoredSearch.self)
    else { return nil }
    self = stored
  }

  /// The file's text.
  package func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
  }
}
