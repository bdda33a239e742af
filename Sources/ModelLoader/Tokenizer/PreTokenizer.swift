/// How normalised text is cut into the pieces that BPE works on: `pre_tokenizer` of a tokenizer.json.
struct PreTokenizer: Sendable {
  private enum Step: Sendable {
    /// A regular expression's matches, each a piece.
    case split(SplitPattern)
    /// Digits apart from the rest, each alone or together.
    case digits(individual: Bool)
    /// A space before each piece that starts with none.
    case spaceBefore
    /// SentencePiece's: spaces become `mark`, one more goes before the text, words may be cut apart.
    case metaspace(Metaspace)
  }

  private enum Prefix: String {
    case always
    case first
    case never
  }

  private struct Metaspace: Sendable {
    let mark: [UInt8]
    let spaces: TextReplacement
    let prefix: Prefix
    let split: Bool
  }

  private var steps: [Step] = []
  /// Whether the model sees bytes, in the spelling of ``ByteAlphabet``, rather than characters.
  private(set) var isByteLevel = false

  /// Reads `pre_tokenizer`, which may be null.
  init(_ node: JSONNode) throws(TokenizerError) {
    if !node.isNull { try append(node) }
    // A piece has a byte at least, so that a mark before it makes it at most so many times longer.
    let growth = steps.reduce(1.0) { growth, step in
      switch step {
      case .split, .digits: growth
      case .spaceBefore: growth * 2
      case .metaspace(let step): growth * 2 * Double(step.mark.count)
      }
    }
    try TokenizerLimits.check(growth: growth, at: node)
  }

  private mutating func append(_ node: JSONNode) throws(TokenizerError) {
    guard !isByteLevel else {
      throw .unsupported(
        place: node.path, found: "a part behind ByteLevel", supported: "ByteLevel as the last part")
    }
    switch try node.type() {
    case "Sequence":
      for part in try node["pretokenizers"].list() { try append(part) }
      return
    case "Digits":
      steps.append(.digits(individual: try node["individual_digits"].bool(default: false)))
    case "Split":
      steps.append(.split(try Self.pattern(ofSplit: node)))
    case "ByteLevel":
      if try node["add_prefix_space"].bool(default: true) { steps.append(.spaceBefore) }
      if try node["use_regex"].bool(default: true) { steps.append(.split(.gpt2)) }
      isByteLevel = true
    case "Metaspace":
      steps.append(try Self.metaspace(node))
    default:
      throw node["type"].unsupported("ByteLevel, Split, Digits, Metaspace and Sequence")
    }
    try TokenizerLimits.check(parts: steps.count, at: node)
  }

  /// The pattern of a `Split` whose pieces are the matches.
  private static func pattern(ofSplit node: JSONNode) throws(TokenizerError) -> SplitPattern {
    let behavior = node["behavior"]
    let inverted = try node["invert"].bool(default: false)
    // The known patterns match everything: there is nothing between the matches that could be removed.
    switch (try behavior.string(), inverted) {
    case ("Isolated", false), ("Removed", true): break
    default: throw behavior.unsupported("Isolated, or Removed with invert")
    }
    let expression = node["pattern"]["Regex"]
    guard let pattern = SplitPattern(expression: try expression.string()) else {
      throw expression.unsupported("the patterns of GPT-2, Llama 3 and Qwen2")
    }
    return pattern
  }

  private static func metaspace(_ node: JSONNode) throws(TokenizerError) -> Step {
    let scheme = node["prepend_scheme"]
    guard let prefix = scheme.isNull ? .always : Prefix(rawValue: try scheme.string()) else {
      throw scheme.mismatch("always, first or never")
    }
    let mark = try node.mark()
    return .metaspace(
      Metaspace(
        mark: mark, spaces: TextReplacement([UInt8(ascii: " ")], with: mark), prefix: prefix,
        split: try node["split"].bool(default: true)))
  }

  /// Calls `body` with the pieces that a text is cut into, one after another: a text, which may be another one
  /// than `text`, and the piece's place in it.
  ///
  /// Each step cuts or rewrites a piece by itself, so that no list of pieces is kept. `isFirst` says that nothing,
  /// not even an added token, stands before the text.
  func forEachPiece(of text: [UInt8], isFirst: Bool, _ body: ([UInt8], Range<Int>) -> Void) {
    if text.isEmpty { return }
    take(steps[...], text, 0..<text.count, isFirst, body)
  }

