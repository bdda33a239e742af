import Support

/// A task from a file: JSON Lines with a prompt, or its parts, and the right answers in each line.
///
/// Line i of the file is sample i. A prompt is made by a template and put to the model in a form of chats; the answer
/// is generated greedily, or read, and judged by the metrics.
public struct FileTask: SettingSection {
  /// The file, UTF-8, an object in each line.
  public var file = ""
  /// The names of its fields.
  public var format = Format.plain
  /// Names of fields that are not the format's.
  public var fields = FieldNames()
  /// The prompt, in which `{context}` and `{question}` stand for the fields; the format's if nil.
  public var prompt: String?
  /// The form of chats.
  public var chat = ChatForm.plain
  /// What stands before the prompt instead of the form's.
  public var prefix: String?
  /// What stands behind the prompt instead of the form's.
  public var suffix: String?
  /// How answers are judged, the first one first; the format's if empty.
  public var metrics: [AnswerMetric] = []
  /// Tokens of an answer that are generated at most, 1…2²⁴.
  public var maximumTokens = 64
  /// Texts that end an answer and are not part of it.
  public var stops: [String] = []
  /// Whether an answer is its first line that is not empty, as LongBench has it for short answers.
  public var firstLine = false
  /// What becomes of a sample that is too long; the format's if nil.
  public var truncation: Truncation?
  /// Lines at the beginning of the file that are left out.
  public var skip = 0

  /// Names of fields that are known.
  public enum Format: String, SettingChoice {
    /// `prompt` and `answer`.
    case plain
    /// LongBench's (arXiv 2308.14508): `context`, `input`, `answers`, `all_classes`.
    case longBench = "longbench"
    /// RULER's (arXiv 2404.06654): `input`, the whole prompt, and `outputs`.
    case ruler

    var fields: FieldNames {
      switch self {
      case .plain: FieldNames(question: "prompt", answers: "answer")
      case .longBench:
        FieldNames(
          context: "context", question: "input", answers: "answers", classes: "all_classes")
      case .ruler: FieldNames(question: "input", answers: "outputs")
      }
    }

    var prompt: String {
      switch self {
      case .plain, .ruler: "{question}"
      case .longBench:
        "Answer the question by the text below, with as few words as it takes.\n\n{context}\n\n"
          + "Question: {question}\nAnswer:"
      }
    }

    var metrics: [AnswerMetric] { self == .ruler ? [.containsAll] : [.f1] }

    var truncation: Truncation { self == .longBench ? .middle : .refuse }
  }

  /// What becomes of a sample of more tokens than its context.
  public enum Truncation: String, SettingChoice {
    /// It is an error.
    case refuse
    /// As many tokens as needed are taken out of the middle of the prompt, as LongBench does.
    case middle
  }

  /// The names of the fields of a line.
  public struct FieldNames: SettingSection {
    /// The field of the text that is asked about.
    public var context: String?
    /// The field of the question.
    public var question: String?
    /// The field of the right answer, or of a list of them.
    public var answers: String?
    /// The field of the list of classes that the answer is one of.
    public var classes: String?

    /// The format's names.
    public init() {}

    init(
      context: String? = nil, question: String?, answers: String?, classes: String? = nil
    ) {
      (self.context, self.question) = (context, question)
      (self.answers, self.classes) = (answers, classes)
    }

    /// The names of the settings in a file.
    public enum CodingKeys: String, SettingKey {
      case context
      case question
      case answers
      case classes
    }

    /// Every setting, with what is refused.
    public static var settings: [Setting<Self, CodingKeys>] {
      [
        Setting(.context, optional: \.context, check: requireText),
        Setting(.question, optional: \.question, check: requireText),
        Setting(.answers, optional: \.answers, check: requireText),
        Setting(.classes, optional: \.classes, check: requireText),
      ]
    }

    /// These names, and those of `format` where there is none.
    func over(_ format: FieldNames) -> FieldNames {
      FieldNames(
        context: context ?? format.context, question: question ?? format.question,
        answers: answers ?? format.answers, classes: classes ?? format.classes)
    }
  }

