import ModelLoader

/// What samples ask for: passkeys, a task of RULER, or what the lines of a file say.
public enum SampleTask: Codable, Sendable, Equatable {
  /// Passkeys hidden in a text.
  case passkeys(PasskeyTask)
  /// RULER's synthetic tasks.
  case ruler(RulerTask)
  /// The lines of a file.
  case file(FileTask)

  private enum Kind: String, CodingKey {
    case ruler
    case file
  }

  private enum RulerKeys: String, SettingKey {
    case ruler
  }

  /// Reads a task: one of a file has the key `file`, those of RULER stand under the key `ruler`.
  public init(from decoder: any Decoder) throws {
    let keys = try decoder.container(keyedBy: Kind.self)
    if keys.contains(.file) {
      self = .file(try FileTask(from: decoder))
    } else if keys.contains(.ruler) {
      self = .ruler(
        try decoder.strictContainer(keyedBy: RulerKeys.self).decode(RulerTask.self, forKey: .ruler))
    } else {
      self = .passkeys(try PasskeyTask(from: decoder))
    }
  }

  /// Writes the task in that form.
  public func encode(to encoder: any Encoder) throws {
    switch self {
    case .passkeys(let task): try task.encode(to: encoder)
    case .file(let task): try task.encode(to: encoder)
    case .ruler(let task):
      var container = encoder.container(keyedBy: Kind.self)
      try container.encode(task, forKey: .ruler)
    }
  }

  /// Refuses a task that no sample can be made of.
  ///
  /// - Throws: ``InvalidSetting`` with the place of the setting below the task.
  package func validate() throws(InvalidSetting) {
    switch self {
    case .passkeys(let task):
      try settingProblem { () throws(GateOptimizerError) in try task.validate(at: "") }
    case .ruler(let task): try within(Kind.ruler.rawValue, check: task.validate)
    case .file(let task): try task.validate()
    }
  }

  /// Refuses lengths of its own where samples have those of `setting`.
  package func requireNoLengths(_ setting: String) throws(InvalidSetting) {
    guard let ruler, !ruler.lengths.isEmpty else { return }
    throw InvalidSetting(
      [Kind.ruler.rawValue, RulerTask.CodingKeys.lengths.rawValue],
      "are those of an evaluation; here \(setting) says them: leave them out")
  }

  /// The file that its samples come from; nil for made ones.
  package var file: String? {
    if case .file(let task) = self { task.file } else { nil }
  }

  /// RULER's tasks; nil for others.
  package var ruler: RulerTask? {
    if case .ruler(let task) = self { task } else { nil }
  }

  /// Kinds of samples, which take turns.
  package var kinds: Int { ruler?.kinds.count ?? 1 }

  /// How answers are judged; all tokens of them first for passkeys.
  package var metrics: [AnswerMetric] {
    switch self {
    case .passkeys: [.tokens]
    case .ruler: [.containsAll]
    case .file(let task): task.judgedBy
    }
  }

  /// The form of chats.
  package var chat: ChatForm {
    switch self {
    case .passkeys: .plain
    case .ruler(let task): task.chat
    case .file(let task): task.chat
    }
  }

  /// Whether an answer is its first line.
  package var isOneLine: Bool {
    if case .file(let task) = self { task.firstLine } else { false }
  }

  /// Texts that end an answer.
  package var stops: [String] {
    if case .file(let task) = self { task.stops } else { [] }
  }
}

extension SampleTask {
  /// The source of its samples.
  ///
  /// - Parameters:
  ///   - haystack: The text that passkeys and needles are hidden in.
  ///   - purpose: Learning, searching or judging.
  ///   - lengths: Tokens that samples are drawn from, at least one length; the longest is what those of a file take at
  ///     most.
  ///   - seed: The seed of all samples.
  ///   - tokenizer: The model's.
  /// - Returns: The source.
  /// - Throws: As the samplers' own initializers.
  package func source(
    haystack: HaystackSource, purpose: PasskeySampler.Purpose, lengths: [Int], seed: UInt64,
    tokenizer: Tokenizer
  ) throws -> any SampleSource {
    switch self {
    case .passkeys(let task):
      try PasskeySampler(
        task: task, haystack: haystack, purpose: purpose, contextLengths: lengths, seed: seed,
        tokenizer: tokenizer)
    case .ruler(let task):
      try RulerSampler(
        task, haystack: haystack, purpose: purpose, lengths: lengths, seed: seed,
        tokenizer: tokenizer)
    case .file(let task):
      try FileSampler(
        task, longest: lengths.max() ?? 0, generates: purpose == .evaluation, tokenizer: tokenizer)
    }
  }
}
