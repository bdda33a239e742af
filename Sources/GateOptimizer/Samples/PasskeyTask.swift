import Foundation

/// The wording of a multi-passkey sample.
///
/// A sample is `prologue`, a long text with one `needle` sentence per passkey at a random depth,
/// `epilogue`, and then for every passkey that is asked for its `question`, `answer_lead_in`, the passkey
/// and `separator`. The structure is DuoAttention's (arXiv 2410.10819, section 3.2); the wording is ours.
/// Several passkeys are told apart by `{ordinal}` or, with `keys`, by the name that `{key}` stands for.
/// In a config every key is optional and stands for ``init()``'s value.
public struct PasskeyTask: SettingSection {
  /// What a passkey is made of.
  public enum Kind: String, SettingChoice {
    /// Words of the alphabet with blanks between.
    case words
    /// Decimal digits with nothing between.
    case digits
  }

  /// What a passkey is made of.
  public var kind: Kind
  /// Passkeys of a sample, 1…1000.
  public var passkeys: Int
  /// Words or digits of a passkey, 1…1000.
  public var length: Int
  /// The words passkeys are drawn from; unused for digits.
  public var alphabet: [String]
  /// What passkeys are named by; empty where they are only numbered.
  public var keys: [String]
  /// Passkeys that are asked for, drawn anew for each sample; nil asks for all.
  public var questions: Int?
  /// What a sample begins with.
  public var prologue: String
  /// The sentence that tells a passkey: has ` {passkey}`, and what names it if there are several.
  public var needle: String
  /// What stands between the text and the questions.
  public var epilogue: String
  /// The question for a passkey: has what names it if there are several.
  public var question: String
  /// What stands between a question and the passkey; blanks at its end do not count.
  public var answerLeadIn: String
  /// What follows each answer.
  public var separator: String
  /// Shallowest and deepest place of a needle, as shares of the text in 0…1.
  public var depthRange: [Double]

  /// The keys of a config, all optional.
  public enum CodingKeys: String, CodingKey, CaseIterable {
    case kind, passkeys, length, alphabet, keys, questions
    case prologue, needle, epilogue, question, separator
    case answerLeadIn = "answer_lead_in"
    case depthRange = "depth_range"
  }

  /// Four passkeys of eight spoken-alphabet words.
  public init() {
    self = .wordPasskeys
  }

  /// A task with wording of its own.
  public init(
    kind: Kind, passkeys: Int, length: Int, alphabet: [String], keys: [String] = [],
    questions: Int? = nil, prologue: String, needle: String, epilogue: String, question: String,
    answerLeadIn: String, separator: String,
    depthRange: [Double] = [0.05, 0.95]
  ) {
    self.kind = kind
    self.passkeys = passkeys
    self.length = length
    self.alphabet = alphabet
    self.keys = keys
    self.questions = questions
    self.prologue = prologue
    self.needle = needle
    self.epilogue = epilogue
    self.question = question
    self.answerLeadIn = answerLeadIn
    self.separator = separator
    self.depthRange = depthRange
  }

  /// Every setting; ``validate(at:)`` refuses what no samples can be made of.
  public static var settings: [Setting<Self, CodingKeys>] {
    [
      Setting(.kind, \.kind),
      Setting(.passkeys, \.passkeys),
      Setting(.length, \.length),
      Setting(.alphabet, \.alphabet),
      Setting(.keys, \.keys),
      Setting(.questions, optional: \.questions),
      Setting(.prologue, \.prologue),
      Setting(.needle, \.needle),
      Setting(.epilogue, \.epilogue),
      Setting(.question, \.question),
      Setting(.answerLeadIn, \.answerLeadIn),
      Setting(.separator, \.separator),
      Setting(.depthRange, \.depthRange),
    ]
  }
}