  /// A task of defaults, to be given a file.
  public init() {}

  /// A task from the file at `path`.
  public init(file path: String, format: Format = .plain) {
    file = path
    self.format = format
  }

  /// Reads a task whose settings stand among others, which are not looked at.
  package init(amongOthers decoder: any Decoder) throws {
    let given = try decoder.container(keyedBy: CodingKeys.self)
    for setting in Self.settings { try setting.read(&self, given) }
  }

  /// The names of the settings in a file.
  public enum CodingKeys: String, SettingKey {
    case file, format, fields, prompt, chat, prefix, suffix
    case metrics = "metric"
    case maximumTokens = "max_new_tokens"
    case stops = "stop"
    case firstLine = "first_line"
    case truncation, skip
  }

  /// Every setting, with what is refused.
  public static var settings: [Setting<Self, CodingKeys>] {
    [
      Setting(.file, \.file, check: requireText),
      Setting(.format, \.format),
      Setting(.fields, \.fields) { fields, key throws(InvalidSetting) in
        try within(key.rawValue, check: fields.validate)
      },
      Setting(.prompt, optional: \.prompt, check: requireTemplate),
      Setting(.chat, \.chat),
      Setting(.prefix, optional: \.prefix),
      Setting(.suffix, optional: \.suffix),
      Setting(.metrics, oneOrMore: \.metrics) { metrics, key throws(InvalidSetting) in
        try requireDistinct(metrics.map(\.rawValue), key)
      },
      Setting(.maximumTokens, \.maximumTokens, SettingRange.tokens),
      Setting(.stops, oneOrMore: \.stops) { stops, key throws(InvalidSetting) in
        try requireShort(stops, key)
        for stop in stops { try requireText(stop, key) }
      },
      Setting(.firstLine, \.firstLine),
      Setting(.truncation, optional: \.truncation),
      Setting(.skip, \.skip, 0...SettingRange.many.upperBound),
    ]
  }

  /// Refuses a task whose lines would have no question or no answer.
  public func validateTogether() throws(InvalidSetting) {
    let isForm = chat != .plain
    try requireSetting(
      !isForm || prefix == nil && suffix == nil, CodingKeys.chat,
      "is \(chat.rawValue), and there is a prefix or suffix of another form; keep one of them")
    try requireSetting(
      !judgedBy.contains(.classification) || names.classes != nil, CodingKeys.fields,
      "names no classes, among which metric classification looks for the right one")
    try requireSetting(
      !hasContext || names.context != nil, CodingKeys.fields,
      "names no context, which the prompt has in it")
  }

  static let contextMark = "{context}"
  static let questionMark = "{question}"

  private static func requireTemplate(
    _ template: String, _ key: CodingKeys
  ) throws(InvalidSetting) {
    let known = [contextMark, questionMark]
    try requireSetting(
      known.contains(where: template.contains), key,
      "is \(template.shown()); it must have {context} or {question} in it")
    for mark in known {
      try requireSetting(
        template.components(separatedBy: mark).count <= 2, key,
        "has \(mark) twice; keep one of them")
    }
    let other = template.matches(of: #/\{[a-z_]+\}/#).first { !known.contains(String($0.output)) }
    if let other {
      throw InvalidSetting(
        [key.stringValue],
        "has \(other.output) in it; only {context} and {question} stand for fields")
    }
  }

  /// The names of its fields.
  var names: FieldNames { fields.over(format.fields) }
  /// The prompt with its marks.
  var template: String { prompt ?? format.prompt }
  /// Whether a prompt has a context of its own, so that it is known where the question begins.
  package var hasContext: Bool { template.contains(Self.contextMark) }
  /// How answers are judged.
  package var judgedBy: [AnswerMetric] { metrics.isEmpty ? format.metrics : metrics }
  /// What becomes of a sample that is too long.
  package var truncates: Truncation { truncation ?? format.truncation }
}

/// Refuses an empty text.
private func requireText(_ text: String, _ key: some CodingKey) throws(InvalidSetting) {
  try requireSetting(!text.isEmpty, key, "is empty; give a text, or leave it out")
}
