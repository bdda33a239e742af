import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Transformer

/// A run from its configuration to its report; every step whose results are there is skipped.
package struct Pipeline: ~Copyable {
  let configuration: RunConfiguration
  let document: ConfigurationDocument
  let source: LoadedModel
  let folder: RunFolder
  let observer: any WorkObserver
  let origin: RunOrigin?
  /// The other ranks of the job; nil where this process is alone.
  let ranks: Ranks?
  var record: RunRecord

  /// Opens the model, checks the configuration against it, and takes the run's folder below `runs`.
  ///
  /// With an `origin` it is made from the very inputs of that run, or refused. Other `ranks` compute with this one.
  ///
  /// - Throws: `FileError` where the model cannot be opened, ``RunError`` where it does not
  ///   suit the configuration or the folder cannot be used (see ``RunFolder/open(for:in:)``).
  package init(
    _ configuration: RunConfiguration, document: ConfigurationDocument, runs: String,
    origin: RunOrigin? = nil, ranks: Ranks? = nil, observer: any WorkObserver
  ) throws {
    let source = try configuration.openModel(document)
    try document.placing { try configuration.compute.chooseKernels() }
    try origin?.check(folder: "\(runs)/\(configuration.name)")
    let folder = try RunFolder.open(for: configuration, in: runs)
    var record = RunRecord()
    if let before = try RunRecord.read(folder.files.record) {
      record.seconds = before.seconds
      record.model = before.model
      record.modelConfiguration = before.modelConfiguration
      record.texts = before.texts
      record.truncated = before.truncated
      record.longest = before.longest
    }
    record.configuration = configuration
    record.linearAlgebra = ProductKernels.name
    self.configuration = configuration
    self.document = document
    self.source = source
    self.folder = folder
    self.observer = observer
    self.origin = origin
    self.ranks = ranks
    self.record = record
  }

  /// The names of the run's files.
  package var files: RunFiles { folder.files }

  /// Runs every stage up to `goal`, each as far as it is not done yet.
  ///
  /// - Throws: Before the first stage what can be said against any of them; ``RunError/interrupted(folder:)``
  ///   where the observer asked to stop, and the errors of the libraries.
  package mutating func run(to goal: Stage = .report) throws {
    if goal == .learn { try requireCalibration() }
    let model = try load()
    // Gates are learned to be searched, too.
    try check(goal == .learn ? Stage.search.through : goal.through, model)
    defer { if let outcome = origin?.comparison(with: files) { observer.report(outcome) } }
    try openRanks()
    var maps = LearnedMaps(MapSpace(model.decoder.configuration))
    for stage in goal.through { try work(stage, model, &maps) }
    if let ranks { observer.report(ranks.trafficSummary) }
  }

  /// Lets the other ranks open the run, and refuses those that have something else.
  private func openRanks() throws {
    guard let ranks else { return }
    try ranks.open(
      configuration, folder: folder.path, source.identity, texts: record.texts ?? [:])
    observer.report(ranks.summary)
  }

  /// Ends what waits for other ranks where the user has asked to stop.
  func requireUninterrupted() throws {
    if observer.isInterrupted { throw RunError.interrupted(folder: folder.path) }
  }

  /// What comes of each of so many samples: from all ranks, or computed here one after the other.
  ///
  /// - Parameters:
  ///   - count: Samples.
  ///   - noted: Gets how many are done, before each that is computed here and at the end.
  ///   - spread: Lets the ranks compute them; it gets what they call while they wait and before a sample.
  ///   - own: Computes one here.
  /// - Returns: What came of each, in their order.
  /// - Throws: What the closures throw, and ``RunError`` where the user has asked to stop or the folder is lost.
  func onSamples<Value>(
    _ count: Int, noted: @escaping (Int) -> Void = { _ in },
    spread: (Ranks, _ check: () throws -> Void, _ began: () throws -> Void) throws -> [Value],
    own: (Int) throws -> Value
  ) throws -> [Value] {
    var done = 0
    func check() throws { try requireUninterrupted() }
    func began() throws {
      try folder.guardian.check()
      try check()
      noted(done)
      done += 1
    }
    let values =
      try ranks.map { try spread($0, check, began) }
      ?? (0..<count).map { index in
        try began()
        return try own(index)
      }
    noted(done)
    return values
  }

  private func requireCalibration() throws {
    guard configuration.calibration == nil else { return }
    throw document.setting(
      InvalidSetting(
        [RunConfiguration.CodingKeys.calibration.rawValue],
        "is none, so that there are no gates to learn; search maps with zigzag search, or run the whole "
          + "with zigzag run"))
  }

  private mutating func check(_ stages: [Stage], _ model: RunModel) throws {
    let inputs = StageInputs(
      configuration: configuration, model: model.decoder.configuration,
      identity: source.identity, tokenizer: model.tokenizer, folder: folder.path)
    // A search may begin at scores before their own stage.
    let isScored = configuration.startingScores != nil && !stages.contains(.score)
    let made = try document.placing {
      try (stages + (isScored && stages.contains(.search) ? [.score] : [])).map {
        try $0.check(inputs)
      }
    }
    if let samples = made.compactMap(\.self).first {
      record.truncated = samples.truncated
      record.longest = samples.longest
    }
    for note in configuration.sampleNotes(record) { observer.warn(note) }
  }

  /// Runs a stage and adds the time it took to the record, also when it is interrupted; the report states the
  /// times, and so has none.
  private mutating func work(
    _ stage: Stage, _ model: RunModel, _ maps: inout LearnedMaps
  ) throws {
    let learnsNothing = stage == .learn && configuration.calibration == nil
    guard stage != .report, !learnsNothing else { return try stage.work(self, model, &maps) }
    let start = ContinuousClock.now
    let outcome = Swift.Result { try stage.work(self, model, &maps) }
    record.seconds[stage.rawValue, default: 0] += (ContinuousClock.now - start) / .seconds(1)
    try folder.write(record.json(), to: files.record)
    try outcome.get()
  }

  /// The run's facts and gates as readers of the folder see them.
  func finished(_ maps: LearnedMaps) -> FinishedRun {
    FinishedRun(files: files, configuration: configuration, record: record, maps: maps)
  }

  func report(_ run: FinishedRun) throws {
    try run.writeReport { try folder.guardian.check() }
    if let map = try run.recommendedMap() {
      observer.report("\(map); in the formats of runtimes: \(files.maps)/recommended")
    }
  }
}