extension PasskeyTask {
  /// Checks that samples can be made; `key` is the task's place in the config.
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` that names the key.
  public func validate(at key: String = "passkey") throws(GateOptimizerError) {
    for rule in sizeRules + alphabetRules + templateRules where !rule.holds {
      throw .option(
        name: "\(key).\(rule.key.rawValue)", expected: rule.expected, found: rule.found)
    }
  }

  private typealias Rule = (holds: Bool, key: CodingKeys, expected: String, found: String)

  private var sizeRules: [Rule] {
    let isRange = depthRange.count == 2 && depthRange[0] <= depthRange[1]
    let isInside = depthRange.allSatisfy { (0...1).contains($0) }
    return [
      ((1...1000).contains(passkeys), .passkeys, "1 to 1000 passkeys", "\(passkeys)"),
      ((1...1000).contains(length), .length, "1 to 1000 words or digits", "\(length)"),
      (
        (1...max(passkeys, 1)).contains(questionCount), .questions,
        "1 to \(passkeys), the passkeys there are", "\(questionCount)"
      ),
      (
        isRange && isInside, .depthRange, "two numbers in 0…1, the smaller first",
        "\(depthRange)"
      ),
    ]
  }

  private var alphabetRules: [Rule] {
    let distinct = Set(symbols).count
    let bad = symbols.first { $0.isEmpty || $0.contains(where: \.isWhitespace) }
    let names = Set(keys).subtracting([""]).count
    return [
      (
        distinct >= 2 && distinct == symbols.count, .alphabet,
        "at least two words, each once", "\(symbols.count), \(distinct) of them distinct"
      ),
      (bad == nil, .alphabet, "words without white space", "\"\(bad ?? "")\""),
      (
        keys.isEmpty || names == keys.count && names >= passkeys, .keys,
        "at least \(passkeys) names, each once", "\(keys.count), \(names) of them distinct"
      ),
      (
        pow(Double(distinct), Double(length)) >= Double(passkeys), .length,
        "enough words or digits to make \(passkeys) distinct passkeys", "\(length)"
      ),
    ]
  }

  private var templateRules: [Rule] {
    let (needleText, questionText) = ("\"\(needle)\"", "\"\(question)\"")
    let isOne = passkeys == 1
    let name = keys.isEmpty ? "{ordinal}" : "{key}"
    let named = "\(name), since there are \(passkeys) passkeys"
    let isQuestion = !(question + answerLeadIn).allSatisfy(\.isWhitespace)
    return [
      (
        needle.components(separatedBy: "{passkey}").count == 2, .needle,
        "{passkey} exactly once", needleText
      ),
      // The blank belongs to the passkey's tokens, which must be the same here and in the answer.
      (needle.contains(" {passkey}"), .needle, "a blank before {passkey}", needleText),
      (isOne || needle.contains(name), .needle, named, needleText),
      (isOne || question.contains(name), .question, named, questionText),
      (
        !keys.isEmpty || !(needle + question).contains("{key}"), .keys,
        "names for {key}", "none"
      ),
      (
        !(question + answerLeadIn).contains("{passkey}"), .question,
        "no {passkey}, which is the answer", questionText
      ),
      (isQuestion, .question, "a question", questionText),
    ]
  }

  /// Passkeys that are asked for.
  var questionCount: Int { questions ?? passkeys }

  /// What a passkey is drawn from: the alphabet, or the ten digits.
  var symbols: [String] {
    kind == .words ? alphabet : (0...9).map(String.init)
  }

  /// The text of a passkey as it stands in needle and answer, with the blank before it.
  func text(of value: some Sequence<String>) -> String {
    kind == .words ? value.map { " " + $0 }.joined() : " " + value.joined()
  }
}

extension PasskeyTask {
  /// The default: passkeys of spoken-alphabet words in a storybook, for learning gates.
  public static let wordPasskeys = PasskeyTask(
    kind: .words, passkeys: 4, length: 8,
    alphabet: [
      "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india",
      "juliet", "kilo", "lima", "mike", "november", "oscar", "papa", "quebec", "romeo",
      "sierra", "tango", "uniform", "victor", "whiskey", "xray", "yankee", "zulu",
    ],
    prologue: "Here is a long story from an old book: <book>",
    needle: " Keep this row of words in mind, it is the {ordinal} passkey to the vault: {passkey}.",
    epilogue: "</book>.\n\n",
    question: "According to the book above, what is the {ordinal} passkey to the vault?\n",
    answerLeadIn: "Passkey:",
    separator: "\n\n")

  /// Other words and other wording, for judging maps on what they were not learned on.
  public static let heldOutPasskeys = PasskeyTask(
    kind: .words, passkeys: 4, length: 8,
    alphabet: [
      "apple", "bridge", "candle", "desert", "engine", "forest", "garden", "hammer", "island",
      "jacket", "kitchen", "ladder", "mirror", "needle", "orange", "pencil", "queen", "river",
      "silver", "table", "umbrella", "village", "window", "yellow",
    ],
    prologue: "Below is a long report. Read all of it with care.\n",
    needle: " Note for later: the {ordinal} secret phrase of the safe reads: {passkey}.",
    epilogue: "\n\nThis is where the report ends.\n\n",
    question: "What does the {ordinal} secret phrase of the safe read?\n",
    answerLeadIn: "Secret phrase:",
    separator: "\n\n")

  /// Twelve phrases of six words, four of which are asked for, in the wording of ``heldOutPasskeys``.
  ///
  /// Three times as many phrases of the same words are easily taken for one another: harder for models that
  /// have the others right. Needles and questions take about 400 tokens of a sample.
  public static let manyWords: PasskeyTask = {
    var task = heldOutPasskeys
    (task.passkeys, task.length, task.questions) = (12, 6, 4)
    return task
  }()

  /// One key of five digits, the classic passkey test.
  public static let fiveDigits = PasskeyTask(
    kind: .digits, passkeys: 1, length: 5, alphabet: [],
    prologue:
      "A long text follows, and one important number is hidden in it. Remember the number.\n",
    needle: " The magic number is {passkey}.",
    epilogue: "\n\n",
    question: "What is the magic number hidden in the text?\n",
    answerLeadIn: "The magic number is",
    separator: ".\n")

  /// Key-value lookup: sixteen names, each with a number, four of which are asked for.
  public static let keyValuePairs = PasskeyTask(
    kind: .digits, passkeys: 16, length: 4, alphabet: [],
    keys: [
      "Alice", "Boris", "Clara", "Daniel", "Emma", "Felix", "Grace", "Henry", "Irene", "Jonas",
      "Karen", "Lucas", "Maria", "Nina", "Oliver", "Paula", "Quentin", "Rosa", "Simon", "Teresa",
      "Ursula", "Victor", "Wanda", "Yvonne",
    ],
    questions: 4,
    prologue: "Every guest of the house has a room number. The numbers are given in this text.\n",
    needle: " The room number of {key} is {passkey}.",
    epilogue: "\n\n",
    question: "What is the room number of {key}?\n",
    answerLeadIn: "The room number is",
    separator: ".\n")

  /// One phrase of six words, for a grid of depths and lengths.
  public static let needle = PasskeyTask(
    kind: .words, passkeys: 1, length: 6, alphabet: heldOutPasskeys.alphabet,
    prologue: "Read this long report and remember what the safe is opened with.\n",
    needle: " Note for later: the secret phrase of the safe reads: {passkey}.",
    epilogue: "\n\nThis is where the report ends.\n\n",
    question: "What does the secret phrase of the safe read?\n",
    answerLeadIn: "Secret phrase:",
    separator: "\n\n")

  /// "first", "second", … "twentieth", then "21st", "22nd", …; `number` counts from 1.
  static func ordinal(_ number: Int) -> String {
    let words = [
      "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
      "tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth",
      "seventeenth", "eighteenth", "nineteenth", "twentieth",
    ]
    if words.indices.contains(number - 1) { return words[number - 1] }
    let isTeen = (11...13).contains(number % 100)
    let ending = isTeen ? "th" : [1: "st", 2: "nd", 3: "rd"][number % 10] ?? "th"
    return "\(number)\(ending)"
  }
}
