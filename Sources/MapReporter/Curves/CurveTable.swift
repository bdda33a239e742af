import Foundation
import Support

/// `curves.csv`: one line per point and metric, columns as in ``columns``; the metric that the task is judged by first
/// comes first.
public enum CurveTable {
  /// The columns, in order; docs/map-format.md says what each holds.
  ///
  /// Where a run measures more than streaming everywhere, ``deploymentColumn`` follows.
  public static let columns =
    [
      "method", "seed", "task", "sparsity_requested", "sparsity_achieved", "kv_bytes", "kv_share",
      "samples", "tokens", "metric",
    ] + valueColumns.joined()

  private static let valueColumns = ["value", "minus_full", "minus_head_mixed"].map { name in
    [name, "\(name == "value" ? "" : "\(name)_")low", "\(name == "value" ? "" : "\(name)_")high"]
  }

  /// The column that tells how maps were deployed.
  package static let deploymentColumn = "deployment"

  /// The table as text: six decimals, independent of locale, empty fields for what is unknown.
  public static func text(_ points: [CurvePoint]) -> String {
    let tells = points.contains { $0.deployment != nil }
    return CommaSeparated.line(columns + (tells ? [deploymentColumn] : []))
      + points.flatMap { lines(of: $0, withDeployment: tells) }.joined()
  }

  /// Reads a table by column name; further columns are ignored.
  ///
  /// - Parameters:
  ///   - text: The file's contents.
  ///   - path: How to name it in errors.
  /// - Returns: The points, in the order of their first lines.
  /// - Throws: `FileError` naming line and column.
  public static func parse(
    _ text: String, path: String = "curves.csv"
  ) throws(FileError) -> [CurvePoint] {
    var points: [CurvePoint] = []
    var places: [Key: Int] = [:]
    for row in try CommaSeparatedRow.read(text, path: path) {
      let point = try point(of: row)
      let name = try row.text("metric")
      guard let metric = CurveMetric(rawValue: name) else {
        let known = CurveMetric.allCases.map(\.rawValue).joined(separator: ", ")
        throw row.wrong("metric", "one of \(known)", "\"\(name)\"")
      }
      let key = Key(point)
      let place = places[key] ?? points.count
      if place == points.count { points.append(point) }
      places[key] = place
      if metric.isShare { _ = try share("value", of: row) }
      points[place].primary = points[place].primary ?? metric
      guard points[place].measures.updateValue(try measure(metric, of: row), forKey: metric) == nil
      else {
        throw row.wrong("metric", "each once for a point", "\"\(name)\" again")
      }
    }
    return points
  }

  /// Reads `curves.csv`.
  ///
  /// - Throws: `FileError` naming file, line and column.
  public static func read(from url: URL) throws(FileError) -> [CurvePoint] {
    try parse(
      try TextFile.text(at: url.path, what: "table", limit: FileLimit.table), path: url.path)
  }

  /// Writes `curves.csv` so that a reader never sees half of it.
  ///
  /// - Throws: `FileError`.
  public static func write(_ points: [CurvePoint], to url: URL) throws(FileError) {
    try AtomicFile.write(text(points), creatingFolderOf: url)
  }

  /// What tells points apart.
  private struct Key: Hashable {
    let method: CurveMethod
    let seed: Int?
    let task: String
    let deployment: String?
    let sparsity: Double

    init(_ point: CurvePoint) {
      deployment = point.deployment
      (method, seed) = (point.method, point.seed)
      (task, sparsity) = (point.task, point.requestedSparsity)
    }
  }

  private static func lines(of point: CurvePoint, withDeployment tells: Bool) -> [String] {
    let sparsity = [point.requestedSparsity, point.achievedSparsity].map { fixed($0, 6) }
    let cache = [point.kvBytes.map(String.init) ?? "", point.kvShare.map { fixed($0, 6) } ?? ""]
    let counts = [point.samples, point.tokens].map(String.init)
    let head =
      [point.method.name, point.seed.map(String.init) ?? "", point.task] + sparsity + cache + counts
    return point.scored.compactMap { metric in
      point.measures[metric].map { measure in
        let values = [measure.estimate, measure.minusFull, measure.minusHeadMixed]
        return CommaSeparated.line(
          head + [metric.rawValue] + values.flatMap(fields)
            + (tells ? [point.deployment ?? ""] : []))
      }
    }
  }

  private static func fields(of estimate: Estimate?) -> [String] {
    estimate?.fields ?? ["", "", ""]
  }

  private static func point(of row: CommaSeparatedRow) throws(FileError) -> CurvePoint {
    CurvePoint(
      method: CurveMethod(try row.text("method")),
      seed: row.has("seed") ? try row.integer("seed") : nil,
      task: try row.text("task"),
      deployment: row.has(deploymentColumn) ? try row.text(deploymentColumn) : nil,
      requestedSparsity: try share("sparsity_requested", of: row),
      achievedSparsity: try share("sparsity_achieved", of: row),
      samples: try row.integer("samples"), tokens: try row.integer("tokens"), measures: [:],
      kvBytes: row.has("kv_bytes") ? try row.integer("kv_bytes") : nil,
      kvShare: row.has("kv_share") ? try share("kv_share", of: row) : nil)
  }

  private static func measure(
    _ metric: CurveMetric, of row: CommaSeparatedRow
  ) throws(FileError) -> CurvePoint.Measure {
    func optional(_ columns: [String]) throws(FileError) -> Estimate? {
      row.has(columns[0]) ? try row.estimate(columns, of: metric) : nil
    }
    return CurvePoint.Measure(
      try row.estimate(valueColumns[0], of: metric), minusFull: try optional(valueColumns[1]),
      minusHeadMixed: try optional(valueColumns[2]))
  }

  private static func share(
    _ column: String, of row: CommaSeparatedRow
  ) throws(FileError) -> Double {
    let value = try row.number(column)
    guard (0...1).contains(value) else { throw row.wrong(column, "from 0 to 1", "\(value)") }
    return value
  }
}

extension Estimate {
  /// The value and both ends, which are empty where there is no interval.
  var fields: [String] {
    [fixed(value, 6)] + (hasInterval ? [fixed(low, 6), fixed(high, 6)] : ["", ""])
  }
}

extension CommaSeparatedRow {
  /// The estimate in `columns` of value, low and high; a loss may have no ends.
  func estimate(
    _ columns: [String], of metric: CurveMetric
  ) throws(FileError) -> Estimate {
    let value = try number(columns[0])
    if !metric.isShare && !has(columns[1]) && !has(columns[2]) {
      return Estimate(withoutInterval: value)
    }
    return Estimate(value: value, low: try number(columns[1]), high: try number(columns[2]))
  }
}

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
