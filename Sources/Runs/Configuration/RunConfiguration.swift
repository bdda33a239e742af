import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Transformer

/// Everything a run depends on, read from one YAML file; every setting but `name` and `model` has a
/// default.
public struct RunConfiguration: Codable, Sendable, Equatable {
  /// Names the run folder; letters, digits, `.`, `_` and `-`.
  public var name: String
  /// Path of the model file (HDF5), relative to the working directory.
  public var model: String
  /// Seed of the calibration samples.
  public var seed: UInt64 = 0
  /// What streaming heads see.
  public var window = StreamingWindow(sink: 16, recent: 64)
  /// The texts passkeys are hidden in.
  public var haystack = HaystackSettings()
  /// What the model is asked to retrieve while gates are learned.
  public var task = PasskeyTask()
  /// How the gates are learned.
  public var calibration = CalibrationSettings()
  /// How maps are searched on the loss itself.
  public var search = SearchSettings()
  /// How gates become layer maps.
  public var ranking = RankingSettings()
  /// What accuracy is measured on.
  public var evaluation = EvaluationSettings()
  /// What the report says.
  public var report = ReportSettings()
  /// What the run may use of the machine.
  public var compute = ComputeSettings()

  /// A run of `model` with every other setting at its default.
  public init(name: String, model: String) {
    self.name = name
    self.model = model
  }

  /// The names of the settings in a file.
  public enum CodingKeys: String, SettingKey {
    case name
    case model
    case seed
    case window
    case haystack
    case task
    case calibration
    case search
    case ranking
    case evaluation
    case report
    case compute
  }

  private enum WindowKeys: String, SettingKey {
    case sink
    case recent
  }

  /// Reads the settings that are given and keeps the defaults of the others.
  public init(from decoder: any Decoder) throws {
    let given = try decoder.strictContainer(keyedBy: CodingKeys.self)
    name = try given.decode(String.self, forKey: .name)
    model = try given.decode(String.self, forKey: .model)
    seed = try given.value(.seed, default: seed)
    if given.contains(.window) {
      let inner = try given.superDecoder(forKey: .window).strictContainer(keyedBy: WindowKeys.self)
      window.sink = try inner.value(.sink, default: window.sink)
      window.recent = try inner.value(.recent, default: window.recent)
    }
    haystack = try given.value(.haystack, default: haystack)
    task = try given.value(.task, default: task)
    calibration = try given.value(.calibration, default: calibration)
    search = try given.value(.search, default: search)
    ranking = try given.value(.ranking, default: ranking)
    evaluation = try given.value(.evaluation, default: evaluation)
    report = try given.value(.report, default: report)
    compute = try given.value(.compute, default: compute)
  }

  /// Refuses values that no run can work with, whatever the model.
  ///
  /// - Throws: `InvalidSetting` with the setting's full path.
  public func validate() throws(InvalidSetting) {
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
      try requireRange(window.sink, SettingRange.sink, WindowKeys.sink)
      try requireRange(window.recent, SettingRange.window, WindowKeys.recent)
    }
    try within("haystack", check: haystack.validate)
    try settingProblem { () throws(GateOptimizerError) in try task.validate(at: "task") }
    try within("calibration", check: calibration.validate)
    try within("search", check: search.validate)
    for (position, task) in search.tasks.enumerated() {
      try settingProblem { () throws(GateOptimizerError) in
        try task.validate(at: "search.tasks.\(position)")
      }
    }
    try within("ranking", check: ranking.validate)
    try within("evaluation", check: evaluation.validate)
    try within("report", check: report.validate)
    for (criteria, section) in [
      (ranking.criteria, Key.ranking), (evaluation.criteria, Key.evaluation),
    ] where criteria.contains(.search) && !search.units.contains(.layers) {
      throw InvalidSetting(
        [section.rawValue, "criteria"],
        "has search, but search.units does not name layers; add them there")
    }
  }

  /// What is searched: layers only where a criterion asks for it.
  var searchedUnits: [MapUnit] {
    let criteria = ranking.criteria + evaluation.criteria
    return search.units.filter { $0 == .heads || criteria.contains(.search) }
  }

  /// Tokens of the samples that maps are searched on, in turn; not empty.
  public var searchContexts: [Int] {
    search.contexts.isEmpty ? [calibration.contextMax] : search.contexts
  }

  /// Sparsities at which a search tries swaps.
  public var searchSparsities: [Double] { search.sparsities ?? ranking.sparsities }

  /// Refuses contexts the model was not made for, and contexts in which nothing is out of a
  /// streaming head's sight.
  ///
  /// - Throws: `InvalidSetting` with the setting's full path.
  public func validate(for model: ModelConfiguration) throws(InvalidSetting) {
    try checkContext(calibration.contextMin, ["calibration", "context_min"], model)
    try checkContext(calibration.contextMax, ["calibration", "context_max"], model)
    for context in searchedUnits.isEmpty ? [] : searchContexts {
      try checkContext(context, ["search", "context"], model)
    }
    try checkContext(evaluation.context, ["evaluation", "context"], model)
    for (position, task) in evaluation.tasks.enumerated() {
      let path = ["evaluation", "tasks", String(position)]
      for length in task.grid?.lengths ?? [] { try checkContext(length, path + ["grid"], model) }
      try checkContext(evaluation.context(of: task), path + ["context"], model)
    }
  }

  private func checkContext(
    _ tokens: Int, _ path: [String], _ model: ModelConfiguration
  ) throws(InvalidSetting) {
    guard tokens <= model.maxPositions else {
      throw InvalidSetting(
        path, "is \(tokens) tokens; \(self.model) was made for at most \(model.maxPositions)")
    }
    let visible = window.sink + window.recent
    guard tokens > visible else {
      throw InvalidSetting(
        path,
        "is \(tokens) tokens, all of which a window of \(visible) sees; make it longer, or the "
          + "window smaller")
    }
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
