import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Transformer

/// A run folder as its readers see it: the gates with all that is known about them.
package struct FinishedRun: Sendable {
  /// The names of the folder's files.
  package let files: RunFiles
  /// The run's configuration.
  package let configuration: RunConfiguration
  /// Where and with what the run was made.
  package let record: RunRecord
  /// The learned gates, if the run learns any, and the maps that were searched.
  package let maps: LearnedMaps
  /// What could not be compared, since the folder is of an earlier version; nil where nothing is left open.
  package let openQuestion: String?
  /// What results were made from; nil for a run that is just being made.
  private let ledger: ResultLedger?
  /// The folder's tables.
  let tables: RunTables

  /// Draws the report of the run folder at `path`, which no other process may use meanwhile.
  ///
  /// - Returns: The page's path, and the ``openQuestion``.
  /// - Throws: As ``init(folder:)`` and ``writeReport(check:)``; ``RunError/locked(folder:holder:)`` where a
  ///   process works in the folder.
  package static func drawReport(
    in path: String
  ) throws -> (page: String, openQuestion: String?) {
    let files = RunFiles(folder: path)
    try requireFolder(files)
    let lock = try RunLock(path: files.lock, folder: path)
    let run = try FinishedRun(folder: path)
    return (try run.writeReport { try lock.requireHeld() }, run.openQuestion)
  }

  private static func requireFolder(_ files: RunFiles) throws {
    guard FileManager.default.fileExists(atPath: files.configuration) else {
      throw FileError.missing(
        path: files.configuration, what: "file", fix: "name a run folder, such as runs/smollm2-135m"
      )
    }
  }

  /// Reads the run folder at `path`; it needs no lock, since every file in it is whole.
  ///
  /// The model itself is not needed; where there is one at the configuration's path, it must be the run's.
  ///
  /// - Throws: ``RunError`` where it is not a run folder, has no gates yet, or without gates no model, is of another model, or holds gates
  ///   or searched maps that were made from something else; `FileError` where the gates are
  ///   damaged.
  package init(folder path: String) throws {
    files = RunFiles(folder: path)
    tables = RunTables(files)
    try Self.requireFolder(files)
    configuration = try RunConfiguration(ConfigurationDocument(contentsOf: files.configuration))
    record = try RunRecord.read(files.record) ?? RunRecord()
    let empty = try Self.withoutSearch(configuration, record, files)
    let searched = try MapUnit.allCases.compactMap { [files] unit in
      try SearchTable.read(
        files.search(unit), unit: unit, space: empty.space)
    }
    maps = empty.with(searched: searched)
    let ledger = try ResultLedger(reading: files.ledger)
    self.ledger = ledger
    openQuestion = try Self.checkModel(configuration, record, files)
    let inputs = ResultInputs(configuration: configuration, record: record, files: files)
    if maps.gates != nil { try inputs.requireOwn(.gates, ledger) }
    for maps in searched { try inputs.requireOwn(.search(maps.unit), ledger) }
  }

  /// The gates of a run that learns them; of another one the shape of its model.
  private static func withoutSearch(
    _ configuration: RunConfiguration, _ record: RunRecord, _ files: RunFiles
  ) throws -> LearnedMaps {
    guard configuration.calibration == nil else {
      guard FileManager.default.fileExists(atPath: files.gates) else {
        throw FileError.missing(
          path: files.gates, what: "file", fix: "learn the gates first with zigzag calibrate")
      }
      let gates = try GateMatrix(contentsOf: files.gates)
      guard let space = record.model?.space, space.layers == gates.layers else {
        return LearnedMaps(gates: gates)
      }
      return LearnedMaps(gates: gates.within(space))
    }
    guard let model = record.model else {
      throw FileError.malformed(
        path: files.record, line: nil,
        problem: "it does not name the model; begin the run with zigzag run")
    }
    return LearnedMaps(model.space)
  }

  /// Refuses another model at the configuration's path, if there is one; returns what could not be compared.
  private static func checkModel(
    _ configuration: RunConfiguration, _ record: RunRecord, _ files: RunFiles
  ) throws -> String? {
    let path = configuration.model
    guard let expected = record.identity, FileManager.default.fileExists(atPath: path) else {
      return nil
    }
    // A run is read without its model: what stands there and is no model tells nothing.
    guard let now = try? ModelFile.inspect(path: path).identity else {
      return "\(path) cannot be read as a model, so that it could not be compared with the run's"
    }
    let differences = expected.differences(from: now)
    guard differences.isEmpty else {
      throw RunError.otherFiles(folder: files.folder, differences: differences)
    }
    return record.model?.openQuestion(of: files.record, against: now)
  }

  /// Refuses a result that was made from something else than the folder holds now, `inputs` aside.
  func requireOwn(_ result: RunResult, except inputs: [RunResult.Input] = []) throws {
    guard let ledger else { return }
    try ResultInputs(configuration: configuration, record: record, files: files)
      .requireOwn(result, ledger, except: inputs)
  }

  /// A run whose parts are known already.
  init(
    files: RunFiles, configuration: RunConfiguration, record: RunRecord, maps: LearnedMaps
  ) {
    self.files = files
    tables = RunTables(files)
    self.configuration = configuration
    self.record = record
    self.maps = maps
    openQuestion = nil
    ledger = nil
  }

  /// The learned gates, (L, K); nil for a run that learns none.
  package var gates: GateMatrix? { maps.gates }

  /// The searched maps of a unit, if there are any.
  func searched(_ unit: MapUnit) -> SearchedMaps? { maps.searched(unit) }

  /// The criteria of the evaluation, without `search` where nothing was searched.
  var evaluatedCriteria: [Criterion] { maps.available(configuration.evaluation.criteria) }

  /// The layers chosen by `criterion` at `sparsity`.
  ///
  /// - Throws: `GateOptimizerError` where the criterion cannot judge these gates, or nothing was searched.
  package func layers(by criterion: Criterion, sparsity: Double) throws -> RankedMap {
    try maps.layers(by: criterion, sparsity: sparsity)
  }

  /// The layer-exclusive map of least cost under `criterion` at `sparsity`.
  ///
  /// - Throws: `GateOptimizerError` where the criterion cannot judge these gates, and
  ///   ``MapReporterError`` where the gates are not those of the run's model.
  package func map(by criterion: Criterion, sparsity: Double) throws -> HeadMap {
    let ranked = try layers(by: criterion, sparsity: sparsity)
    return try headMap(
      ranked.heads(keyValueHeads: maps.heads),
      by: HeadMap.Criterion(name: criterion.name, weight: criterion.weight), sparsity: sparsity)
  }

  /// The head-mixed map at `sparsity`: DuoAttention's cut, with as many streaming heads as layer maps have.
  ///
  /// - Throws: As ``map(by:sparsity:)``.
  package func headMixedMap(sparsity: Double) throws -> HeadMap {
    let name = CurveMethod.headMixed.name
    return try headMap(
      maps.requireGates(for: name).headCut(likeLayersAt: sparsity),
      by: HeadMap.Criterion(name: name), sparsity: sparsity)
  }

  /// A searched map of single heads.
  func searchedHeadMap(_ maps: SearchedMaps, sparsity: Double) throws -> HeadMap {
    try headMap(
      maps.retrievalHeads(sparsity: sparsity),
      by: HeadMap.Criterion(name: CurveMethod.searchedHeads.name), sparsity: sparsity)
  }

  private func headMap(
    _ heads: HeadSet, by criterion: HeadMap.Criterion, sparsity: Double
  ) throws -> HeadMap {
    try HeadMap(
      model: record.model ?? HeadMap.Model(layers: maps.layers, keyValueHeads: maps.heads),
      window: HeadMap.Window(configuration.deployment),
      gates: gates?.clipped.rows ?? searchedGates(else: heads), heads: heads,
      criterion: criterion, requestedSparsity: sparsity, calibration: calibration)
  }

  /// What a map's file has in the place of gates where none were learned: the share of a search's maps that
  /// keep the layer or head, or the map itself.
  private func searchedGates(else heads: HeadSet) -> [[Double]] {
    let unit = heads.retrievalLayers == nil ? MapUnit.heads : .layers
    let map = (maps.searched(unit) ?? maps.searched.first).map(ImportedMap.searched)
    return (map ?? .map(heads)).asGates.rows
  }

  /// The layer-exclusive map of `curves.csv` that the report recommends, or nil before evaluation.
  ///
  /// - Throws: `FileError` where the table is damaged.
  package func recommendedMap() throws -> RecommendedMap? {
    guard FileManager.default.fileExists(atPath: files.curves),
      let task = configuration.evaluation.tasks.first
    else { return nil }
    // While other maps, or more samples, are measured, what was measured before still recommends its map.
    try requireOwn(.curves, except: [.evaluationSettings, .importedMaps])
    return RecommendedMap(
      from: try tables.points(of: configuration.evaluation.tasks).ofFirstDeployment,
      task: task.name,
      metric: task.primaryMetric, share: configuration.report.keptFraction)
  }

  private var calibration: HeadMap.Calibration {
    guard let settings = configuration.calibration else {
      return HeadMap.Calibration(
        source: "zigzag", objective: "search", seed: Int(exactly: configuration.seed),
        toolVersion: record.zigzagVersion)
    }
    let rows = try? tables.training()
    return HeadMap.Calibration(
      source: "zigzag", objective: "distillation", steps: settings.steps,
      seed: Int(exactly: configuration.seed), contextMin: settings.contextMin,
      contextMax: settings.contextMax, regularization: settings.regularization,
      learningRate: settings.learningRate, distillationLoss: rows?.last?.distillation,
      toolVersion: record.zigzagVersion)
  }
}

/// The tables of a run folder, each read when it is first asked for.
///
/// A run that is just being made asks when they are written.
final class RunTables: Sendable {
  private let files: RunFiles
  private let curves = Locked<[CurvePoint]?>(nil)
  private let metrics = Locked<[TrainingRow]?>(nil)

  init(_ files: RunFiles) { self.files = files }

  /// The points of `curves.csv`, which are of `tasks`; none where there is no such file.
  ///
  /// - Throws: `FileError` where it is damaged.
  func points(of tasks: [EvaluationTask]) throws -> [CurvePoint] {
    try read(curves, .curves, CurveTable.read).map { point in
      // Tables of earlier builds do not begin with what the task is judged by.
      var point = point
      let own = tasks.first { $0.name == point.task }?.primaryMetric
      if let own, point.measures[own] != nil { point.primary = own }
      return point
    }
  }

  /// The rows of `metrics.csv`; none where the gates come from elsewhere.
  ///
  /// - Throws: `FileError` where it is damaged.
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
