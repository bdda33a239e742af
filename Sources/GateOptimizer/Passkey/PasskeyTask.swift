/// The wording of a multi-passkey sample.
///
/// A sample is `prologue`, a long text with one `needle` sentence per passkey at a random depth,
/// `epilogue`, and then for every passkey that is asked for its `question`, `answer_lead_in`, the passkey
/// and `separator`. The structure is DuoAttention's (arXiv 2410.10819, section 3.2); the wording is ours.
/// Several passkeys are told apart by `{ordinal}` or, with `keys`, by the name that `{key}` stands for.
/// In a config every key is optional and stands for ``init()``'s value.
public struct PasskeyTask: Codable, Sendable, Equatable {
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

  /// Decodes a task; missing keys take ``init()``'s values.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.strictContainer(keyedBy: CodingKeys.self)
    func value<T: Decodable>(_ key: CodingKeys, _ path: KeyPath<PasskeyTask, T>) throws -> T {
      try values.decodeIfPresent(T.self, forKey: key) ?? PasskeyTask.wordPasskeys[keyPath: path]
    }
    kind = try value(.kind, \.kind)
    passkeys = try value(.passkeys, \.passkeys)
    length = try value(.length, \.length)
    alphabet = try value(.alphabet, \.alphabet)
    keys = try value(.keys, \.keys)
    questions = try values.decodeIfPresent(Int.self, forKey: .questions)
    prologue = try value(.prologue, \.prologue)
    needle = try value(.needle, \.needle)
    epilogue = try value(.epilogue, \.epilogue)
    question = try value(.question, \.question)
    answerLeadIn = try value(.answerLeadIn, \.answerLeadIn)
    separator = try value(.separator, \.separator)
    depthRange = try value(.depthRange, \.depthRange)
  }
}
