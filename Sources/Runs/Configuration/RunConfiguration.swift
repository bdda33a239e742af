import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Transformer

/// Everything a run depends on, read from one YAML file; every setting but `name` and `model` has a
/// default.
package struct RunConfiguration: Codable, Sendable, Equatable {
  /// Names the run folder; letters, digits, `.`, `_` and `-`.
  package var name: String
  /// Path of the model file (HDF5), relative to the working directory.
  package var model: String
  /// Seed of the calibration samples.
  package var seed: UInt64 = 0
  /// What streaming heads see, and where they stream.
  package var window = DeploymentSettings(plainWindow)
  /// The texts passkeys are hidden in.
  package var haystack = HaystackSettings()
  /// What the model is asked to retrieve while gates are learned.
  package var task = SampleTask.passkeys(PasskeyTask())
  /// How the gates are learned; nil, written `none`, learns none, and maps are searched alone.
  package var calibration: CalibrationSettings? = CalibrationSettings()
  /// How maps are searched on the loss itself.
  package var search = SearchSettings()
  /// Which scores of heads are computed.
  package var scores = ScoreSettings()
  /// How gates become layer maps.
  package var ranking = RankingSettings()
  /// What accuracy is measured on.
  package var evaluation = EvaluationSettings()
  /// What the report says.
  package var report = ReportSettings()
  /// What the run may use of the machine.
  package var compute = ComputeSettings()

  /// A run of `model` with every other setting at its default.
  package init(name: String, model: String) {
    self.name = name
    self.model = model
  }

  /// The names of the settings in a file.
  package enum CodingKeys: String, SettingKey {
    case name
    case model
    case seed
    case window
    case haystack
    case task
    case calibration
    case search
    case scores
    case ranking
    case evaluation
    case report
    case compute
  }

  /// The window where nothing else is said.
  static let plainWindow = Deployment(StreamingWindow(sink: 16, recent: 64))

  /// Reads the settings that are given and keeps the defaults of the others.
  package init(from decoder: any Decoder) throws {
    let given = try decoder.strictContainer(keyedBy: CodingKeys.self)
    name = try given.decode(String.self, forKey: .name)
    model = try given.decode(String.self, forKey: .model)
    seed = try given.value(.seed, default: seed)
    if let own = try given.decodeIfPresent(DeploymentSettings.self, forKey: .window) {
      let plain = window
      window = own
      window.sink = own.sink ?? (own.runtime?.keepsSink == false ? 0 : plain.sink)
      window.recent = own.recent ?? plain.recent
      window.leaveOutDefaults()
    }
    haystack = try given.value(.haystack, default: haystack)
    task = try given.value(.task, default: task)
    calibration = try Self.calibration(given)
    search = try given.value(.search, default: search)
    scores = try given.value(.scores, default: scores)
    ranking = try given.value(.ranking, default: ranking)
    evaluation = try given.value(.evaluation, default: evaluation)
    report = try given.value(.report, default: report)
    compute = try given.value(.compute, default: compute)
    if calibration == nil { try takeSearchAlone(given) }
  }

  /// The section, or the word `none` in its place.
  private static func calibration(
    _ given: KeyedDecodingContainer<CodingKeys>
  ) throws -> CalibrationSettings? {
    let isNothing = try given.contains(.calibration) && given.decodeNil(forKey: .calibration)
    guard !isNothing, let word = try? given.decode(String.self, forKey: .calibration),
      !word.isEmpty
    else {
      return try given.value(.calibration, default: CalibrationSettings())
    }
    guard word == noCalibration else {
      throw InvalidSetting(
        [CodingKeys.calibration.rawValue],
        "is \(word.shown()); it must be a group of settings, or \(noCalibration) to learn no gates")
    }
    return nil
  }

  /// Without gates, criteria that are not given are `search`, as far as layers are searched.
  private mutating func takeSearchAlone(_ given: KeyedDecodingContainer<CodingKeys>) throws {
    let searched: [Criterion] = search.units.contains(.layers) ? [.search] : []
    func has<Key: SettingKey>(_ key: Key, in section: CodingKeys) throws -> Bool {
      guard try given.contains(section) && !given.decodeNil(forKey: section) else { return false }
      return try given.nestedContainer(keyedBy: Key.self, forKey: section).contains(key)
    }
    if try !has(RankingSettings.CodingKeys.criteria, in: .ranking) { ranking.criteria = searched }
    if try !has(EvaluationSettings.CodingKeys.criteria, in: .evaluation) {
      evaluation.criteria = searched
    }
  }

  /// Writes every setting, in the order of ``CodingKeys``.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(model, forKey: .model)
    try container.encode(seed, forKey: .seed)
    try container.encode(window, forKey: .window)
    try container.encode(haystack, forKey: .haystack)
    try container.encode(task, forKey: .task)
    if let calibration {
      try container.encode(calibration, forKey: .calibration)
    } else {
      try container.encode(Self.noCalibration, forKey: .calibration)
    }
    try container.encode(search, forKey: .search)
    try container.encode(scores, forKey: .scores)
    try container.encode(ranking, forKey: .ranking)
    try container.encode(evaluation, forKey: .evaluation)
    try container.encode(report, forKey: .report)
    try container.encode(compute, forKey: .compute)
  }

  /// What stands in the place of the calibration's settings where no gates are learned.
  static let noCalibration = "none"

  /// Refuses values that no run can work with, whatever the model.
  ///
  /// - Throws: `InvalidSetting` with the setting's full path.
  package func validate() throws(InvalidSetting) {
    typealias Key = CodingKeys
    try requireSetting(
      Self.isFolderName(name), Key.name,
      "is \(name.shown()); it names a folder, so use letters, digits, '.', '_' and '-'")
    try requireSetting(
      SettingRange.nameBytes.contains(name.utf8.count), Key.name,
      "has \(name.utf8.count) bytes; it names a folder, so give a name of at most "
        + "\(SettingRange.nameBytes.upperBound)")
    try requireSetting(!model.isEmpty, Key.model, "is empty; name a model file")
    try within("window") { () throws(InvalidSetting) in
      try window.validate()
      _ = try window.deployment(over: Self.plainWindow)
    }
    try within("haystack", check: haystack.validate)
    try within("task") { () throws(InvalidSetting) in
      try task.validate()
      try task.requireNoLengths(
        calibration == nil ? "the context of the search" : "calibration.context_max")
    }
    if let calibration { try within("calibration", check: calibration.validate) }
    try within("search", check: search.validate)
    for (position, task) in search.tasks.enumerated() {
      try within("search", "tasks", String(position)) { () throws(InvalidSetting) in
        try task.validate()
        try task.requireNoLengths("search.context")
      }
    }
    try within("scores", check: scores.validate)
    try within("ranking") { () throws(InvalidSetting) in
      try requireSetting(
        !ranking.criteria.isEmpty || calibration == nil, RankingSettings.CodingKeys.criteria,
        "is empty; name at least one criterion")
      try ranking.validate()
    }
    try within("evaluation", check: evaluation.validate)
    try within("report", check: report.validate)
    try within("compute", check: compute.validate)
    try validateDeployments()
    try requireGates()
    if search.starts.contains(.scores) && scores.methods.isEmpty {
      throw InvalidSetting(
        [Key.search.rawValue, SearchSettings.CodingKeys.starts.rawValue],
        "has scores, but scores.methods is empty; name the scores to begin at there")
    }
    for (criteria, section) in [
      (ranking.criteria, Key.ranking), (evaluation.criteria, Key.evaluation),
    ] where criteria.contains(.search) && !search.units.contains(.layers) {
      throw InvalidSetting(
        [section.rawValue, "criteria"],
        "has search, but search.units does not name layers; add them there")
    }
  }

  /// Refuses criteria that judge gates where none are learned.
  private func requireGates() throws(InvalidSetting) {
    guard calibration == nil else { return }
    for (criteria, section, others) in [
      (ranking.criteria, CodingKeys.ranking, ""),
      (
        evaluation.criteria, .evaluation,
        "; gates that are there already are measured by evaluation.maps, with criteria of their own"
      ),
    ] {
      guard let other = criteria.first(where: { $0 != .search }) else { continue }
      throw InvalidSetting(
        [section.rawValue, "criteria"],
        "has \(other), which needs learned gates, but calibration is none; leave it out, or learn "
          + "gates\(others)")
    }
  }

  /// What is searched: layers only where a criterion asks for it.
  var searchedUnits: [MapUnit] {
    let criteria = ranking.criteria + evaluation.criteria
    return search.units.filter { $0 == .heads || criteria.contains(.search) }
  }

  /// Tokens of the samples that maps are searched on, in turn; not empty.
  ///
  /// Where none are given: the longest of the calibration's, without one those of the evaluation.
  package var searchContexts: [Int] {
    search.contexts.isEmpty ? [calibration?.contextMax ?? evaluation.context] : search.contexts
  }

  /// The scores that searches begin at and how they are grouped; nil where they begin at none.
  var startingScores: String? {
    guard search.starts.contains(.scores) else { return nil }
    return "\(scores.methods.map(\.rawValue).joined(separator: ", ")) by \(scores.group.rawValue)"
  }

  /// Sparsities at which a search tries swaps.
  package var searchSparsities: [Double] { search.sparsities ?? ranking.sparsities }

  /// Refuses contexts the model was not made for, and contexts in which nothing is out of a
  /// streaming head's sight.
  ///
  /// - Parameters:
  ///   - model: The model's sizes.
  ///   - name: The file that has them; the run's model if nil.
  /// - Throws: `InvalidSetting` with the setting's full path.
  package func validate(
    for model: ModelConfiguration, of name: String? = nil
  ) throws(InvalidSetting) {
    for context in contexts {
      let (path, tokens) = (context.path, context.tokens)
      guard tokens <= model.maxPositions else {
        throw InvalidSetting(
          path,
          "is \(tokens) tokens; \(name ?? self.model) was made for at most \(model.maxPositions)")
      }
      let visible = deployment.window.sink + deployment.window.recent
      guard tokens > visible || !context.isJudged else {
        throw InvalidSetting(
          path,
          "is \(tokens) tokens, all of which a window of \(visible) sees; make it longer, or the "
            + "window smaller")
      }
    }
  }

  /// The tokens of all samples that settings ask for, each with its setting's path.
  ///
  /// Maps are judged on those that must be longer than what a streaming head sees.
  var contexts: [(path: [String], tokens: Int, isJudged: Bool)] {
    var found: [(path: [String], tokens: Int, isJudged: Bool)] = []
    if let calibration {
      found.append((["calibration", "context_min"], calibration.contextMin, true))
      found.append((["calibration", "context_max"], calibration.contextMax, true))
    }
    if !searchedUnits.isEmpty {
      let isEvaluation = search.contexts.isEmpty && calibration == nil
      let path = [isEvaluation ? "evaluation" : "search", "context"]
      found += searchContexts.map { (path, $0, true) }
    }
    if scores.asksOnDocuments {
      let isMade = scores.file == nil && scores.embeddings == nil
      let lengths: [(ScoreSettings.CodingKeys, Int)] = [
        (.context, isMade ? scores.context : 0), (.distances, scores.distances),
        (.maximumTokens, scores.embeddings == nil ? scores.maximumTokens : 0),
      ]
      found += lengths.map { ([CodingKeys.scores.rawValue, $0.rawValue], $1, false) }
    }
    found.append((["evaluation", "context"], evaluation.context, true))
    for (position, task) in evaluation.tasks.enumerated() {
      let path = ["evaluation", "tasks", String(position)]
      found += (task.grid?.lengths ?? []).map { (path + ["grid"], $0, true) }
      found += task.rulerCells.compactMap(\.length).map { (path + ["ruler", "lengths"], $0, true) }
      found.append((path + ["context"], evaluation.context(of: task), true))
    }
    return found
  }

  /// Whether a run or a sweep can have this name: it names a folder.
  static func isFolderName(_ name: String) -> Bool {
    !name.isEmpty && !name.hasPrefix(".")
      && name.unicodeScalars.allSatisfy {
        ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0)
          || "._-".unicodeScalars.contains($0)
      }
  }
}
