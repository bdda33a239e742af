import Transformer

/// How the gates are learned: the `calibration` section of a run configuration.
///
/// The defaults follow DuoAttention's training code (arXiv 2410.10819) except for the number of steps
/// and the contexts, which fit a small model on a CPU.
public struct CalibrationSettings: SettingSection {
  /// Optimizer steps, 1…10⁹.
  public var steps = 120
  /// Shortest sample, in tokens, 1…2²⁴.
  public var contextMin = 1024
  /// Longest sample, in tokens, at most the model's `max_position_embeddings`.
  public var contextMax = 1024
  /// How many lengths between the two are drawn from, 1…100,000; 1 takes the longest.
  public var contextIntervals = 1
  /// AdamW's learning rate at its peak, above 0 and at most 1,000.
  public var learningRate = 0.02
  /// λ, the weight of the mean absolute gate in the loss, 0…10⁶.
  public var regularization = 0.05
  /// The share of gates that are to close, in [0, 1]; λ is then only where its multiplier starts.
  public var sparsity: Double?
  /// How fast the multiplier follows, for each step and unit of sparsity, 0…10⁶.
  public var multiplierRate = 0.02
  /// Weight of the mean 4a(1 − a), which draws gates to 0 and 1, 0…10⁶; it rises linearly over the steps.
  public var polarization = 0.0
  /// Weight of the mean squared distance of gates from their layer's mean, 0…10⁶.
  public var cohesion = 0.0
  /// Share of the steps in which the learning rate rises linearly, in [0, 1].
  public var warmup = 0.2
  /// Share of the steps, at the end, in which it falls linearly, in [0, 1].
  public var decay = 0.2
  /// Learning rate at both ends as a share of the peak, in [0, 1].
  public var floor = 0.1
  /// Whether gates are learned for each head or for each layer.
  public var gates = MapUnit.heads
  /// How maps are deployed that gates are learned for; as the window says if nil.
  package var deployment: DeploymentSettings?
  /// Whose full attention the student mixes in.
  public var retrieval = RetrievalSource.teacher
  /// What every gate starts at, in [0, 1]; 1 is full attention.
  public var initialGate = 1.0
  /// A gate table in DuoAttention's format or a headmap.json that gates start from instead; of a map
  /// retrieval heads start at 1 and streaming heads at 0.
  public var initialGates: String?
  /// Samples whose gradients are averaged in one step, 1…10⁶.
  public var batch = 1
  /// Size of the sample set that the steps go round, 1…10⁹; 0 makes new samples without end.
  public var samples = 0
  /// Steps between checkpoints, 1…10⁹.
  public var checkpointEvery = 10

  /// The defaults.
  public init() {}

  /// The names of the settings in a file.
  public enum CodingKeys: String, SettingKey {
    case steps
    case contextMin = "context_min"
    case contextMax = "context_max"
    case contextIntervals = "context_intervals"
    case learningRate = "learning_rate"
    case regularization
    case sparsity
    case multiplierRate = "multiplier_rate"
    case polarization
    case cohesion
    case warmup
    case decay
    case floor
    case gates
    case deployment
    case retrieval
    case initialGate = "initial_gate"
    case initialGates = "initial_gates"
    case batch
    case samples
    case checkpointEvery = "checkpoint_every"
  }

  /// Every setting, with what is refused.
  public static var settings: [Setting<Self, CodingKeys>] {
    [
      Setting(.steps, \.steps) { steps, key throws(InvalidSetting) in
        try requireSetting(
          steps != 0, key,
          "is 0; it must be at least 1; to learn no gates and search maps alone, write calibration: none"
        )
        try requireRange(steps, SettingRange.count, key)
      },
      Setting(.contextMin, \.contextMin, SettingRange.tokens),
      Setting(.contextMax, \.contextMax, SettingRange.tokens),
      Setting(.contextIntervals, \.contextIntervals, SettingRange.intervals),
      Setting(.learningRate, \.learningRate) { rate, key throws(InvalidSetting) in
        try requireSetting(rate > 0, key, "is \(rate); it must be above 0")
        try requireRange(rate, SettingRange.rate, key)
      },
      Setting(.regularization, \.regularization, SettingRange.weight),
      Setting(.sparsity, optional: \.sparsity, check: requireShare),
      Setting(.multiplierRate, \.multiplierRate, SettingRange.weight),
      Setting(.polarization, \.polarization, SettingRange.weight),
      Setting(.cohesion, \.cohesion, SettingRange.weight),
      Setting(.warmup, \.warmup, check: requireShare),
      Setting(.decay, \.decay, check: requireShare),
      Setting(.floor, \.floor, check: requireShare),
      Setting(.gates, \.gates),
      Setting(.deployment, optional: \.deployment),
      Setting(.retrieval, \.retrieval),
      Setting(.initialGate, \.initialGate, check: requireShare),
      Setting(.initialGates, optional: \.initialGates) { file, key throws(InvalidSetting) in
        try requireSetting(!file.isEmpty, key, "is empty; name a file")
      },
      Setting(.batch, \.batch, SettingRange.many),
      Setting(.samples, \.samples) { samples, key throws(InvalidSetting) in
        try requireSetting(
          samples >= 0, key, "is \(samples); it must be 1 or more, or 0 for no end of samples")
        try requireRange(samples, 0...SettingRange.count.upperBound, key)
      },
      Setting(.checkpointEvery, \.checkpointEvery, SettingRange.count),
    ]
  }

  /// Refuses values that do not go together.
  public func validateTogether() throws(InvalidSetting) {
    try requireSetting(
      contextMax >= contextMin, CodingKeys.contextMax,
      "is \(contextMax), below context_min (\(contextMin)); make it at least as long")
    try requireSetting(
      warmup + decay <= 1, CodingKeys.decay,
      "is \(decay), which with warmup \(warmup) covers more than all steps; their sum is at most 1")
  }
}
