import GateOptimizer
import MapReporter

/// The texts passkeys are hidden in: the `haystack` section of a run configuration.
///
/// Evaluation uses other text than calibration.
package struct HaystackSettings: SettingSection {
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

  /// Every setting, with what is refused.
  package static var settings: [Setting<Self, CodingKeys>] {
    [
      Setting(.calibration, \.calibration, check: requireSource),
      Setting(.evaluation, \.evaluation, check: requireSource),
    ]
  }

  private static func requireSource(
    _ source: HaystackSource, _ key: CodingKeys
  ) throws(InvalidSetting) {
    try requireSetting(
      !source.files.contains(""), key, "has an empty file name; name a file, or leave it out")
    try settingProblem { () throws(GateOptimizerError) in
      try source.validate(at: key.rawValue)
    }
  }
}

/// How gates become layer maps: the `ranking` section of a run configuration.
package struct RankingSettings: SettingSection {
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

  /// Every setting, with what is refused.
  package static var settings: [Setting<Self, CodingKeys>] {
    [
      Setting(.criteria, \.criteria, check: requireCriteria),
      Setting(.sparsities, \.sparsities, check: requireSparsities),
    ]
  }
}

extension RankingSettings {
  /// Whether a map by `criterion` at `sparsity` is written.
  func holds(_ criterion: Criterion, _ sparsity: Double) -> Bool {
    criteria.contains(criterion) && sparsities.contains(sparsity)
  }
}

/// What the report says: the `report` section of a run configuration.
package struct ReportSettings: SettingSection {
  /// The share of full attention's accuracy that a recommended map keeps, in [0, 1].
  package var keptFraction = 0.95

  /// The defaults.
  package init() {}

  /// The names of the settings in a file.
  package enum CodingKeys: String, SettingKey {
    case keptFraction = "kept_fraction"
  }

  /// Every setting, with what is refused.
  package static var settings: [Setting<Self, CodingKeys>] {
    [Setting(.keptFraction, \.keptFraction, check: requireShare)]
  }
}
