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

  /// Always `ErrorCategory.badData`: the file is there but not what it should be.
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

extension TokenizerError {
  /// What is wrong, a clause without a file and without advice: the place inside the tokenizer, what was
  /// expected and what was found.
  package var problem: String {
    switch self {
    case .invalidJSON(let line, let byteOffset, let problem):
      "it is not valid JSON: \(problem) on line \(line), at byte \(byteOffset)"
    case .keyTwice(let line, let problem):
      "line \(line): \(problem)"
    case .wrongShape(let place, let expected, let found):
      "\(place.shown()) should be \(expected) but is \(found.shown())"
    case .unsupported(let place, let found, let supported):
      "\(place.shown()) is \(found.shown()), which is not supported (supported: \(supported))"
    case .inconsistent(let place, let problem):
      "\(place.shown()) does not fit the rest: \(problem.shown(limit: 300))"
    }
  }

  /// Whether the bytes are no JSON at all, so that keeping them would help nobody.
  package var isDamage: Bool {
    if case .invalidJSON = self { true } else { false }
  }

  /// Whether the tokenizer is sound and of a kind that is not implemented.
  package var isUnsupported: Bool {
    if case .unsupported = self { true } else { false }
  }
}

/// What a tokenizer.json may ask for, so that a short file cannot make much of a short text.
///
/// Published tokenizers stay far below: their longest token has 256 bytes, their text grows three times (a
/// space becomes "▁"), and one or two tokens stand around it.
enum TokenizerLimits {
  /// How many times longer the parts that rewrite text may make it.
  static let growth = 64
  /// Parts of a normalizer, a pre-tokenizer, a decoder or a post-processor.
  static let parts = 64
  /// Bytes of an added token, or of the token for what is unknown.
  static let specialTokenBytes = 1024
  /// Bytes of any token.
  static let tokenBytes = 4096
  /// Tokens that a template puts around a text.
  static let templateTokens = 64

  /// Refuses more parts than ``parts``.
  static func check(parts count: Int, at node: JSONNode) throws(TokenizerError) {
    guard count <= parts else {
      throw .unsupported(
        place: node.path, found: "a chain of more than \(parts) parts",
        supported: "at most \(parts) parts")
    }
  }

  /// Refuses to make a text of n bytes longer than n times ``growth``.
  static func check(growth found: Double, at node: JSONNode) throws(TokenizerError) {
    guard found <= Double(growth) else {
      throw .unsupported(
        place: node.path, found: "a chain of parts that can make a text \(found) times longer",
        supported: "parts that make it at most \(growth) times longer")
    }
  }
}
