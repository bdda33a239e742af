/// What can go wrong in the tool itself, outside the libraries.
enum ToolError: Error, CustomStringConvertible {
  /// Standard output is full or closed (74).
  case cannotPrint(reason: String)
  /// Options contradict each other or the files they name (64).
  case usage(String)
  /// A file does not hold what it should (65).
  case badData(String)
  /// Something that is needed is not there (66).
  case missing(String)
  /// The system gives less than any work needs (75).
  case limit(String)

  var exitCode: Int32 {
    switch self {
    case .cannotPrint: 74
    case .usage: 64
    case .badData: 65
    case .missing: 66
    case .limit: 75
    }
  }

  var description: String {
    switch self {
    case .cannotPrint(let reason): "cannot write the result to standard output: \(reason)"
    case .usage(let message), .badData(let message), .missing(let message), .limit(let message):
      message
    }
  }
}
