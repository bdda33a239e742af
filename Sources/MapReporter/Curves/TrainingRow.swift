import Foundation
import Support

/// One line of `metrics.csv`: the state of gate learning after a step.
package struct TrainingRow: Sendable, Hashable {
  /// Step, from 1 (or 0).
  package var step: Int
  /// Distillation loss plus regularisation.
  package var loss: Double
  /// Distillation loss.
  package var distillation: Double
  /// Regularisation term.
  package var regularization: Double
  /// Learning rate of the step.
  package var learningRate: Double

  /// A row of the table.
  package init(
    step: Int, loss: Double, distillation: Double, regularization: Double, learningRate: Double
  ) {
    self.step = step
    self.loss = loss
    self.distillation = distillation
    self.regularization = regularization
    self.learningRate = learningRate
  }

  /// Reads `metrics.csv` by column name: step, loss, distill, reg, lr; further columns are ignored.
  ///
  /// - Throws: `FileError` naming file, line and column.
  package static func read(from url: URL) throws(FileError) -> [TrainingRow] {
    try parse(
      try TextFile.text(at: url.path, what: "table", limit: FileLimit.table), path: url.path)
  }

  /// Reads the text of `metrics.csv`; `path` names it in errors.
  ///
  /// - Throws: `FileError`.
  package static func parse(
    _ text: String, path: String
  ) throws(FileError) -> [TrainingRow] {
    var rows: [TrainingRow] = []
    for row in try CommaSeparatedRow.read(text, path: path) {
      rows.append(
        TrainingRow(
          step: try row.integer("step"), loss: try row.number("loss"),
          distillation: try row.number("distill"), regularization: try row.number("reg"),
          learningRate: try row.number("lr")))
    }
    return rows
  }
}
