import Support

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
