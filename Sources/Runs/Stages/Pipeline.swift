import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Transformer

/// A run from its configuration to its report; every step whose results are there is skipped.
public struct Pipeline: ~Copyable {
  /// The last step that is wanted.
  public enum Goal: Sendable {
    /// Learned gates.
    case gates
    /// Searched maps.
    case maps
    /// Accuracy against sparsity.
    case curves
    /// Everything.
    case report
  }

  let configuration: RunConfiguration
  let document: ConfigurationDocument
  let source: LoadedModel
  let folder: RunFolder
  let observer: any WorkObserver
  let origin: RunOrigin?
  var record: RunRecord

  /// Opens the model, checks the configuration against it, and takes the run's folder below `runs`.
  ///
  /// With an `origin` it is made from the very inputs of that run, or refused.
  ///
  /// - Throws: `FileError` where the model cannot be opened, ``RunError`` where it does not
  ///   suit the configuration or the folder cannot be used (see ``RunFolder/open(for:in:)``).
  public init(
    _ configuration: RunConfiguration, document: ConfigurationDocument, runs: String,
    origin: RunOrigin? = nil, observer: any WorkObserver
  ) throws {
    let source = try configuration.openModel(document)
    try origin?.check(folder: "\(runs)/\(configuration.name)")
    let folder = try RunFolder.open(for: configuration, in: runs)
    var record = RunRecord()
    if let before = try RunRecord.read(folder.files.record) {
      record.seconds = before.seconds
      record.model = before.model
      record.modelConfiguration = before.modelConfiguration
      record.texts = before.texts
    }
    record.configuration = configuration
    record.linearAlgebra = ProductKernels.name
    self.configuration = configuration
    self.document = document
    self.source = source
    self.folder = folder
    self.observer = observer
    self.origin = origin
    self.record = record
  }

  /// The names of the run's files.
  public var files: RunFiles { folder.files }

  /// Runs every step up to `goal`.
  ///
  /// - Throws: ``RunError/interrupted(folder:)`` where the observer asked to stop, and the errors of
  ///   the libraries.
  public mutating func run(to goal: Goal = .report) throws {
    let model = try load()
    let isMeasured = goal == .curves || goal == .report
    do {
      try configuration.requireSamples(model.tokenizer, isMeasured: isMeasured)
    } catch let error as InvalidSetting {
      throw document.setting(error)
    }
    if isMeasured { try checkImportedMaps(model) }
    defer { if let outcome = origin?.comparison(with: files) { observer.report(outcome) } }
    let gates = try timed("learn") { run throws in try run.learn(model) }
    if goal == .gates {
      try writeMaps(finished(gates))
      return
    }
    let searched = try timed("search") { run throws in try run.search(model, gates) }
    let run = finished(gates, searched)
    try writeMaps(run)
    if goal == .maps { return }
    try timed("evaluate") { pipeline throws in try pipeline.evaluate(model, run) }
    if goal == .curves { return }
    try report(finished(gates, searched))
  }

  /// Runs one step and adds the time it took to the record, also when it is interrupted.
  private mutating func timed<Result>(
    _ step: String, _ body: (borrowing Pipeline) throws -> Result
  ) throws -> Result {
    let start = ContinuousClock.now
    let outcome = Swift.Result { try body(self) }
    record.seconds[step, default: 0] += (ContinuousClock.now - start) / .seconds(1)
    try folder.write(record.json(), to: files.record)
    return try outcome.get()
  }

  /// The run's facts and gates as readers of the folder see them.
  func finished(_ gates: GateMatrix, _ searched: [SearchedMaps] = []) -> FinishedRun {
    FinishedRun(
      files: files, configuration: configuration, record: record,
      maps: LearnedMaps(gates: gates, searched: searched))
  }

  private func report(_ run: FinishedRun) throws {
    try run.writeReport { try folder.guardian.check() }
    if let map = try run.recommendedMap() {
      observer.report("\(map); in the formats of runtimes: \(files.maps)/recommended")
    }
  }
}
