import GateOptimizer

/// One task that maps are judged on: an entry of `evaluation.tasks`.
///
/// It asks for passkeys, in the wording of a `preset` or of a `task` in the form of the run's
/// calibration task; for what RULER's tasks ask (`ruler`) or the lines of a file (`file`); or it judges the prediction of
/// running text (`prose`).
package struct EvaluationTask: Codable, Sendable, Equatable {
  /// Names the task in tables and figures.
  package var name: String
  /// Tokens of a sample; nil takes `evaluation.context`.
  package var context: Int?
  /// Samples, for each cell of a grid; nil takes `evaluation.samples`.
  package var samples: Int?
  /// Sparsities that are measured, beside both ends; nil takes those of the evaluation.
  package var sparsities: [Double]?
  /// Criteria whose maps are measured; nil takes those of the evaluation.
  package var criteria: [Criterion]?
  /// What is asked.
  package var content: Content
  /// Whether answers are decoded token by token through the KV cache as well.
  package var decodes = false
  /// Depths and lengths at which it is asked; nil for the task's own.
  package var grid: NeedleGrid?

  /// What a task asks of the model.
  package enum Content: Sendable, Equatable {
    /// Answers: passkeys, RULER's, or those of a file.
    case answers(SampleTask)
    /// The next tokens of running text.
    case prose(ProseSettings)
  }

  /// The wordings that have a name.
  package enum Preset: String, SettingChoice {
    /// Four passkeys of eight words, other words and wording than calibration's.
    case heldOutWords = "held-out-words"
    /// Twelve phrases of six words, four of which are asked for: for models that have all of the others right.
    case manyWords = "many-words"
    /// One key of five digits.
    case fiveDigits = "five-digits"
    /// Sixteen names with numbers, four of which are asked for.
    case keyValue = "key-value"
    /// One phrase of six words, for grids.
    case needle

    /// The wording itself.
    package var task: PasskeyTask {
      switch self {
      case .heldOutWords: .heldOutPasskeys
      case .manyWords: .manyWords
      case .fiveDigits: .fiveDigits
      case .keyValue: .keyValuePairs
      case .needle: .needle
      }
    }
  }

  /// A passkey task by name.
  package init(name: String, context: Int? = nil, task: PasskeyTask) {
    self.init(name: name, context: context, content: .answers(.passkeys(task)))
  }

  /// A task by name.
  package init(name: String, context: Int? = nil, content: Content) {
    self.name = name
    self.context = context
    self.content = content
  }

  package enum CodingKeys: String, SettingKey {
    case name, context, samples, sparsities, criteria, preset, task, decode, grid, prose, ruler
    // Those of a task from a file.
    case file, format, fields, prompt, chat, prefix, suffix, metric, stop, truncation, skip
    case maximumTokens = "max_new_tokens"
    case firstLine = "first_line"

    /// Whether it is a setting of a task from a file.
    var isOfFile: Bool { FileTask.CodingKeys(stringValue: stringValue) != nil }
  }

  /// Reads a task; with none of `preset`, `task`, `ruler`, `file` and `prose` its wording is `held-out-words`.
  package init(from decoder: any Decoder) throws {
    let given = try decoder.strictContainer(keyedBy: CodingKeys.self)
    let place = decoder.codingPath.map(settingName)
    name = try given.decode(String.self, forKey: .name)
    context = try given.decodeIfPresent(Int.self, forKey: .context)
    samples = try given.decodeIfPresent(Int.self, forKey: .samples)
    sparsities = try given.decodeIfPresent([Double].self, forKey: .sparsities)
    criteria = try given.decodeIfPresent([Criterion].self, forKey: .criteria)
    decodes = try given.value(.decode, default: false)
    grid = try given.decodeIfPresent(NeedleGrid.self, forKey: .grid)
    let kinds = [CodingKeys.preset, .task, .ruler, .file, .prose].filter {
      given.contains($0) && (try? given.decodeNil(forKey: $0)) == false
    }
    if kinds.contains(.prose) && (kinds.count > 1 || decodes || grid != nil) {
      throw InvalidSetting(
        place, "judges prose, which has no preset, task, decode or grid; leave them out")
    }
    if kinds.count > 1 {
      throw InvalidSetting(
        place, "has both a \(kinds[0].stringValue) and a \(kinds[1].stringValue); keep one of them")
    }
    switch kinds.first {
    case .prose: content = .prose(try given.decode(ProseSettings.self, forKey: .prose))
    case .ruler: content = .answers(.ruler(try given.decode(RulerTask.self, forKey: .ruler)))
    case .file: content = .answers(.file(try FileTask(amongOthers: decoder)))
    case .task:
      let task = try given.decode(SampleTask.self, forKey: .task)
      do {
        try task.validate()
      } catch {
        throw InvalidSetting(place + [CodingKeys.task.rawValue] + error.path, error.problem)
      }
      content = .answers(task)
    default:
      let preset = try given.decodeIfPresent(Preset.self, forKey: .preset)
      content = .answers(.passkeys((preset ?? .heldOutWords).task))
    }
    if case .answers(.passkeys) = content {
    } else {
      let what = kinds.first?.stringValue ?? ""
      if decodes || grid != nil {
        throw InvalidSetting(
          place, "has \(what), which has no decode or grid; leave them out")
      }
    }
    let other = given.allKeys.first { $0.isOfFile }
    if let other, kinds.first != .file {
      throw InvalidSetting(
        place + [other.stringValue], "goes with a file; name it with file, or leave this out")
    }
  }

  /// Writes the wording itself, whether it came from a preset or not.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encodeIfPresent(context, forKey: .context)
    try container.encodeIfPresent(samples, forKey: .samples)
    try container.encodeIfPresent(sparsities, forKey: .sparsities)
    try container.encodeIfPresent(criteria, forKey: .criteria)
    switch content {
    case .answers(.file(let task)): try task.encode(to: encoder)
    case .answers(.ruler(let task)): try container.encode(task, forKey: .ruler)
    case .answers(let task): try container.encode(task, forKey: .task)
    case .prose(let prose): try container.encode(prose, forKey: .prose)
    }
    if decodes { try container.encode(true, forKey: .decode) }
    try container.encodeIfPresent(grid, forKey: .grid)
  }

  /// What is asked for; nil for running text, which has no answers.
  package var answers: SampleTask? {
    if case .answers(let task) = content { task } else { nil }
  }

  /// The metric the task is judged by first.
  package var primaryMetric: CurveMetric {
    switch content {
    case .prose: .divergence
    case .answers(let task): task.metrics.first.map(CurveMetric.init) ?? .tokens
    }
  }

  /// Whether answers are decoded token by token.
  package var generates: Bool {
    answers.map { decodes || $0.metrics.contains(where: \.judgesText) } ?? false
  }

  /// The tasks and lengths that samples take in turn; empty for tasks of one kind.
  package var rulerCells: [RulerCell] {
    guard let task = answers?.ruler else { return [] }
    let lengths = task.lengths.isEmpty ? [nil] : task.lengths.map { Optional($0) }
    return lengths.flatMap { length in task.kinds.map { RulerCell(kind: $0, length: length) } }
  }
}

