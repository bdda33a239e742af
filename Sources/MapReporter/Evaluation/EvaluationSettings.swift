import GateOptimizer

/// What accuracy is measured on: the `evaluation` section of a run configuration.
public struct EvaluationSettings: Codable, Sendable, Equatable {
  /// Samples per task, ≥ 1; the same ones for every map.
  public var samples = 8
  /// Tokens of a sample, for tasks that do not say otherwise.
  public var context = 1024
  /// Sparsities of the curve, each in [0, 1]: the share of streaming heads or layers.
  public var sparsities = (0...10).map { Double($0) / 10 }
  /// Sparsities of the random baselines; those of the curve if nil.
  public var randomSparsities: [Double]?
  /// What accuracy is measured on; the first task is the one that decides.
  public var tasks = [EvaluationTask(name: "words", task: .heldOutPasskeys)]
  /// Layer criteria that get a curve of their own.
  public var criteria: [Criterion] = [.max, .balance]
  /// Seeds of the random layer maps; each is one curve.
  public var randomLayerSeeds = [1, 2]
  /// Seeds of the random head maps; each is one curve.
  public var randomHeadSeeds = [1, 2]
  /// Resamples behind a confidence interval, ≥ 1.
  public var bootstrap = 2000
  /// Seed of the samples and the resampling; apart from the calibration's.
  public var seed: UInt64 = 1

  /// The defaults.
  public init() {}

  /// The names of the settings in a file.
  public enum CodingKeys: String, SettingKey {
    case samples
    case context
    case sparsities
    case randomSparsities = "random_sparsities"
    case tasks
    case criteria
    case randomLayerSeeds = "random_layer_seeds"
    case randomHeadSeeds = "random_head_seeds"
    case bootstrap
    case seed
  }

  /// Reads the settings that are given and keeps the defaults of the others.
  public init(from decoder: any Decoder) throws {
    let given = try decoder.strictContainer(keyedBy: CodingKeys.self)
    samples = try given.value(.samples, default: samples)
    context = try given.value(.context, default: context)
    sparsities = try given.value(.sparsities, default: sparsities)
    randomSparsities = try given.decodeIfPresent([Double].self, forKey: .randomSparsities)
    tasks = try given.value(.tasks, default: tasks)
    criteria = try given.value(.criteria, default: criteria)
    randomLayerSeeds = try given.value(.randomLayerSeeds, default: randomLayerSeeds)
    randomHeadSeeds = try given.value(.randomHeadSeeds, default: randomHeadSeeds)
    bootstrap = try given.value(.bootstrap, default: bootstrap)
    seed = try given.value(.seed, default: seed)
  }

  /// Refuses values that no evaluation can run with.
  ///
  /// - Throws: `InvalidSetting` for the first of them, in the order of the keys.
  public func validate() throws(InvalidSetting) {
    typealias Key = CodingKeys
    try requireAtLeastOne(samples, Key.samples)
    try requireAtLeastOne(context, Key.context)
    try requireSetting(!sparsities.isEmpty, Key.sparsities, "is empty; give at least one sparsity")
    for sparsity in sparsities {
      try requireShare(sparsity, Key.sparsities)
    }
    for sparsity in randomSparsities ?? [] {
      try requireShare(sparsity, Key.randomSparsities)
    }
    try requireSetting(!tasks.isEmpty, Key.tasks, "is empty; give at least one task")
    for (position, task) in tasks.enumerated() {
      try within(Key.tasks.rawValue, String(position), check: task.validate)
      try requireSetting(
        tasks[..<position].allSatisfy { $0.name != task.name }, Key.tasks,
        "has two tasks named \(task.name); give each a name of its own")
    }
    try requireAtLeastOne(bootstrap, Key.bootstrap)
  }

  /// Tokens of a sample of `task`.
  public func context(of task: EvaluationTask) -> Int { task.context ?? context }
}
