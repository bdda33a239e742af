import GateOptimizer
import MapReporter

/// The texts passkeys are hidden in: the `haystack` section of a run configuration.
///
/// Evaluation uses other text than calibration.
package struct HaystackSettings: Codable, Sendable, Equatable {
  /// What gates are learned on.
  package var calibration = HaystackSource.generated(.village)
  /// What maps are judged on.
  package var evaluation = HaystackSource.generated(.coast)

  /// Generated text for both.
  package init() {}

  /// The names of the settings in a file.
  package enum CodingKeys: String, SettingKey {
    case calibration
    case evaluation
  }

  /// Reads the settings that are given and keeps the defaults of the others.
  package init(from decoder: any Decoder) throws {
    let given = try decoder.strictContainer(keyedBy: CodingKeys.self)
    calibration = try given.value(.calibration, default: calibration)
    evaluation = try given.value(.evaluation, default: evaluation)
  }

  /// Refuses sources that are no source.
  ///
  /// - Throws: `InvalidSetting` for the first of them.
  package func validate() throws(InvalidSetting) {
    for (source, key) in [(calibration, CodingKeys.calibration), (evaluation, .evaluation)] {
      try requireSetting(
        !source.files.contains(""), key, "has an empty file name; name a file, or leave it out")
      try settingProblem { () throws(GateOptimizerError) in
        try source.validate(at: key.rawValue)
      }
    }
  }
}

/// How gates become layer maps: the `ranking` section of a run configuration.
package struct RankingSettings: Codable, Sendable, Equatable {
  /// Criteria maps are written for, each once, the first one the run's own; empty only without gates.
  package var criteria: [Criterion] = [.search, .max, .balance]
  /// Sparsities maps are written for, each in [0, 1] and once.
  package var sparsities = [0.25, 0.5, 0.75]

  /// The defaults.
  package init() {}

  /// The names of the settings in a file.
  package enum CodingKeys: String, SettingKey {
    case criteria
    case sparsities
  }

  /// Reads the settings that are given and keeps the defaults of the others.
  package init(from decoder: any Decoder) throws {
    let given = try decoder.strictContainer(keyedBy: CodingKeys.self)
    criteria = try given.value(.criteria, default: criteria)
    sparsities = try given.value(.sparsities, default: sparsities)
  }

  /// Refuses values that no ranking can work with.
  ///
  /// - Throws: `InvalidSetting` for the first of them.
  package func validate() throws(InvalidSetting) {
    typealias Key = CodingKeys
    try requireCriteria(criteria, Key.criteria)
    try requireSparsities(sparsities, Key.sparsities)
  }
}

extension RankingSettings {
  /// Whether a map by `criterion` at `sparsity` is written.
  func holds(_ criterion: Criterion, _ sparsity: Double) -> Bool {
    criteria.contains(criterion) && sparsities.contains(sparsity)
  }
}

/// What the report says: the `report` section of a run configuration.
package struct ReportSettings: Codable, Sendable, Equatable {
  /// The share of full attention's accuracy that a recommended map keeps, in [0, 1].
  package var keptFraction = 0.95

  /// The defaults.
  package init() {}

  /// The names of the settings in a file.
  package enum CodingKeys: String, SettingKey {
    case keptFraction = "kept_fraction"
  }

  /// Reads the settings that are given and keeps the defaults of the others.
  package init(from decoder: any Decoder) throws {
    let given = try decoder.strictContainer(keyedBy: CodingKeys.self)
    keptFraction = try given.value(.keptFraction, default: keptFraction)
  }

  /// Refuses values that no report can work with.
  ///
  /// - Throws: `InvalidSetting` for the first of them.
  package func validate() throws(InvalidSetting) {
    try requireShare(keptFraction, CodingKeys.keptFraction)
  }
}
