import Foundation
import MapReporter
import Support
import Transformer

/// The tables of a run folder, each read when it is first asked for.
///
/// A run that is just being made asks when they are written.
final class RunTables: Sendable {
  private let files: RunFiles
  private let curves = Locked<[CurvePoint]?>(nil)
  private let metrics = Locked<[TrainingRow]?>(nil)

  init(_ files: RunFiles) { self.files = files }

  /// The points of `curves.csv`; none where there is no such file.
  ///
  /// - Throws: ``MapReporterError`` where it is damaged.
  func points() throws -> [CurvePoint] { try read(curves, .curves, CurveTable.read) }

  /// The rows of `metrics.csv`; none where the gates come from elsewhere.
  ///
  /// - Throws: ``MapReporterError`` where it is damaged.
  func training() throws -> [TrainingRow] { try read(metrics, .metrics, TrainingRow.read) }

  private func read<Row>(
    _ cache: Locked<[Row]?>, _ file: RunFile, _ read: (URL) throws -> [Row]
  ) throws -> [Row] {
    try cache.withLock { rows in
      if let rows { return rows }
      guard files.has(file) else { return [] }
      let found = try read(URL(fileURLWithPath: files[file]))
      rows = found
      return found
    }
  }
}
