import Support

/// Why a `tokenizer.json`, or the tokenizer metadata of a GGUF file, cannot be used.
///
/// Places are paths inside the file, such as `model.merges[17]`; the caller knows the file's name.
public enum TokenizerError: ZigzagError, Equatable {
  /// The bytes are not JSON; `line` counts from 1.
  case invalidJSON(line: Int, byteOffset: Int, problem: String)
  /// An object has a key twice; `line` counts from 1.
  case keyTwice(line: Int, problem: String)
  /// A key is missing, or its value has another type or range than the format asks for.
  case wrongShape(place: String, expected: String, found: String)
  /// A part of the tokenizer is well-formed but not one that is implemented here.
  case unsupported(place: String, found: String, supported: String)
  /// Two parts of the file contradict each other.
  case inconsistent(place: String, problem: String)

  /// Always ``ErrorCategory/badData``: the file is there but not what it should be.
  public var category: ErrorCategory { .badData }

  /// One sentence: the place, what was expected, what was found, what to do.
  public var description: String {
    switch self {
    case .invalidJSON(let line, let byteOffset, let problem):
      "The tokenizer is not valid JSON: \(problem) on line \(line), at byte \(byteOffset); "
        + "give the tokenizer.json that came with the model."
    case .keyTwice(let line, let problem):
      "The tokenizer's line \(line): \(problem); keep one of them."
    case .wrongShape(let place, let expected, let found):
      "The tokenizer's \(place.shown()) should be \(expected) but is \(found.shown()); "
        + "give the tokenizer.json that came with the model."
    case .unsupported(let place, let found, let supported):
      "The tokenizer's \(place.shown()) is \(found.shown()), which is not supported; "
        + "supported: \(supported)."
    case .inconsistent(let place, let problem):
      "The tokenizer's \(place.shown()) does not fit the rest of it: \(problem.shown(limit: 300)); "
        + "give the tokenizer.json that came with the model."
    }
  }
}