  /// Does the steps that are left for one piece.
  private func take(
    _ steps: ArraySlice<Step>, _ text: [UInt8], _ range: Range<Int>, _ isFirst: Bool,
    _ body: ([UInt8], Range<Int>) -> Void
  ) {
    guard let step = steps.first else { return body(text, range) }
    let rest = steps.dropFirst()
    switch step {
    case .split(let pattern):
      pattern.forEachMatch(in: text, range) { take(rest, text, $0, isFirst, body) }
    case .digits(let individual):
      Self.forEachRun(in: text, range, individual: individual) {
        take(rest, text, $0, isFirst, body)
      }
    case .spaceBefore:
      let space = UInt8(ascii: " ")
      if text[range].first == space { return take(rest, text, range, isFirst, body) }
      let piece = [space] + text[range]
      take(rest, piece, 0..<piece.count, isFirst, body)
    case .metaspace(let step):
      var piece = step.spaces.applied(to: text[range])
      let addsPrefix = step.prefix == .always || step.prefix == .first && isFirst
      if addsPrefix, !piece.starts(with: step.mark) { piece.insert(contentsOf: step.mark, at: 0) }
      guard step.split else { return take(rest, piece, 0..<piece.count, isFirst, body) }
      Self.forEachWord(in: piece, 0..<piece.count, mark: step.mark) {
        take(rest, piece, $0, isFirst, body)
      }
    }
  }

  /// Cuts digits (Rust's `char::is_numeric`) off the rest.
  private static func forEachRun(
    in text: [UInt8], _ range: Range<Int>, individual: Bool, _ body: (Range<Int>) -> Void
  ) {
    var start = range.lowerBound
    var wasDigit = false
    var index = start
    while index < range.upperBound {
      let (scalar, next) = UTF8Text.scalar(in: text, at: index)
      let isDigit = CharacterClass.isNumeric(scalar)
      if index > start, isDigit != wasDigit || isDigit && individual {
        body(start..<index)
        start = index
      }
      wasDigit = isDigit
      index = next
    }
    if start < range.upperBound { body(start..<range.upperBound) }
  }

  /// Cuts before each mark.
  static func forEachWord(
    in text: [UInt8], _ range: Range<Int>, mark: [UInt8], _ body: (Range<Int>) -> Void
  ) {
    var start = range.lowerBound
    for index in range.dropFirst()
    where text[index] == mark.first && text[index..<range.upperBound].starts(with: mark) {
      body(start..<index)
      start = index
    }
    if start < range.upperBound { body(start..<range.upperBound) }
  }
}

extension JSONNode {
  /// The `replacement` of a `Metaspace` part: one character.
  func mark() throws(TokenizerError) -> [UInt8] {
    let mark = try self["replacement"].string()
    guard mark.unicodeScalars.count == 1 else {
      throw self["replacement"].mismatch("one character")
    }
    return Array(mark.utf8)
  }
}

/// The regular expressions that byte-level tokenizers split text into words with, as scanners.
///
/// Each scanner finds exactly what Oniguruma finds with the expression; every character belongs to a match.
enum SplitPattern: Sendable, Equatable {
  /// GPT-2's, also what the `ByteLevel` pre-tokenizer uses.
  case gpt2
  /// Llama 3's and Qwen2's, which differ in how many digits stay together.
  case llama3(digits: Int)

  private static let gpt2Expression =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  private static func llama3Expression(numbers: String) -> String {
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + numbers
      + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  /// The scanner for a regular expression; nil for one that is not known.
  init?(expression: String) {
    switch expression {
    case Self.gpt2Expression: self = .gpt2
    case Self.llama3Expression(numbers: #"\p{N}{1,3}"#): self = .llama3(digits: 3)
    case Self.llama3Expression(numbers: #"\p{N}"#): self = .llama3(digits: 1)
    default: return nil
    }
  }

  /// The regular expression, as tokenizer.json spells it.
  var expression: String {
    switch self {
    case .gpt2: Self.gpt2Expression
    case .llama3(digits: 1): Self.llama3Expression(numbers: #"\p{N}"#)
    case .llama3(let digits): Self.llama3Expression(numbers: #"\p{N}{1,"# + "\(digits)}")
    }
  }

  /// Calls `body` with the matches in `range` of `text`, one after another.
  func forEachMatch(in text: [UInt8], _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
    let scanner = WordScanner(text: text, end: range.upperBound)
    var start = range.lowerBound
    while start < range.upperBound {
      let end =
        switch self {
        case .gpt2: scanner.gpt2Match(at: start)
        case .llama3(let digits): scanner.llama3Match(at: start, digits: digits)
        }
      body(start..<end)
      start = end
    }
  }
}
