/// How maps are searched on the loss itself: the `search` section of a run configuration.
public struct SearchSettings: Codable, Sendable, Equatable {
  /// What is searched; nothing if empty.
  public var units: [MapUnit] = [.layers]
  /// Calibration samples a map is judged on, 1…100,000.
  public var samples = 8
  /// What samples ask for, in turn; the task that gates are learned on if empty.
  public var tasks: [PasskeyTask] = []
  /// Tokens of samples, in turn, each 1…2²⁴; the longest of the calibration's if empty.
  public var contexts: [Int] = []
  /// How far a map is from full attention.
  public var loss = MapLoss.divergence
  /// Where in a sample it is judged.
  public var rows = MapLossRows.firstTokens
  /// Units tried for each one that is removed, the most promising first, 1…10⁶.
  public var shortlist = 6
  /// Sets of each size that are gone on from, 1…10⁶; 1 is greedy removal.
  public var beam = 1
  /// Sparsities at which swaps are tried, each in [0, 1]; the ranking's if nil.
  public var sparsities: [Double]?
  /// Rounds of swaps at each of them, at most 10⁶; 0 tries none.
  public var swapRounds = 2
  /// Returns and swaps tried in a round, the most promising first, 1…10⁶.
  public var swapTrials = 6

  /// The defaults.
  public init() {}

  /// The names of the settings in a file.
  public enum CodingKeys: String, SettingKey {
    case units
    case samples
    case tasks
    case contexts = "context"
    case loss
    case rows
    case shortlist
    case beam
    case sparsities
    case swapRounds = "swap_rounds"
    case swapTrials = "swap_trials"
  }

  /// Reads the settings that are given and keeps the defaults of the others.
  public init(from decoder: any Decoder) throws {
    let given = try decoder.strictContainer(keyedBy: CodingKeys.self)
    units = try given.value(.units, default: units)
    samples = try given.value(.samples, default: samples)
    tasks = try given.value(.tasks, default: tasks)
    contexts = try given.oneOrMore(.contexts)
    loss = try given.value(.loss, default: loss)
    rows = try given.value(.rows, default: rows)
    shortlist = try given.value(.shortlist, default: shortlist)
    beam = try given.value(.beam, default: beam)
    sparsities = try given.decodeIfPresent([Double].self, forKey: .sparsities)
    swapRounds = try given.value(.swapRounds, default: swapRounds)
    swapTrials = try given.value(.swapTrials, default: swapTrials)
  }

  /// Refuses values that no search can run with.
  ///
  /// - Throws: ``InvalidSetting`` for the first of them, in the order of the keys.
  public func validate() throws(InvalidSetting) {
    typealias Key = CodingKeys
    try requireSetting(
      Set(units).count == units.count, Key.units, "names one thing twice; name each once")
    try requireRange(samples, SettingRange.intervals, Key.samples)
    try requireRange(tasks.count, 0...SettingRange.entries, Key.tasks)
    try requireRange(contexts.count, 0...SettingRange.entries, Key.contexts)
    for context in contexts { try requireRange(context, SettingRange.tokens, Key.contexts) }
    try requireRange(shortlist, SettingRange.many, Key.shortlist)
    try requireRange(beam, SettingRange.many, Key.beam)
    if let sparsities { try requireSparsities(sparsities, Key.sparsities) }
    try requireRange(swapRounds, 0...SettingRange.many.upperBound, Key.swapRounds)
    try requireRange(swapTrials, SettingRange.many, Key.swapTrials)
  }
}

/// How far a map is from full attention at one position of a sample.
public enum MapLoss: String, SettingChoice {
  /// KL divergence from full attention's distribution of the next token, in nats.
  case divergence = "kl"
  /// Mean squared difference of the final hidden states, what gates are learned with.
  case hidden
  /// The squared difference of the final hidden states as a share of the teacher's square.
  case relative
  /// −log of the probability of the true next token, in nats; needs no teacher.
  case likelihood = "nll"
}

/// The positions of a sample that a map is judged at.
public enum MapLossRows: String, SettingChoice {
  /// Those that predict a token of an answer.
  case answers
  /// Those that predict the first token of a word or digit of an answer.
  case firstTokens = "first-tokens"
  /// Those that predict any token of the questions and answers.
  case labels
}
