/// Endless readable prose from a small grammar over everyday words.
///
/// A sentence is a pattern whose `{symbols}` are replaced, again and again, by one of their choices;
/// `{a symbol}` puts the fitting article before it. What is written depends on the generator alone.
struct ProseGenerator: Sendable {
  private let grammar: [String: [String]]

  /// Prose about `subject`.
  init(subject: HaystackSource.Subject) {
    let own = subject == .village ? ProseVocabulary.village : ProseVocabulary.coast
    grammar = ProseVocabulary.common.merging(own) { _, own in own }
  }

  /// A sentence without white space around it.
  func sentence(_ generator: inout SeededGenerator) -> String {
    let sentence = expand("sentence", &generator)
    guard let first = sentence.firstIndex(where: \.isLetter) else { return sentence }
    let rest = sentence[sentence.index(after: first)...]
    return sentence[..<first] + sentence[first].uppercased() + rest
  }

  /// What stands before a further sentence: a blank, or a line feed for a new paragraph.
  func gap(_ generator: inout SeededGenerator) -> String {
    generator.below(7) == 0 ? "\n" : " "
  }

  private func expand(_ symbol: String, _ generator: inout SeededGenerator) -> String {
    guard let choices = grammar[symbol], !choices.isEmpty else { return symbol }
    var rest = Substring(generator.pick(choices))
    var text = ""
    while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
      text += rest[..<open]
      text += replacement(of: rest[rest.index(after: open)..<close], &generator)
      rest = rest[rest.index(after: close)...]
    }
    return text + rest
  }

  private func replacement(of key: Substring, _ generator: inout SeededGenerator) -> String {
    guard key.hasPrefix("a ") else { return expand(String(key), &generator) }
    let noun = expand(String(key.dropFirst(2)), &generator)
    return (noun.first.map { "aeiou".contains($0) } == true ? "an " : "a ") + noun
  }
}
