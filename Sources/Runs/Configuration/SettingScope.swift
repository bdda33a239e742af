import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Yams

/// A setting, or a group of them, by the keys that lead to it, less the keys that are left out of it.
struct SettingPath {
  let keys: [String]
  let omitted: Set<String>

  /// The path through `keys`, from the outermost; `omitted` are keys of the group that it leads to.
  init(_ keys: any SettingKey..., without omitted: [any SettingKey] = []) {
    self.keys = keys.map(\.stringValue)
    self.omitted = Set(omitted.map(\.stringValue))
  }
}

/// The settings that something depends on: what all checks of a run folder go by.
struct SettingScope {
  private typealias Key = RunConfiguration.CodingKeys

  let paths: [SettingPath]

  /// Those that the samples depend on which gates are learned on.
  static let samplesOfGates = SettingScope(paths: [
    SettingPath(Key.model), SettingPath(Key.seed), SettingPath(Key.window), SettingPath(Key.task),
    SettingPath(Key.haystack, HaystackSettings.CodingKeys.calibration),
  ])

  /// Those that the learned gates depend on.
  static let gates = SettingScope(
    paths: samplesOfGates.paths + [
      SettingPath(Key.calibration, without: [CalibrationSettings.CodingKeys.checkpointEvery])
    ])

  /// Those that searched maps depend on, besides those of the gates.
  static let search = SettingScope(paths: [
    SettingPath(Key.search, without: [SearchSettings.CodingKeys.units]),
    SettingPath(Key.ranking, RankingSettings.CodingKeys.criteria),
  ])

  /// Those that scores of heads depend on which ask on documents.
  static let scores = SettingScope(paths: [
    SettingPath(Key.seed), SettingPath(Key.haystack, HaystackSettings.CodingKeys.calibration),
    SettingPath(
      Key.scores,
      without: [
        ScoreSettings.CodingKeys.methods, ScoreSettings.CodingKeys.group,
        ScoreSettings.CodingKeys.masking,
      ]),
  ])

  /// Those of them that scores on embeddings depend on.
  static let scoresOnEmbeddings = SettingScope(paths: [
    SettingPath(
      Key.scores,
      without: [
        ScoreSettings.CodingKeys.methods, ScoreSettings.CodingKeys.group,
        ScoreSettings.CodingKeys.masking, ScoreSettings.CodingKeys.samples,
        ScoreSettings.CodingKeys.context, ScoreSettings.CodingKeys.documents,
        ScoreSettings.CodingKeys.task, ScoreSettings.CodingKeys.maximumTokens,
        ScoreSettings.CodingKeys.recall,
      ])
  ])

  /// Those that decide what is masked.
  static let masking = SettingScope(paths: [
    SettingPath(Key.scores, ScoreSettings.CodingKeys.masking),
    SettingPath(Key.evaluation, EvaluationSettings.CodingKeys.bootstrap),
  ])

  /// Those that all samples of an evaluation depend on.
  static let evaluationSamples = SettingScope(paths: [
    SettingPath(Key.haystack, HaystackSettings.CodingKeys.evaluation),
    SettingPath(Key.evaluation, EvaluationSettings.CodingKeys.seed),
  ])

  /// Those that the curves depend on besides samples, gates and searches.
  static let evaluation = SettingScope(paths: [
    SettingPath(Key.evaluation), SettingPath(Key.scores, ScoreSettings.CodingKeys.methods),
    SettingPath(Key.scores, ScoreSettings.CodingKeys.group),
  ])

  /// Those that make a run the run it is: not its name, how it is judged, or what no result depends on.
  static let run = SettingScope(paths: gates.paths + [SettingPath(Key.search)])

  /// Those that decide which samples a run can make, and which maps it reads.
  static let checks = SettingScope(paths: [
    SettingPath(Key.model), SettingPath(Key.seed), SettingPath(Key.task), SettingPath(Key.haystack),
    SettingPath(Key.calibration, CalibrationSettings.CodingKeys.contextMin),
    SettingPath(Key.calibration, CalibrationSettings.CodingKeys.contextMax),
    SettingPath(Key.calibration, CalibrationSettings.CodingKeys.contextIntervals),
    SettingPath(Key.search, SearchSettings.CodingKeys.units),
    SettingPath(Key.search, SearchSettings.CodingKeys.tasks),
    SettingPath(Key.search, SearchSettings.CodingKeys.contexts),
    SettingPath(Key.search, SearchSettings.CodingKeys.samples),
    SettingPath(Key.ranking, RankingSettings.CodingKeys.criteria), SettingPath(Key.scores),
    SettingPath(Key.evaluation, EvaluationSettings.CodingKeys.criteria),
    SettingPath(Key.evaluation, EvaluationSettings.CodingKeys.context),
    SettingPath(Key.evaluation, EvaluationSettings.CodingKeys.samples),
    SettingPath(Key.evaluation, EvaluationSettings.CodingKeys.seed),
    SettingPath(Key.evaluation, EvaluationSettings.CodingKeys.tasks),
    SettingPath(Key.evaluation, EvaluationSettings.CodingKeys.maps),
    SettingPath(Key.evaluation, EvaluationSettings.CodingKeys.baselines),
  ])
}

