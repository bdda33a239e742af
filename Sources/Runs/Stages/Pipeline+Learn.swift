import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Transformer

extension Pipeline {
  /// The run's gates: those that are there, or learned from the last checkpoint on.
  func learn(_ model: RunModel, _ settings: CalibrationSettings) throws -> GateMatrix {
    if FileManager.default.fileExists(atPath: files.gates) {
      return try matrix(at: files.gates, model)
    }
    let calibrator = try configuration.calibrator(
      settings, model, cache: try teacherCache(settings),
      check: { [guardian = folder.guardian] in try guardian.check() })
    let learner = calibrator.learner()
    var state = try startingState(model, settings)
    observer.stepBegan("learn", unit: "steps", done: state.step, total: settings.steps)
    var metrics = MetricsTable(records: state.records)
    var timings = try TimingsTable(path: files.timings, through: state.step)
    var stepStart = ContinuousClock.now
    try calibrator.run(&state) { indices, gates in
      guard let ranks else { return try indices.map { try learner.learn($0, gates: gates) } }
      return try ranks.learn(indices, gates: gates, own: learner)
    } onStep: { state, seconds in
      try folder.guardian.check()
      let now = ContinuousClock.now
      metrics = MetricsTable(records: state.records)
      timings.append(state, seconds, total: (now - stepStart) / .seconds(1))
      stepStart = now
      let isLast = state.step == settings.steps || observer.isInterrupted
      if isLast || state.step.isMultiple(of: settings.checkpointEvery) {
        try folder.write(metrics.text, to: files.metrics)
        try folder.write(timings.text, to: files.timings)
        try folder.guardian.check()
        try state.write(to: files.checkpoint, identity: checkpointIdentity())
      }
      observer.stepAdvanced(to: state.step, note: metrics.note)
      return !observer.isInterrupted
    }
    guard state.step == settings.steps else { throw RunError.interrupted(folder: folder.path) }
    try folder.claim(.gates, inputs, texts: [state.gates.tsv])
    try folder.write(state.gates.tsv, to: files.gates)
    try folder.removeTeacher()
    observer.report("learned the gates in \(state.step) steps, \(metrics.note)")
    return state.gates
  }

  /// Where the teacher's outputs are kept: nowhere unless the sample set is finite.
  private func teacherCache(_ settings: CalibrationSettings) throws -> TeacherCacheSettings {
    guard settings.samples > 0 else { return .none }
    let compute = configuration.compute
    if compute.teacherCacheOnDisk { try AtomicFile.createFolder(files.teacher) }
    return TeacherCacheSettings(
      byteBudget: compute.teacherCache.byteCount,
      folder: compute.teacherCacheOnDisk ? files.teacher : nil, identity: try checkpointIdentity())
  }

  /// A table of the run's folder, of the model's heads.
  func matrix(at path: String, _ model: RunModel) throws -> GateMatrix {
    let matrix = try GateMatrix(contentsOf: path)
    let space = MapSpace(model.decoder.configuration)
    try HeadMap.Model(layers: matrix.layers, keyValueHeads: matrix.heads).checkShape(
      against: HeadMap.Model(layers: space.layers, keyValueHeads: space.heads), name: path,
      modelName: configuration.model)
    return matrix.within(space)
  }

  private func startingState(
    _ model: RunModel, _ settings: CalibrationSettings
  ) throws -> CalibrationState {
    let architecture = model.decoder.configuration
    guard FileManager.default.fileExists(atPath: files.checkpoint) else {
      let initial = try settings.initialGates.map { path in
        try ImportedFile(
          path, model: record.model, space: MapSpace(architecture), for: .starting)
      }
      for note in initial?.notes ?? [] { observer.warn(note) }
      return CalibrationState(
        architecture, settings: settings, initial: initial?.content.asGates)
    }
    let state = try CalibrationState(
      reading: files.checkpoint, identity: checkpointIdentity(),
      olderIdentities: formerCheckpointIdentities(), space: MapSpace(architecture),
      steps: settings.steps)
    observer.report("learning continues after step \(state.step)")
    return state
  }

  /// What a checkpoint belongs to: the model, the texts, and every setting the gates depend on.
  func checkpointIdentity() throws -> String {
    checkpointIdentity(
      settings: try configuration.hash { try $0.gateSettings() })
  }

  private func checkpointIdentity(settings: String) -> String {
    configuration.checkpointIdentity(record.identity, texts: record.texts, settings: settings)
  }

  /// What earlier versions wrote: the first one the weights and all settings.
  func formerCheckpointIdentities() throws -> [String] {
    let settings = sha256(of: settingsText(try configuration.gateSettings()))
    let former = try configuration.formerHash { try $0.gateSettings() }
    return [
      "weights \(record.model?.weightsSHA256 ?? "unknown"), settings \(settings)",
      checkpointIdentity(settings: former),
    ]
  }
}

extension RunConfiguration {
  /// What learns gates by `settings`; `check` may refuse a file of the teacher's `cache`.
  func calibrator(
    _ settings: CalibrationSettings, _ model: RunModel, cache: TeacherCacheSettings,
    check: @escaping @Sendable () throws -> Void = {}
  ) throws -> Calibrator {
    Calibrator(
      decoder: model.decoder, sampler: try calibrationSampler(model.tokenizer), settings: settings,
      deployment: gateDeployment, memoryBudget: compute.memoryBudget.byteCount, cache: cache,
      check: check)
  }

  /// What a checkpoint belongs to: the model, the texts by their hashes, and every setting the gates depend on.
  func checkpointIdentity(_ model: ModelIdentity, texts: [String: String]) throws -> String {
    checkpointIdentity(model, texts: texts, settings: try hash { try $0.gateSettings() })
  }

  /// The same with the hash of the settings.
  fileprivate func checkpointIdentity(
    _ model: ModelIdentity?, texts: [String: String]?, settings: String
  ) -> String {
    let own = calibrationTextFiles.reduce(into: [:]) { $0[$1] = texts?[$1] }
    return "weights \(model?.weightsSHA256 ?? "unknown"), "
      + "configuration \(model?.configurationSHA256 ?? "unknown"), "
      + "tokenizer \(model?.tokenizerSHA256 ?? "unknown"), "
      + "texts \(sha256(of: settingsText(own))), settings \(settings)"
  }
}
