import Foundation
import GateOptimizer
import MapReporter
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