extension EvaluationTask {
  /// Refuses a task that no sample can be made of.
  ///
  /// - Throws: `InvalidSetting` for the first thing that is wrong.
  package func validate() throws(InvalidSetting) {
    try requireName(name, CodingKeys.name)
    if let context { try requireRange(context, SettingRange.tokens, CodingKeys.context) }
    if let samples { try requireRange(samples, SettingRange.many, CodingKeys.samples) }
    if let sparsities { try requireSparsities(sparsities, CodingKeys.sparsities) }
    if let criteria { try requireCriteria(criteria, CodingKeys.criteria) }
    switch content {
    case .answers(.passkeys(let task)):
      try settingProblem { () throws(GateOptimizerError) in
        try task.validate(at: CodingKeys.task.rawValue)
      }
    case .answers(let task): try task.validate()
    case .prose(let prose): try within(CodingKeys.prose.rawValue, check: prose.validate)
    }
    if let ruler = answers?.ruler, !ruler.lengths.isEmpty {
      try requireSetting(
        context == nil, CodingKeys.context,
        "is given beside ruler.lengths, which say it; keep one")
    }
    if let grid {
      try within(CodingKeys.grid.rawValue, check: grid.validate)
      try requireSetting(
        context == nil, CodingKeys.context, "is given beside a grid, whose lengths say it; keep one"
      )
    }
  }
}

/// Refuses a list of criteria that has one twice, however its weight is written.
package func requireCriteria(_ criteria: [Criterion], _ key: some CodingKey) throws(InvalidSetting)
{
  try requireShort(criteria, key)
  try requireDistinct(criteria, key)
}

/// Refuses names that tables and files cannot hold as they are.
///
/// A character that joins what stands beside it, such as a combining mark at the beginning, would change
/// the comma or the colon before the name.
package func requireName(_ name: String, _ key: some CodingKey) throws(InvalidSetting) {
  try requireSetting(
    !name.allSatisfy(\.isWhitespace), key,
    name.isEmpty ? "is empty; give a name" : "is blank; give a name")
  let bytes = name.utf8.count
  try requireSetting(
    SettingRange.nameBytes.contains(bytes), key,
    "has \(bytes) bytes; it becomes a part of file names, so give a name of at most "
      + "\(SettingRange.nameBytes.upperBound)")
  let framed = ":\(name):"
  try requireSetting(
    framed.first == ":" && framed.last == ":", key,
    "is \"\(name)\", which begins or ends with a character that joins its neighbour; begin and end "
      + "it with a letter or a digit")
}

