import Foundation
import GateOptimizer

/// `metrics.csv`: one line per calibration step.
struct MetricsTable {
  private static let columns = [
    "step", "loss", "distill", "reg", "lr", "tokens", "student_rows", "tokens_per_second",
  ]
  private var records: [CalibrationRecord] = []
  /// Speed of each step by its number; of a step before the checkpoint as it was written then.
  private var speeds: [Int: Double] = [:]

  /// The speeds at `path` up to `step`, the last one of the checkpoint; later steps are done again.
  init(path: String, through step: Int) throws(MapReporterError) {
    guard step > 0, FileManager.default.fileExists(atPath: path) else { return }
    for row in try TrainingRow.read(from: URL(fileURLWithPath: path)) where row.step <= step {
      speeds[row.step] = row.tokensPerSecond
    }
  }

  /// Takes over the steps of `state`, whose last one took `seconds`.
  mutating func append(_ state: CalibrationState, seconds: Double) {
    records = state.records
    guard let last = records.last, seconds > 0 else { return }
    speeds[last.step] = Double(last.tokens) / seconds
  }

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
        let speed = speeds[record.step].map { fixed($0, 1) } ?? ""
        return CommaSeparated.line(
          ["\(record.step)"] + losses.map { fixed($0, 9) }
            + ["\(record.tokens)", "\(record.studentRows)", speed])
      }.joined()
  }
}
