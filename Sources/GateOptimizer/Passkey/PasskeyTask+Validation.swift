import Foundation

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
