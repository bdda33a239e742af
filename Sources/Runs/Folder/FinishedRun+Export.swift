import Foundation
import GateOptimizer
import MapReporter
import Support
import Transformer

extension FinishedRun {
  /// The formats a run writes without being asked.
  static let defaultFormats: [ExportFormat] = [.headMap, .duoAttention, .huggingFace]

  /// Writes the map that the report recommends below `maps/recommended`, in a folder per format.
  ///
  /// The `README.txt` of each says what the map keeps where the format is read, as far as it was measured there,
  /// and what the format cannot carry.
  ///
  /// - Throws: `FileError` where a file cannot be written; what `check` throws, which is called before
  ///   each.
  func exportRecommended(check: () throws -> Void) throws {
    guard let choice = try recommendedMap() else { return }
    let map = try map(by: choice.criterion, sparsity: choice.sparsity)
    let measured = try measured(.layers(choice.criterion), sparsity: choice.sparsity)
    let folder = "\(files.maps)/recommended"
    for format in Self.defaultFormats {
      let export: MapExport
      do {
        export = try format.export(map)
      } catch MapReporterError.notExpressible(_, let reason) {
        // The map itself is there in another format; what an earlier map left in this one would be taken for it.
        try? FileManager.default.removeItem(atPath: "\(folder)/\(format.rawValue)")
        try AtomicFile.write(
          "The map cannot be written for this format: \(reason).\n",
          creatingFolderOf: URL(fileURLWithPath: "\(folder)/\(format.rawValue)/README.txt"))
        continue
      }
      let kept = measured?.sentences(on: map, in: format) ?? []
      let lines = [format.summary, "The map: \(choice.choice)."] + kept + export.warnings
      let notes = ExportedFile(
        path: "README.txt", text: lines.map { "\($0)\n" }.joined(separator: "\n"))
      try MapExport(files: export.files + [notes], warnings: [])
        .write(to: URL(fileURLWithPath: "\(folder)/\(format.rawValue)"), check: check)
    }
  }

  /// What the curves say of a map of this run; nil where no task is measured.
  ///
  /// Points without the name of a deployment are of the only one that the run measures, if the evaluation's
  /// settings are still those that the curves were made with.
  ///
  /// - Parameters:
  ///   - method: How the map was made.
  ///   - sparsity: The share of streaming heads asked for, 0…1.
  /// - Returns: The map's points with the names of their deployments.
  /// - Throws: `FileError` where the table is damaged, ``RunError`` where it is not this run's.
  package func measured(_ method: CurveMethod, sparsity: Double) throws -> MeasuredMap? {
    guard let task = configuration.evaluation.tasks.first else { return nil }
    if files.has(.curves) { try requireOwn(.curves, except: [.evaluationSettings, .importedMaps]) }
    let isCurrent = (try? requireOwn(.curves, except: [.importedMaps])) != nil
    return MeasuredMap(
      try tables.points(of: configuration.evaluation.tasks),
      only: isCurrent ? configuration.deployments.first?.name : nil, task: task.name,
      metric: task.primaryMetric, method: method, sparsity: sparsity)
  }

  /// Why there is no ``recommendedMap()``, and what to do.
  ///
  /// - Parameter instead: What is done without one.
  /// - Returns: One sentence without its end.
  /// - Throws: `FileError` where the table of curves is damaged.
  package func lackOfRecommendation(instead: String) throws -> String {
    guard files.has(.curves), let task = configuration.evaluation.tasks.first else {
      return "no accuracy is measured yet, so that \(instead); give --sparsity, or finish the run"
    }
    let points = try tables.points(of: configuration.evaluation.tasks).ofFirstDeployment
      .filter { $0.task == task.name }
    let reason =
      points.lacksReference(task.primaryMetric)
      ? "full attention has nothing right on \(task.name)"
      : "no map of whole layers was measured on \(task.name) beside full attention"
    return
      "accuracy is measured, but \(reason): no map can be recommended, so that \(instead); give --sparsity"
  }
}
