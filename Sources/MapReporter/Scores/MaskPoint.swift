import Support
import Transformer

/// What a model still has right when some of its query heads are masked.
package struct MaskPoint: Sendable, Hashable {
  /// What chose the heads: a method of scoring, or nil for random ones.
  package var method: ScoreMethod?
  /// The seed of random heads.
  package var seed: Int?
  /// What masked heads do.
  package var kind: HeadMask.Kind
  /// Query heads that are masked.
  package var heads: Int
  /// Samples.
  package var samples: Int
  /// The share of answer tokens that are predicted, with its interval.
  package var estimate: Estimate

  /// A measurement.
  package init(
    method: ScoreMethod?, seed: Int? = nil, kind: HeadMask.Kind, heads: Int, samples: Int,
    estimate: Estimate
  ) {
    self.method = method
    self.seed = seed
    self.kind = kind
    self.heads = heads
    self.samples = samples
    self.estimate = estimate
  }

  /// What the point is of, whatever was measured.
  package func isSame(as other: MaskPoint) -> Bool {
    (method, seed, kind, heads) == (other.method, other.seed, other.kind, other.heads)
  }
}

/// `masking.csv`: one line for each set of heads that is masked.
package enum MaskTable {
  private static let columns = [
    "method", "seed", "kind", "heads", "samples", "accuracy", "low", "high",
  ]
  private static let random = "random"

  /// The table as text.
  package static func text(_ points: [MaskPoint]) -> String {
    CommaSeparated.line(columns)
      + points.map { point in
        CommaSeparated.line(
          [
            point.method?.rawValue ?? random, point.seed.map(String.init) ?? "",
            point.kind.rawValue, "\(point.heads)", "\(point.samples)",
          ] + point.estimate.fields)
      }.joined()
  }

  /// Reads the table at `path`.
  ///
  /// - Throws: `FileError` naming line and column.
  package static func read(_ path: String) throws(FileError) -> [MaskPoint] {
    let text = try TextFile.text(at: path, what: "table", limit: FileLimit.table)
    var points: [MaskPoint] = []
    for row in try CommaSeparatedRow.read(text, path: path) {
      let (name, kindName) = (try row.text("method"), try row.text("kind"))
      let method = ScoreMethod(rawValue: name)
      guard method != nil || name == random else {
        throw row.wrong("method", "a method of scoring, or \(random)", name.quotedForMessage)
      }
      guard let kind = HeadMask.Kind(rawValue: kindName) else {
        throw row.wrong("kind", "zero or uniform", kindName.quotedForMessage)
      }
      points.append(
        MaskPoint(
          method: method, seed: row.has("seed") ? try row.integer("seed") : nil, kind: kind,
          heads: try row.integer("heads"), samples: try row.integer("samples"),
          estimate: try row.estimate(["accuracy", "low", "high"], of: .tokens)))
    }
    return points
  }
}
