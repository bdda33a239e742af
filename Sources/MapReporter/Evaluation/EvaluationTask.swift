import GateOptimizer

/// One task that maps are judged on: an entry of `evaluation.tasks`.
///
/// It asks for passkeys, in the wording of a `preset` or of a `task` in the form of the run's
/// calibration task; or it judges the prediction of running text (`prose`).
public struct EvaluationTask: Codable, Sendable, Equatable {
  /// Names the task in tables and figures.
  public var name: String
  /// Tokens of a sample; nil takes `evaluation.context`.
  public var context: Int?
  /// Samples, for each cell of a grid; nil takes `evaluation.samples`.
  public var samples: Int?
  /// Sparsities that are measured, beside both ends; nil takes those of the evaluation.
  public var sparsities: [Double]?
  /// Criteria whose maps are measured; nil takes those of the evaluation.
  public var criteria: [Criterion]?
  /// What is asked.
  public var content: Content
  /// Whether answers are decoded token by token through the KV cache as well.
  public var decodes = false
  /// Depths and lengths at which it is asked; nil for the task's own.
  public var grid: NeedleGrid?

  /// What a task asks of the model.
  public enum Content: Sendable, Equatable {
    /// Passkeys hidden in a text.
    case passkeys(PasskeyTask)
    /// The next tokens of running text.
    case prose(ProseSettings)
  }

  /// The wordings that have a name.
  public enum Preset: String, SettingChoice {
    /// Four passkeys of eight words, other words and wording than calibration's.
    case heldOutWords = "held-out-words"
    /// One key of five digits.
    case fiveDigits = "five-digits"
    /// Sixteen names with numbers, four of which are asked for.
    case keyValue = "key-value"
    /// One phrase of six words, for grids.
    case needle

    /// The wording itself.
    public var task: PasskeyTask {
      switch self {
      case .heldOutWords: .heldOutPasskeys
      case .fiveDigits: .fiveDigits
      case .keyValue: .keyValuePairs
      case .needle: .needle
      }
    }
  }

  /// A passkey task by name.
  public init(name: String, context: Int? = nil, task: PasskeyTask) {
    self.init(name: name, context: context, content: .passkeys(task))
  }

  /// A task by name.
  public init(name: String, context: Int? = nil, content: Content) {
    self.name = name
    self.context = context
    self.content = content
  }

  package enum CodingKeys: String, SettingKey {
    case name, context, samples, sparsities, criteria, preset, task, decode, grid, prose
  }

  /// Reads a task; with none of `preset`, `task` and `prose` its wording is `held-out-words`.
  public init(from decoder: any Decoder) throws {
    let given = try decoder.strictContainer(keyedBy: CodingKeys.self)
    let preset = try given.decodeIfPresent(Preset.self, forKey: .preset)
    let own = try given.decodeIfPresent(PasskeyTask.self, forKey: .task)
    let prose = try given.decodeIfPresent(ProseSettings.self, forKey: .prose)
    let place = decoder.codingPath.map(settingName)
    if preset != nil && own != nil {
      throw InvalidSetting(place, "has both a preset and a task; keep one of them")
    }
    name = try given.decode(String.self, forKey: .name)
    context = try given.decodeIfPresent(Int.self, forKey: .context)
    samples = try given.decodeIfPresent(Int.self, forKey: .samples)
    sparsities = try given.decodeIfPresent([Double].self, forKey: .sparsities)
    criteria = try given.decodeIfPresent([Criterion].self, forKey: .criteria)
    decodes = try given.value(.decode, default: false)
    grid = try given.decodeIfPresent(NeedleGrid.self, forKey: .grid)
    content =
      prose.map(Content.prose) ?? .passkeys(own ?? (preset ?? .heldOutWords).task)
    if prose != nil && (preset != nil || own != nil || decodes || grid != nil) {
      throw InvalidSetting(
        place, "judges prose, which has no preset, task, decode or grid; leave them out")
    }
  }

  /// Writes the wording itself, whether it came from a preset or not.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encodeIfPresent(context, forKey: .context)
    try container.encodeIfPresent(samples, forKey: .samples)
    try container.encodeIfPresent(sparsities, forKey: .sparsities)
    try container.encodeIfPresent(criteria, forKey: .criteria)
    switch content {
    case .passkeys(let task): try container.encode(task, forKey: .task)
    case .prose(let prose): try container.encode(prose, forKey: .prose)
    }
    if decodes { try container.encode(true, forKey: .decode) }
    try container.encodeIfPresent(grid, forKey: .grid)
  }

  /// The metric the task is judged by first.
  public var primaryMetric: CurveMetric {
    if case .prose = content { return .divergence }
    return .tokens
  }
}
