import GateOptimizer
import MapReporter

extension Comparison {
  /// Reads run folders and compares them.
  ///
  /// - Parameters:
  ///   - folders: Runs with gates or a search at least; the first is the one to compare with.
  ///   - title: Heading of the page.
  ///   - criterion: Which criterion's layers and accuracies the figures show; nil takes the one
  ///     whose layers are the most accurate on average.
  /// - Throws: ``RunError`` where a folder is no run or has nothing yet, `FileError` where a file
  ///   is damaged.
  package init(runs folders: [String], title: String, criterion: Criterion? = nil) throws {
    let names = Self.names(of: folders)
    try self.init(
      zip(names, folders).map { try ComparedRun(name: $0, folder: $1) }, title: title,
      criterion: criterion)
  }

  /// Folder names where they differ, else the folders themselves.
  private static func names(of folders: [String]) -> [String] {
    let last = folders.map { folder in
      folder.split(separator: "/").last.map(String.init) ?? folder
    }
    return Set(last).count == last.count ? last : folders
  }
}

extension ComparedRun {
  /// Reads the run folder at `folder`.
  ///
  /// - Throws: As ``FinishedRun/init(folder:)``, and `FileError` where a table is damaged.
  init(name: String, folder: String) throws {
    let run = try FinishedRun(folder: folder)
    let configuration = run.configuration
    self.init(
      name: name, maps: run.maps, model: run.record.model,
      deployment: configuration.deployments[0],
      evaluation: configuration.evaluation,
      points: try run.tables.points(of: configuration.evaluation.tasks),
      training: try run.tables.training(),
      settings: try joiningLists(configuration.settings(in: .run)),
      sampleSettings: try configuration.sampleSettings(), recommended: try run.recommendedMap(),
      steps: configuration.calibration?.steps, learningSeconds: run.record.seconds["learn"],
      report: run.files.has(.report) ? run.files.report : nil)
  }
}
