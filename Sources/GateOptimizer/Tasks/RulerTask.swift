/// RULER's synthetic tasks (arXiv 2404.06654), with its numbers and our own words.
public struct RulerTask: SettingSection {
  /// The tasks, each once; samples take them in turn.
  public var kinds = Kind.allCases
  /// Tokens of samples with the room for their answers, ascending; one length, the task's context, if empty.
  public var lengths: [Int] = []
  /// The form of chats.
  public var chat = ChatForm.plain

  /// The tasks by RULER's names.
  public enum Kind: String, SettingChoice {
    /// A number in a text that repeats five short sentences.
    case single1 = "niah_single_1"
    /// A number in prose.
    case single2 = "niah_single_2"
    /// A UUID in prose.
    case single3 = "niah_single_3"
    /// One of four numbers in prose.
    case multiKey1 = "niah_multikey_1"
    /// One number in a text of nothing but numbers.
    case multiKey2 = "niah_multikey_2"
    /// One UUID by another in a text of nothing but UUIDs.
    case multiKey3 = "niah_multikey_3"
    /// Four numbers of one name in prose.
    case multiValue = "niah_multivalue"
    /// The numbers of four names in prose.
    case multiQuery = "niah_multiquery"
    /// The five variables of a chain of assignments.
    case variables = "vt"
    /// The ten words that are more common than the others in a list.
    case commonWords = "cwe"
    /// The three most frequent words of a coded text.
    case frequentWords = "fwe"

    /// Tokens of an answer that are generated at most, as RULER has them.
    public var maximumTokens: Int {
      switch self {
      case .variables: 30
      case .commonWords: 120
      case .frequentWords: 50
      default: 128
      }
    }
  }

  /// All tasks at one length.
  public init() {}

  /// The names of the settings in a file.
  public enum CodingKeys: String, SettingKey {
    case kinds = "tasks"
    case lengths
    case chat
  }

  /// Every setting, with what is refused.
  public static var settings: [Setting<Self, CodingKeys>] {
    [
      Setting(.kinds, oneOrMore: \.kinds) { kinds, key throws(InvalidSetting) in
        try requireSetting(!kinds.isEmpty, key, "is empty; name at least one task of RULER")
        try requireDistinct(kinds.map(\.rawValue), key)
      },
      Setting(.lengths, oneOrMore: \.lengths) { lengths, key throws(InvalidSetting) in
        try requireShort(lengths, key)
        for length in lengths { try requireRange(length, SettingRange.tokens, key) }
        try requireSetting(
          lengths == Set(lengths).sorted(), key,
          "is \(lengths); give lengths in tokens, ascending, each once")
      },
      Setting(.chat, \.chat),
    ]
  }
}
