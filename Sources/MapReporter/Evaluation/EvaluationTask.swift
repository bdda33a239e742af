import GateOptimizer

/// One task that maps are judged on: an entry of `evaluation.tasks`.
///
/// The wording is a `preset`, or a `task` of its own in the form of the run's calibration task.
public struct EvaluationTask: Codable, Sendable, Equatable {
  /// Names the task in tables and figures.
  public var name: String
  /// Tokens of a sample; nil takes `evaluation.context`.
  public var context: Int?
  /// The wording.
  public var task: PasskeyTask

  /// The wordings that have a name.
  public enum Preset: String, Codable, Sendable, CaseIterable {
    /// Four passkeys of eight words, other words and wording than calibration's.
    case heldOutWords = "held-out-words"
    /// One key of five digits.
    case fiveDigits = "five-digits"

    /// The wording itself.
    public var task: PasskeyTask {
      switch self {
      case .heldOutWords: .heldOutPasskeys
      case .fiveDigits: .fiveDigits
      }
    }
  }

  /// A task by name.
  public init(name: String, context: Int? = nil, task: PasskeyTask) {
    self.name = name
    self.context = context
    self.task = task
  }

  private enum CodingKeys: String, SettingKey {
    case name
    case context
    case preset
    case task
  }

  /// Reads a task; with neither `preset` nor `task` its wording is `held-out-words`.
  public init(from decoder: any Decoder) throws {
    let given = try decoder.strictContainer(keyedBy: CodingKeys.self)
    let preset = try given.decodeIfPresent(Preset.self, forKey: .preset)
    let own = try given.decodeIfPresent(PasskeyTask.self, forKey: .task)
    if preset != nil && own != nil {
      throw InvalidSetting(
        decoder.codingPath.map(settingName),
        "has both a preset and a task; keep one of them")
    }
    name = try given.decode(String.self, forKey: .name)
    context = try given.decodeIfPresent(Int.self, forKey: .context)
    task = own ?? (preset ?? .heldOutWords).task
  }

  /// Writes the wording itself, whether it came from a preset or not.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encodeIfPresent(context, forKey: .context)
    try container.encode(task, forKey: .task)
  }

  /// Refuses a task that no sample can be made of.
  ///
  /// - Throws: `InvalidSetting` for the first thing that is wrong.
  public func validate() throws(InvalidSetting) {
    try requireSetting(!name.isEmpty, CodingKeys.name, "is empty; give the task a name")
    if let context { try requireAtLeastOne(context, CodingKeys.context) }
    try settingProblem { () throws(GateOptimizerError) in
      try task.validate(at: CodingKeys.task.rawValue)
    }
  }
}
