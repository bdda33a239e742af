import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Transformer

/// The stages of a run, in the order in which they are made: what each makes, what can be refused before it
/// begins, and its work.
package enum Stage: String, CaseIterable, Sendable {
  /// Gates are learned.
  case learn
  /// Maps are searched.
  case search
  /// Heads are scored by the methods that are asked for.
  case score
  /// Maps are measured: accuracy against sparsity.
  case evaluate
  /// The page is drawn, and the recommended map written.
  case report

  /// This stage and those before it that it needs: scores need none.
  package var through: [Stage] {
    self == .score ? [.score] : Self.allCases.prefix { $0 != self } + [self]
  }

  /// What it writes into the run's folder.
  package var files: [RunFile] {
    switch self {
    case .learn: [.checkpoint, .metrics, .timings, .teacher, .gates, .maps]
    case .search: [.maps] + MapUnit.allCases.flatMap { [.search($0), .searchState($0)] }
    case .score: ScoreMethod.allCases.map { .headScores($0) } + [.masking]
    case .evaluate: [.attention, .restoration, .scores, .curves, .places]
    case .report: [.recommended, .report, .figures]
    }
  }

  /// Those of its results that know what they were made from.
  func results(of configuration: RunConfiguration) -> [RunResult] {
    switch self {
    case .learn: [.gates]
    case .search: MapUnit.allCases.map { .search($0) }
    case .score: configuration.scores.methods.map { .headScores($0) } + [.masking]
    case .evaluate:
      [.attention, .restoration, .curves]
        + configuration.evaluation.tasks.map { .scores(task: $0.name) }
    case .report: []
    }
  }

  /// Refuses what it could only fail at after hours: samples that cannot be made, maps that cannot be read.
  ///
  /// - Returns: What it knows of the evaluation's samples; nil from the other stages.
  /// - Throws: `InvalidSetting` for a context that is too short, with its place; the errors of the libraries.
  @discardableResult
  func check(_ inputs: StageInputs) throws -> MadeSamples? {
    let configuration = inputs.configuration
    switch self {
    case .learn: try configuration.requireCalibrationSample(inputs.tokenizer)
    case .search: try configuration.requireSearchSamples(inputs.tokenizer)
    case .score: try configuration.requireScoreSamples(inputs.tokenizer, inputs.model)
    case .evaluate:
      let made = try configuration.requireEvaluationSamples(
        inputs.tokenizer, positions: inputs.model.maxPositions)
      try inputs.requireImportedMaps()
      return made
    case .report: break
    }
    return nil
  }

  /// Does its work as far as it is not done yet; `maps` are those of the stages before, and get its own.
  func work(_ run: borrowing Pipeline, _ model: RunModel, _ maps: inout LearnedMaps) throws {
    switch self {
    case .learn:
      guard let settings = run.configuration.calibration else { return }
      maps = LearnedMaps(gates: try run.learn(model, settings))
      try run.writeMaps(run.finished(maps))
    case .search:
      maps = maps.with(searched: try run.search(model, maps))
      try run.writeMaps(run.finished(maps))
    case .score: try run.maskHeads(model, try run.scoreHeads(model))
    case .evaluate: try run.evaluate(model, run.finished(maps))
    case .report: try run.report(run.finished(maps))
    }
  }
}

/// What the checks of the stages look at.
struct StageInputs {
  let configuration: RunConfiguration
  let model: ModelConfiguration
  let identity: ModelIdentity
  let tokenizer: Tokenizer
  /// The folder whose maps may be made on the way: the run's, or its sweep's.
  let folder: String

  /// Reads the maps of `evaluation.maps`, but those of ``folder``.
  func requireImportedMaps() throws {
    let own = URL(fileURLWithPath: folder).standardizedFileURL.pathComponents
    for map in configuration.evaluation.maps
    where !URL(fileURLWithPath: map.file).standardizedFileURL.pathComponents.starts(with: own) {
      _ = try map.read(for: MapSpace(model), HeadMap.Model(model, identity: identity))
    }
  }
}