extension RunConfiguration {
  /// The settings of `scope`: dotted names, positions in lists counted from 0, and values as text.
  func settings(in scope: SettingScope) throws -> [String: String] {
    let root = try node(self)
    return scope.paths.reduce(into: [:]) { found, path in
      var place: Node? = root
      for key in path.keys { place = place?[key] }
      guard let place else { return }
      found.merge(place.leaves(under: path.keys.joined(separator: "."), without: path.omitted)) {
        $1
      }
    }
  }

  /// The settings that the learned gates depend on.
  package func gateSettings() throws -> [String: String] { try settings(in: .gates) }

  /// What the gates depend on and is not as in `before`, one readable entry each; of a calibration where the
  /// other has none, one for all of it.
  func gateDifferences(from before: RunConfiguration) throws -> [String] {
    guard (calibration == nil) != (before.calibration == nil) else {
      return try differences(now: gateSettings(), before: before.gateSettings())
    }
    let name = CodingKeys.calibration.rawValue
    func others(_ run: RunConfiguration) throws -> [String: String] {
      let section = run.calibration == nil ? Self.noCalibration : "a section of settings"
      return try run.settings(in: .samplesOfGates).merging([name: section]) { $1 }
    }
    return try differences(now: others(self), before: others(before))
  }

  /// The settings that scores of heads depend on; of those that do not ask on documents none of their own.
  package func scoreSettings() throws -> [String: String] {
    try settings(in: scores.embeddings == nil ? .scores : .scoresOnEmbeddings)
  }

  /// The settings that searched maps depend on, besides those of the gates.
  package func searchSettings() throws -> [String: String] {
    var resolved = self
    resolved.search.contexts = searchContexts
    resolved.search.sparsities = searchSparsities
    resolved.ranking.criteria.removeAll { $0 == .search }
    return try resolved.settings(in: .search)
  }

  /// For each task, by name, what the score of one map on one sample depends on besides the gates.
  ///
  /// How many samples there are, and which maps are measured on them, changes no score.
  package func sampleSettings() throws -> [String: [String: String]] {
    typealias Key = EvaluationTask.CodingKeys
    let shared = try settings(in: .evaluationSamples)
    var found: [String: [String: String]] = [:]
    for task in evaluation.tasks {
      let own = try node(task).leaves(
        under: "",
        without: [Key.samples, .sparsities, .criteria].reduce(into: []) { $0.insert($1.rawValue) })
      if task.answers?.file != nil {
        // Neither the haystack nor the seed changes its samples, which may be as long as the model allows.
        found[task.name] = own
        continue
      }
      found[task.name] = shared.merging(own) { _, own in own }
      found[task.name]?[Key.context.rawValue] = "\(evaluation.context(of: task))"
    }
    return found
  }

  /// What would be written of `settings`.
  func node(_ settings: some Encodable) throws -> Node {
    do {
      return (try Yams.compose(yaml: YAMLEncoder().encode(settings)) ?? "").styledForReading
    } catch {
      throw FileError.cannotWrite(path: "config.yaml", reason: "\(error)")
    }
  }
}

extension Node {
  /// Every scalar below this node by its dotted name; list positions count from 0.
  ///
  /// Of this node's own keys those `omitted` are left out.
  fileprivate func leaves(under prefix: String, without omitted: Set<String>) -> [String: String] {
    func named(_ key: String) -> String { prefix.isEmpty ? key : "\(prefix).\(key)" }
    var found: [String: String] = [:]
    if let mapping {
      for (key, value) in mapping {
        let key = key.string ?? "?"
        if omitted.contains(key) { continue }
        found.merge(value.leaves(under: named(key), without: [])) { first, _ in first }
      }
    } else if let sequence {
      for (index, value) in sequence.enumerated() {
        found.merge(value.leaves(under: named(String(index)), without: [])) { first, _ in first }
      }
    } else {
      found[prefix] = scalar?.string ?? ""
    }
    return found
  }
}
