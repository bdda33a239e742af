import Foundation

/// `metrics.csv`: one line per calibration step.
struct MetricsTable {
  private static let columns = ["step", "loss", "distill", "reg", "lr", "tokens_per_second"]
  private(set) var rows: [TrainingRow]

  /// The rows at `path` up to `step`, the last one of the checkpoint; later ones are done again.
  init(path: String, through step: Int) throws(MapReporterError) {
    guard FileManager.default.fileExists(atPath: path) else {
      rows = []
      return
    }
    rows = try TrainingRow.read(from: URL(fileURLWithPath: path)).filter { $0.step <= step }
  }

  /// Adds the row of the step after.
  mutating func append(_ row: TrainingRow) { rows.append(row) }

  /// The table as text.
  var text: String {
    CommaSeparated.line(Self.columns)
      + rows.map { row in
        let losses = [row.loss, row.distillation, row.regularization, row.learningRate]
        let speed = row.tokensPerSecond.map { fixed($0, 1) } ?? ""
        return CommaSeparated.line(["\(row.step)"] + losses.map { fixed($0, 9) } + [speed])
      }.joined()
  }
}
