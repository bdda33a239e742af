import ModelLoader
import Support

/// What can go wrong between a model and its layer map, through a file, a config or an option.
public enum GateOptimizerError: ZigzagError, Equatable {
  /// A gate table is not a table of gates; `line` and `column` count from 1.
  case gateTable(file: String, line: Int?, column: Int?, expected: String, found: String)
  /// A file of retrieval scores is not one.
  case retrievalScores(file: String, expected: String, found: String)
  /// A file is not there or cannot be read.
  case unreadable(file: String, reason: String)
  /// A file is there and is none of the kind that was expected.
  case otherFile(file: String, what: String, found: String)
  /// A file cannot be written.
  case unwritable(file: String, reason: String)
  /// A text file is there but cannot serve as a haystack.
  case haystackText(file: String, expected: String, found: String)
  /// An option or config key holds an impossible value.
  case option(name: String, expected: String, found: String)
  /// The passkeys and their questions do not fit the context, counts in tokens.
  case contextTooShort(context: Int, needed: Int, passkeys: Int, length: Int)
  /// The gates do not suit the criterion asked for.
  case criterion(name: String, expected: String, found: String)
  /// The loss of a map on a sample of a search, counted from 0, is NaN or infinite.
  case mapLoss(sample: Int)

  /// What kind of thing went wrong.
  public var category: ErrorCategory {
    switch self {
    case .gateTable, .retrievalScores, .otherFile, .haystackText, .mapLoss: .badData
    case .unreadable: .missingInput
    case .unwritable: .cannotWrite
    case .option, .contextTooShort, .criterion: .usage
    }
  }

  /// What a file at `path` that cannot be read whole means; `what` names its kind.
  init(_ error: TextFileError, path: String, what: String) {
    switch error {
    case .missing, .unreadable: self = .unreadable(file: path, reason: error.reason)
    case .tooLarge(let limit):
      self = .otherFile(file: path, what: what, found: "larger than \(FileLimit.words(limit))")
    case .notUTF8(let line):
      self = .otherFile(file: path, what: what, found: "not UTF-8 text on line \(line)")
    case .otherKind(let name, let fix):
      self = .otherFile(file: path, what: what, found: "\(name) (\(fix))")
    }
  }

  /// One sentence: where, what was expected, what was found, what to do.
  public var description: String {
    switch self {
    case .gateTable(let file, let line, let column, let expected, let found):
      let place = [line.map { ", line \($0)" }, column.map { ", column \($0)" }]
      return
        "\(file)\(place.compactMap { $0 }.joined()): expected \(expected), found \(found.shown()); "
        + "a gate table has one line per layer and one tab-separated number per key-value head."
    case .retrievalScores(let file, let expected, let found):
      return "\(file): expected \(expected), found \(found.shown()); retrieval scores are a JSON "
        + "object from \"layer-head\" to that query head's scores."
    case .unreadable(let file, let reason):
      return "\(file): cannot be read (\(reason)); check the path and its permissions."
    case .otherFile(let file, let what, let found):
      return "\(file): this is no \(what): it is \(found); name another file."
    case .unwritable(let file, let reason):
      return "\(file): cannot be written (\(reason)); check the folder and the space on the disk."
    case .haystackText(let file, let expected, let found):
      return "\(file): expected \(expected), found \(found); name another text file as haystack."
    case .option(let name, let expected, let found):
      return "\(name): expected \(expected), found \(found.shown(limit: 300))."
    case .contextTooShort(let context, let needed, let passkeys, let length):
      return "A context of \(context) tokens is too short for \(passkeys) passkeys of length "
        + "\(length), which need up to \(needed) tokens with their questions: "
        + "ask for a longer context, fewer passkeys or shorter ones."
    case .criterion(let name, let expected, let found):
      return "Criterion \(name): expected \(expected), found \(found); choose another criterion."
    case .mapLoss(let sample):
      return "The loss of a map on sample \(sample) of the search is not a finite number; check "
        + "the weights with `zigzag inspect --check`."
    }
  }
}
