import ModelLoader
import Support

/// What can go wrong between a model and its layer map, through a config or an option; what is wrong with a
/// file is a `FileError`.
public enum GateOptimizerError: ZigzagError, Equatable {
  /// An option or config key holds an impossible value.
  case option(name: String, expected: String, found: String)
  /// The passkeys and their questions do not fit the context, counts in tokens.
  case contextTooShort(context: Int, needed: Int, passkeys: Int, length: Int)
  /// A sample of a task of RULER does not fit the context, counts in tokens.
  case textTooShort(task: String, context: Int, needed: Int)
  /// The gates do not suit the criterion asked for.
  case criterion(name: String, expected: String, found: String)
  /// The loss of a map on a sample of a search, counted from 0, is NaN or infinite.
  case mapLoss(sample: Int)
  /// The scores of heads by a method are no finite numbers.
  case headScores(method: String)
  /// No sample is answered, so that no head can be scored; `best` is the largest share of an answer's words.
  case unanswered(samples: Int, recall: Double, best: Double)

  /// What kind of thing went wrong.
  public var category: ErrorCategory {
    switch self {
    case .mapLoss, .headScores, .unanswered: .badData
    case .option, .contextTooShort, .textTooShort, .criterion: .usage
    }
  }

  /// One sentence: where, what was expected, what was found, what to do.
  public var description: String {
    switch self {
    case .option(let name, let expected, let found):
      return "\(name): expected \(expected), found \(found.shown(limit: 300))."
    case .contextTooShort(let context, let needed, let passkeys, let length):
      return "A context of \(context) tokens is too short for \(passkeys) passkeys of length "
        + "\(length), which need up to \(needed) tokens with their questions: "
        + "ask for a longer context, fewer passkeys or shorter ones."
    case .textTooShort(let task, let context, let needed):
      return
        "A context of \(context) tokens is too short for \(task), which needs \(needed): ask for a longer "
        + "context, or leave the task out."
    case .criterion(let name, let expected, let found):
      return "Criterion \(name): expected \(expected), found \(found); choose another criterion."
    case .mapLoss(let sample):
      return "The loss of a map on sample \(sample) of the search is not a finite number; check "
        + "the weights with `zigzag inspect --check`."
    case .headScores(let method):
      return "The scores of heads by \(method) are not finite numbers; check the weights with "
        + "`zigzag inspect --check`."
    case .unanswered(let samples, let recall, let best):
      return
        "retrieval-head: 0 of \(samples) samples are answered (more than \(recall) of the answer's words; the best had "
        + "\((best * 100).rounded() / 100)), so that no head can be scored; give easier samples, or the wording that the "
        + "model was made for."
    }
  }
}
