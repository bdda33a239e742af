import Foundation

extension PasskeyTask {
  /// Checks that samples can be made; `key` is the task's place in the config.
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` that names the key.
  public func validate(at key: String = "passkey") throws(GateOptimizerError) {
    func check(
      _ isFine: Bool, _ name: CodingKeys, _ expected: String, _ found: @autoclosure () -> String
    ) throws(GateOptimizerError) {
      if isFine { return }
      throw .option(name: "\(key).\(name.rawValue)", expected: expected, found: found())
    }
    try check((1...1000).contains(passkeys), .passkeys, "1 to 1000 passkeys", "\(passkeys)")
    try check((1...1000).contains(length), .length, "1 to 1000 words or digits", "\(length)")
    try check(
      depthRange.count == 2 && 0 <= depthRange[0] && depthRange[0] <= depthRange[1]
        && depthRange[1] <= 1,
      .depthRange, "two numbers in 0…1, the smaller first", "\(depthRange)")
    if kind == .words {
      try check(
        alphabet.count >= 2 && Set(alphabet).count == alphabet.count, .alphabet,
        "at least two words, each once",
        "\(alphabet.count), \(Set(alphabet).count) of them distinct")
      let bad = alphabet.first { $0.isEmpty || $0.contains(where: \.isWhitespace) }
      try check(bad == nil, .alphabet, "words without white space", "\"\(bad ?? "")\"")
    }
    try check(
      possibleValues >= Double(passkeys), .length,
      "enough words or digits to make \(passkeys) distinct passkeys", "\(length)")
    try check(
      needle.components(separatedBy: "{passkey}").count == 2, .needle,
      "{passkey} exactly once", "\"\(needle)\"")
    // The blank belongs to the passkey's tokens, which must be the same here and in the answer.
    try check(
      needle.contains(" {passkey}"), .needle, "a blank before {passkey}", "\"\(needle)\"")
    try check(
      !question.contains("{passkey}"), .question, "no {passkey}, which is the answer",
      "\"\(question)\"")
    try check(
      passkeys == 1 || needle.contains("{ordinal}"), .needle,
      "{ordinal}, since there are \(passkeys) passkeys", "\"\(needle)\"")
    try check(
      passkeys == 1 || question.contains("{ordinal}"), .question,
      "{ordinal}, since there are \(passkeys) passkeys", "\"\(question)\"")
    let asked = question + answerLeadIn
    try check(!asked.allSatisfy(\.isWhitespace), .question, "a question", "\"\(asked)\"")
  }

  /// How many different passkeys there are.
  private var possibleValues: Double {
    pow(Double(symbols.count), Double(length))
  }

  /// What a passkey is drawn from: the alphabet, or the ten digits.
  var symbols: [String] {
    kind == .words ? alphabet : (0...9).map(String.init)
  }

  /// The text of a passkey as it stands in needle and answer, with the blank before it.
  func text(of value: some Sequence<String>) -> String {
    kind == .words ? value.map { " " + $0 }.joined() : " " + value.joined()
  }
}