/// How running text is judged: the `prose` of an evaluation task.
///
/// The text is that of `haystack.evaluation`. Perplexity and KL divergence to full attention are taken
/// over positions `every`, 2·`every`, … and told apart by `bins` equal parts of the passage.
package struct ProseSettings: SettingSection {
  /// One of how many positions is judged, 1…2²⁴.
  package var every = 4
  /// Parts of a passage that are told apart, 1…1,000.
  package var bins = 8

  /// The defaults.
  package init() {}

  /// The names of the settings in a file.
  package enum CodingKeys: String, SettingKey {
    case every
    case bins
  }

  /// Every setting, with what is refused.
  package static var settings: [Setting<Self, CodingKeys>] {
    [
      Setting(.every, \.every, SettingRange.tokens),
      Setting(.bins, \.bins) { bins, key throws(InvalidSetting) in
        try requireSetting(
          (1...1000).contains(bins), key, "is \(bins); it must lie between 1 and 1000")
      },
    ]
  }

  /// Positions of a passage of `context` tokens whose next token is judged.
  package func positions(in context: Int) -> [Int] {
    Array(stride(from: every - 1, to: context - 1, by: every))
  }

  /// The part that a position lies in, from 0.
  package func bin(of position: Int, in context: Int) -> Int { position * bins / context }

  /// The positions of a part.
  package func span(of bin: Int, in context: Int) -> Range<Int> {
    let start = (bin * context + bins - 1) / bins
    return start..<max(start, ((bin + 1) * context + bins - 1) / bins)
  }
}

/// A task of RULER at one length: the samples of an evaluation take the cells in turn.
package struct RulerCell: Sendable, Hashable {
  /// The task.
  package let kind: RulerTask.Kind
  /// Tokens of a sample; nil for the task's context.
  package let length: Int?
}

/// Depths and lengths at which a task is tried: the `grid` of an evaluation task.
///
/// Sample i of the task belongs to cell i mod (lengths × depths), so that every prefix of the samples
/// covers the cells as evenly as can be.
package struct NeedleGrid: Codable, Sendable, Equatable {
  /// Lengths of the samples in tokens, ascending.
  package var lengths: [Int]
  /// Depths of the needles as shares of the text, 0…1, ascending.
  package var depths: [Double]

  /// A place of the grid.
  package struct Cell: Sendable, Hashable {
    /// Tokens of the sample.
    package let length: Int
    /// Depth of the needle, 0…1.
    package let depth: Double
  }

  /// A grid of lengths and depths.
  package init(lengths: [Int], depths: [Double]) {
    self.lengths = lengths
    self.depths = depths
  }

  private enum CodingKeys: String, SettingKey {
    case lengths
    case depths
  }

  /// Reads a grid; without depths there are five from 0 to 1.
  package init(from decoder: any Decoder) throws {
    let given = try decoder.strictContainer(keyedBy: CodingKeys.self)
    lengths = try given.decode([Int].self, forKey: .lengths)
    depths = try given.value(.depths, default: [0, 0.25, 0.5, 0.75, 1])
  }

  /// All cells, length by length.
  package var cells: [Cell] {
    lengths.flatMap { length in depths.map { Cell(length: length, depth: $0) } }
  }

  /// The cell of a sample.
  package func cell(of sample: Int) -> Cell { cells[sample % cells.count] }

  /// Refuses a grid without cells.
  ///
  /// - Throws: `InvalidSetting` for the first thing that is wrong.
  func validate() throws(InvalidSetting) {
    try requireShort(lengths, CodingKeys.lengths)
    try requireShort(depths, CodingKeys.depths)
    for length in lengths { try requireRange(length, SettingRange.tokens, CodingKeys.lengths) }
    try requireSetting(
      !lengths.isEmpty && lengths.allSatisfy { $0 > 0 } && lengths == Set(lengths).sorted(),
      CodingKeys.lengths, "is \(lengths); give lengths in tokens, ascending, each once")
    try requireSetting(
      !depths.isEmpty && depths.allSatisfy { (0...1).contains($0) }
        && depths == Set(depths).sorted(),
      CodingKeys.depths, "is \(depths); give depths from 0 to 1, ascending, each once")
    try requireDistinct(depths, CodingKeys.depths) { "\(Int(($0 * 1e6).rounded()))" }
  }
}
