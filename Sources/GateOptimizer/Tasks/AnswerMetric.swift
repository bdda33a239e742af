/// How an answer is judged.
public enum AnswerMetric: String, SettingChoice {
  /// Share of the right answers that the generated text has in it, cases ignored (RULER's string_match_all, arXiv
  /// 2404.06654).
  case containsAll = "contains-all"
  /// Whether it has any of them in it (RULER's string_match_part).
  case containsAny = "contains-any"
  /// Whether it is one of them, after SQuAD's normalisation (arXiv 1606.05250).
  case exact
  /// The harmonic mean of precision and recall in words, after SQuAD's normalisation; the best of the right answers.
  case f1
  /// ROUGE-L's F-measure over words of a–z and 0–9, without stemming (Lin 2004); the best of the right answers.
  case rougeL = "rouge-l"
  /// LongBench's score of a class among others: 1 / the number of classes named, if the right one is among them
  /// (arXiv 2308.14508).
  case classification
  /// 2 × the longest common subsequence of characters / all characters of the first line of code; the best of the
  /// right answers.
  case editSimilarity = "edit-similarity"
  /// Share of the tokens of the first right answer that are predicted from the true ones before them.
  case tokens
  /// Mean −log of their probability, in nats.
  case likelihood = "nll"

  /// Whether it judges a generated text; otherwise the right answer is read, and its tokens are judged.
  public var judgesText: Bool {
    switch self {
    case .tokens, .likelihood: false
    default: true
    }
  }

  /// The score of a generated text, 0…1.
  ///
  /// - Parameters:
  ///   - text: What was generated.
  ///   - key: The right answers.
  /// - Returns: The score; 0 for metrics that judge no text.
  public func score(_ text: String, _ key: AnswerKey) -> Double {
    func best(_ score: (String) -> Double) -> Double { key.references.map(score).max() ?? 0 }
    switch self {
    case .containsAll, .containsAny:
      let lowered = AnswerText.lowercased(text)
      let found = key.references.map { AnswerText.contains(lowered, AnswerText.lowercased($0)) }
      if self == .containsAny { return found.contains(true) ? 1 : 0 }
      return Double(found.count { $0 }) / Double(max(found.count, 1))
    case .exact:
      let own = AnswerText.normalizedWords(text)
      return best { AnswerText.normalizedWords($0) == own ? 1 : 0 }
    case .f1:
      let own = AnswerText.normalizedWords(text)
      return best { Self.overlap(own, AnswerText.normalizedWords($0)) }
    case .rougeL:
      let own = AnswerText.plainWords(text)
      return best { Self.rougeL(own, AnswerText.plainWords($0)) }
    case .classification:
      return best { Self.classification(text, $0, key.classes) }
    case .editSimilarity:
      let own = AnswerText.firstLineOfCode(text)
      return best { Self.similarity(own, Array($0.unicodeScalars)) }
    case .tokens, .likelihood: return 0
    }
  }

  /// F1 of words as SQuAD's script has it: no words at all have nothing in common.
  private static func overlap(_ own: [[Unicode.Scalar]], _ reference: [[Unicode.Scalar]]) -> Double
  {
    var left: [[Unicode.Scalar]: Int] = [:]
    for word in reference { left[word, default: 0] += 1 }
    var common = 0
    for word in own where left[word, default: 0] > 0 {
      left[word, default: 0] -= 1
      common += 1
    }
    guard common > 0 else { return 0 }
    let (precision, recall) = (
      Double(common) / Double(own.count), Double(common) / Double(reference.count)
    )
    return 2 * precision * recall / (precision + recall)
  }

  private static func rougeL(_ own: [[UInt8]], _ reference: [[UInt8]]) -> Double {
    guard !own.isEmpty, !reference.isEmpty else { return 0 }
    let common = Double(longestCommonSubsequence(own, reference))
    let (precision, recall) = (common / Double(own.count), common / Double(reference.count))
    return common == 0 ? 0 : 2 * precision * recall / (precision + recall)
  }

  private static func similarity(_ own: [Unicode.Scalar], _ reference: [Unicode.Scalar]) -> Double {
    let all = own.count + reference.count
    return all == 0 ? 1 : 2 * Double(longestCommonSubsequence(own, reference)) / Double(all)
  }

  /// LongBench's script takes classes that are part of the right one out of the list while it walks over it, so that
  /// the one behind each of them stays; so does this.
  private static func classification(
    _ text: String, _ reference: String, _ classes: [String]
  ) -> Double {
    let (text, right) = (Array(text.unicodeScalars), Array(reference.unicodeScalars))
    var named = classes.map { Array($0.unicodeScalars) }.filter { AnswerText.contains(text, $0) }
    var place = 0
    while place < named.count {
      if named[place] != right, AnswerText.contains(right, named[place]) { named.remove(at: place) }
      place += 1
    }
    return named.contains(right) ? 1 / Double(named.count) : 0
  }

