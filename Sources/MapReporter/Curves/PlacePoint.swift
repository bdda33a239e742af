import Support

/// What one map reaches at one place of a task: a cell of a needle grid, or a part of a passage.
package struct PlacePoint: Sendable, Hashable {
  /// How the map was made.
  package var method: CurveMethod
  /// Seed of a random map; nil for a determined one.
  package var seed: Int?
  /// Name of the task.
  package var task: String
  /// What streaming heads saw, and where, as ``CurvePoint/deployment``.
  package var deployment: String?
  /// Share of streaming heads asked for, 0…1.
  package var requestedSparsity: Double
  /// Where.
  package var place: Place
  /// Samples scored there.
  package var samples: Int
  /// What was scored.
  package var metric: CurveMetric
  /// The value with its interval.
  package var estimate: Estimate

  /// Where in a task something was scored.
  package enum Place: Sendable, Hashable {
    /// Samples of `length` tokens with the needle at `depth`, 0…1.
    case cell(length: Int, depth: Double)
    /// Positions `from` ..< `to` of a passage.
    case part(from: Int, to: Int)
    /// Samples of one of several tasks, of `length` tokens.
    case task(String, length: Int)
  }

  /// A value at a place.
  package init(
    method: CurveMethod, seed: Int? = nil, task: String, deployment: String? = nil,
    requestedSparsity: Double, place: Place, samples: Int, metric: CurveMetric, estimate: Estimate
  ) {
    self.method = method
    self.seed = seed
    self.task = task
    self.deployment = deployment
    self.requestedSparsity = requestedSparsity
    self.place = place
    self.samples = samples
    self.metric = metric
    self.estimate = estimate
  }
}

/// `places.csv`: one line per map, place and metric.
package enum PlaceTable {
  /// The columns, in order; docs/map-format.md says what each holds.
  package static let columns = [
    "method", "seed", "task", "sparsity_requested", "length", "depth", "from", "to", "samples",
    "metric", "value", "low", "high",
  ]

  /// The column of the task among several, where there are such.
  private static let partColumn = "part"

  /// The table as text; with further columns for the tasks of a task that has several, and where a run measures more
  /// than streaming everywhere.
  package static func text(_ points: [PlacePoint]) -> String {
    let tells = points.contains { $0.deployment != nil }
    let hasParts = points.contains { if case .task = $0.place { true } else { false } }
    return CommaSeparated.line(
      columns + (hasParts ? [partColumn] : []) + (tells ? [CurveTable.deploymentColumn] : []))
      + points.map { point in
        let place =
          switch point.place {
          case .cell(let length, let depth): ["\(length)", fixed(depth, 6), "", ""]
          case .part(let from, let to): ["", "", "\(from)", "\(to)"]
          case .task(_, let length): ["\(length)", "", "", ""]
          }
        var part: String?
        if case .task(let name, _) = point.place { part = name }
        return CommaSeparated.line(
          [
            point.method.name, point.seed.map(String.init) ?? "", point.task,
            fixed(point.requestedSparsity, 6),
          ] + place + ["\(point.samples)", point.metric.rawValue] + point.estimate.fields
            + (hasParts ? [part ?? ""] : []) + (tells ? [point.deployment ?? ""] : []))
      }.joined()
  }

  /// Reads a table by column name; `path` names it in errors.
  ///
  /// - Throws: `FileError` naming line and column.
  package static func parse(
    _ text: String, path: String
  ) throws(FileError) -> [PlacePoint] {
    var points: [PlacePoint] = []
    for row in try CommaSeparatedRow.read(text, path: path) {
      let name = try row.text("metric")
      guard let metric = CurveMetric(rawValue: name) else {
        throw row.wrong("metric", "a metric", "\"\(name)\"")
      }
      points.append(
        PlacePoint(
          method: CurveMethod(try row.text("method")),
          seed: row.has("seed") ? try row.integer("seed") : nil,
          task: try row.text("task"),
          deployment: row.has(CurveTable.deploymentColumn)
            ? try row.text(CurveTable.deploymentColumn) : nil,
          requestedSparsity: try row.number("sparsity_requested"),
          place: try place(of: row),
          samples: try row.integer("samples"), metric: metric,
          estimate: try row.estimate(["value", "low", "high"], of: metric)))
    }
    return points
  }

  private static func place(
    of row: CommaSeparatedRow
  ) throws(FileError) -> PlacePoint.Place {
    if row.has(partColumn) {
      return .task(try row.text(partColumn), length: try row.integer("length"))
    }
    return row.has("length")
      ? .cell(length: try row.integer("length"), depth: try row.number("depth"))
      : .part(from: try row.integer("from"), to: try row.integer("to"))
  }
}
