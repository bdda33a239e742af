import Foundation

/// `curves.csv`: one line per point, columns as in ``columns``.
public enum CurveTable {
  /// The columns, in order; docs/map-format.md says what each holds.
  public static let columns = [
    "method", "seed", "task", "sparsity_requested", "sparsity_achieved", "samples", "tokens",
    "accuracy", "accuracy_low", "accuracy_high", "first_token_accuracy", "first_token_low",
    "first_token_high", "kv_bytes",
  ]

  /// The table as text: six decimals, independent of locale, empty fields for what is unknown.
  public static func text(_ points: [CurvePoint]) -> String {
    CommaSeparated.line(columns) + points.map { CommaSeparated.line(fields(of: $0)) }.joined()
  }

  /// Reads a table by column name; further columns are ignored.
  ///
  /// - Parameters:
  ///   - text: The file's contents.
  ///   - path: How to name it in errors.
  /// - Returns: The points, in the order of the lines.
  /// - Throws: ``MapReporterError/invalidFile(path:place:expected:found:)`` naming line and column.
  public static func parse(
    _ text: String, path: String = "curves.csv"
  ) throws(MapReporterError) -> [CurvePoint] {
    var points: [CurvePoint] = []
    for row in try CommaSeparatedRow.read(text, path: path) { points.append(try point(of: row)) }
    return points
  }

  /// Reads `curves.csv`.
  ///
  /// - Throws: ``MapReporterError`` naming file, line and column.
  public static func read(from url: URL) throws(MapReporterError) -> [CurvePoint] {
    try parse(try readText(of: url), path: url.path)
  }

  /// Writes `curves.csv` so that a reader never sees half of it.
  ///
  /// - Throws: ``MapReporterError/cannotWrite(path:reason:)``.
  public static func write(_ points: [CurvePoint], to url: URL) throws(MapReporterError) {
    try writeAtomically(text(points), to: url)
  }

  private static func fields(of point: CurvePoint) -> [String] {
    let sparsity = [point.requestedSparsity, point.achievedSparsity].map { fixed($0, 6) }
    let counts = [point.samples, point.tokens].map(String.init)
    return [point.method, point.seed.map(String.init) ?? "", point.task] + sparsity + counts
      + fields(of: point.accuracy) + fields(of: point.firstTokenAccuracy)
      + [point.kvBytes.map(String.init) ?? ""]
  }

  private static func fields(of estimate: Estimate?) -> [String] {
    guard let estimate else { return ["", "", ""] }
    return [estimate.value, estimate.low, estimate.high].map { fixed($0, 6) }
  }

  private static func point(of row: CommaSeparatedRow) throws(MapReporterError) -> CurvePoint {
    CurvePoint(
      method: try row.text("method"), seed: row.has("seed") ? try row.integer("seed") : nil,
      task: try row.text("task"),
      requestedSparsity: try share("sparsity_requested", of: row),
      achievedSparsity: try share("sparsity_achieved", of: row),
      samples: try row.integer("samples"), tokens: try row.integer("tokens"),
      accuracy: try estimate(
        ["accuracy", "accuracy_low", "accuracy_high"], of: row),
      firstTokenAccuracy: row.has("first_token_accuracy")
        ? try estimate(["first_token_accuracy", "first_token_low", "first_token_high"], of: row)
        : nil,
      kvBytes: row.has("kv_bytes") ? try row.integer("kv_bytes") : nil)
  }

  private static func estimate(
    _ columns: [String], of row: CommaSeparatedRow
  ) throws(MapReporterError) -> Estimate {
    Estimate(
      value: try share(columns[0], of: row), low: try share(columns[1], of: row),
      high: try share(columns[2], of: row))
  }

  private static func share(
    _ column: String, of row: CommaSeparatedRow
  ) throws(MapReporterError) -> Double {
    let value = try row.number(column)
    guard (0...1).contains(value) else { throw row.wrong(column, "from 0 to 1", "\(value)") }
    return value
  }
}