  /// The length of the longest sequence that both have, in order, with gaps; two rows of the usual table.
  private static func longestCommonSubsequence<Element: Equatable>(
    _ a: [Element], _ b: [Element]
  ) -> Int {
    var row = [Int](repeating: 0, count: b.count + 1)
    for element in a {
      var diagonal = 0
      for (place, other) in b.enumerated() {
        let above = row[place + 1]
        row[place + 1] = element == other ? diagonal + 1 : max(above, row[place])
        diagonal = above
      }
    }
    return row[b.count]
  }
}

/// Texts as benchmarks compare them: by code points, never by canonical equivalence, as Python does.
enum AnswerText {
  /// Lower case as Python's `str.lower()`, with the final form of sigma at the end of words.
  static func lowercased(_ text: String) -> [Unicode.Scalar] {
    let scalars = Array(text.unicodeScalars)
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(scalars.count)
    for (place, scalar) in scalars.enumerated() {
      if scalar == "\u{3A3}" {
        result.append(isFinal(place, in: scalars) ? "\u{3C2}" : "\u{3C3}")
      } else {
        result += scalar.properties.lowercaseMapping.unicodeScalars
      }
    }
    return result
  }

  /// Whether the sigma at `place` ends a word: a letter with cases before it and none behind it, as far as what
  /// cases do not see is passed over.
  private static func isFinal(_ place: Int, in text: [Unicode.Scalar]) -> Bool {
    func isCased(_ part: some Sequence<Unicode.Scalar>) -> Bool {
      part.first { !$0.properties.isCaseIgnorable }?.properties.isCased ?? false
    }
    return isCased(text[..<place].reversed()) && !isCased(text[(place + 1)...])
  }

  /// The words of a text after SQuAD's normalisation: lower case, without ASCII punctuation, without the articles a,
  /// an and the, split at white space.
  static func normalizedWords(_ text: String) -> [[Unicode.Scalar]] {
    let plain = lowercased(text).filter { !isPunctuation($0) }
    // An article stands between characters that are no word's, and a blank takes its place.
    var result: [Unicode.Scalar] = []
    var place = 0
    while place < plain.count {
      guard isWord(plain[place]) else {
        result.append(plain[place])
        place += 1
        continue
      }
      let end = plain[place...].firstIndex { !isWord($0) } ?? plain.count
      let run = plain[place..<end]
      if articles.contains(Array(run)) { result.append(" ") } else { result += run }
      place = end
    }
    return result.split(whereSeparator: isSpace).map(Array.init)
  }

  private static let articles: Set<[Unicode.Scalar]> = [["a"], ["a", "n"], ["t", "h", "e"]]

  /// Python's `string.punctuation`.
  private static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
    default: false
    }
  }

  /// Python's `\w`: letters, numbers and the underscore.
  private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
      .decimalNumber, .letterNumber, .otherNumber:
      true
    default: scalar == "_"
    }
  }

  /// White space as Python's `str.split()`, which also takes the separators U+001C to U+001F.
  private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
  }

  /// The words of ROUGE: runs of a–z and 0–9 after lower case; all else separates.
  static func plainWords(_ text: String) -> [[UInt8]] {
    let bytes = lowercased(text).map { $0.isASCII ? UInt8($0.value) : 0x20 }
    return bytes.split { !((0x61...0x7A).contains($0) || (0x30...0x39).contains($0)) }
      .map(Array.init)
  }

  /// The first line that looks like code, as LongBench takes it: without `, # or //; the first line break is passed
  /// over.
  static func firstLineOfCode(_ text: String) -> [Unicode.Scalar] {
    let scalars = text.unicodeScalars.drop { $0 == "\n" }
    let lines = scalars.split(separator: "\n", omittingEmptySubsequences: false)
    let line = lines.first { line in
      !line.contains("`") && !line.contains("#") && !contains(Array(line), ["/", "/"])
    }
    return line.map(Array.init) ?? []
  }

  /// Whether `part` stands in `text`.
  static func contains(_ text: [Unicode.Scalar], _ part: [Unicode.Scalar]) -> Bool {
    guard let first = part.first else { return true }
    guard part.count <= text.count else { return false }
    return (0...text.count - part.count).contains { start in
      text[start] == first && text[start..<start + part.count].elementsEqual(part)
    }
  }
}
