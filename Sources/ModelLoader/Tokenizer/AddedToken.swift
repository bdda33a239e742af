import Support

/// A token that is cut out of the text before anything else looks at it.
struct AddedToken: Sendable {
  var id: Int32
  var content: String
  /// Left out by `decode` when special tokens are not wanted.
  var special: Bool
  /// Looked for in the normalised text rather than in the text as given.
  var normalized: Bool
  /// Only between characters that are not part of a word.
  var singleWord: Bool
  /// Takes the white space on its left with it.
  var stripsLeft: Bool
  /// Takes the white space on its right with it.
  var stripsRight: Bool

  /// Reads an element of `added_tokens`.
  init(_ node: JSONNode) throws(TokenizerError) {
    id = try node["id"].tokenID()
    content = try node["content"].string()
    special = try node["special"].bool(default: false)
    normalized = try node["normalized"].bool(default: !special)
    singleWord = try node["single_word"].bool(default: false)
    stripsLeft = try node["lstrip"].bool(default: false)
    stripsRight = try node["rstrip"].bool(default: false)
  }
}

/// The added tokens of a tokenizer: the list itself and the search for them in a text.
struct AddedTokens: Sendable {
  /// By id.
  private(set) var tokens: [Int32: AddedToken] = [:]
  private(set) var ids: [TokenBytes: Int32] = [:]
  /// What `decode` reads for a token: its content, normalised where the text is.
  private(set) var spellings: [Int32: String] = [:]
  /// Finds those that are looked for in the text as given.
  private(set) var verbatim = AddedTokenMatcher()
  /// Finds those that are looked for in the normalised text.
  private(set) var normalized = AddedTokenMatcher()

  /// Reads `added_tokens` and checks it against the vocabulary of the model.
  init(
    _ node: JSONNode, vocabulary: Vocabulary, normalizer: TextNormalizer
  ) throws(TokenizerError) {
    if node.isNull { return }
    var verbatim: [(token: AddedToken, pattern: [UInt8])] = []
    var normalized = verbatim
    for element in try node.list() {
      let token = try AddedToken(element)
      try Self.check(token, at: element.path, vocabulary: vocabulary)
      guard tokens.updateValue(token, forKey: token.id) == nil,
        ids.updateValue(token.id, forKey: TokenBytes(token.content)) == nil
      else { throw .inconsistent(place: element.path, problem: "the token or its id occurs twice") }
      if token.normalized {
        let pattern = normalizer.normalize(Array(token.content.utf8))
        normalized.append((token, pattern))
        spellings[token.id] = String(decoding: pattern, as: UTF8.self)
      } else {
        verbatim.append((token, Array(token.content.utf8)))
        spellings[token.id] = token.content
      }
    }
    self.verbatim = AddedTokenMatcher(verbatim)
    self.normalized = AddedTokenMatcher(normalized)
  }

  private static func check(
    _ token: AddedToken, at place: String, vocabulary: Vocabulary
  ) throws(TokenizerError) {
    let name = token.content.quotedForMessage
    guard token.content.utf8.count <= TokenizerLimits.specialTokenBytes else {
      throw .unsupported(
        place: place, found: "a token of \(token.content.utf8.count) bytes",
        supported: "added tokens of at most \(TokenizerLimits.specialTokenBytes) bytes")
    }
    if let id = vocabulary.id(of: token.content) {
      guard id == token.id else {
        throw .inconsistent(
          place: place, problem: "\(name) has id \(token.id) here and \(id) in model.vocab")
      }
    } else if let other = vocabulary.token(token.id) {
      throw .inconsistent(
        place: place,
        problem: "the id \(token.id) of \(name) is that of \(other.quotedForMessage) in model.vocab"
      )
    }
  }
}

/// Finds added tokens in a text: leftmost first, the longest where several start.
///
/// After `AddedVocabulary::find_matches` of Hugging Face's tokenizers.
struct AddedTokenMatcher: Sendable {
  /// A stretch of text: an added token, or text for the model to encode.
  struct Segment {
    var tokenID: Int32?
    var range: Range<Int>
  }

  private let search: LongestPatternSearch
  /// By position in the search.
  private let tokens: [AddedToken]

  /// Looks for tokens, each by its pattern; an empty pattern is never found, and of equal ones the first.
  init(_ patterns: [(token: AddedToken, pattern: [UInt8])] = []) {
    search = LongestPatternSearch(patterns.map(\.pattern))
    tokens = patterns.map(\.token)
  }

  /// Calls `body` with the tokens of a text and the text between them, one after another; empty stretches are
  /// left out.
  func forEachSegment(of text: [UInt8], _ body: (Segment) -> Void) {
    if text.isEmpty { return }
    if search.isEmpty { return body(Segment(tokenID: nil, range: 0..<text.count)) }
    var matches = LongestPatternSearch.Matches(search, in: text)
    var done = 0
    var index = 0
    while index < text.count {
      guard let (length, position) = matches.longest(at: index) else {
        index += 1
        continue
      }
      let found = index..<(index + length)
      let token = tokens[position]
      index = found.upperBound
      guard !token.singleWord || Self.standsAlone(found, in: text) else { continue }
      let range = Self.widened(found, for: token, in: text, from: done)
      if done < range.lowerBound {
        body(Segment(tokenID: nil, range: done..<range.lowerBound))
      }
      body(Segment(tokenID: token.id, range: range))
      done = range.upperBound
      index = max(index, done)
    }
    if done < text.count { body(Segment(tokenID: nil, range: done..<text.count)) }
  }

  /// `found` with the white space that the token takes with it, none of it before `start`.
  private static func widened(
    _ found: Range<Int>, for token: AddedToken, in text: [UInt8], from start: Int
  ) -> Range<Int> {
    var (lower, upper) = (found.lowerBound, found.upperBound)
    if token.stripsLeft {
      while lower > start, let previous = UTF8Text.scalar(in: text, before: lower),
        previous.scalar.properties.isWhitespace
      {
        lower = previous.start
      }
    }
    if token.stripsRight {
      while upper < text.count {
        let (scalar, next) = UTF8Text.scalar(in: text, at: upper)
        guard scalar.properties.isWhitespace else { break }
        upper = next
      }
    }
    return lower..<upper
  }

  private static func standsAlone(_ range: Range<Int>, in text: [UInt8]) -> Bool {
    if let previous = UTF8Text.scalar(in: text, before: range.lowerBound),
      isWordCharacter(previous.scalar)
    {
      return false
    }
    guard range.upperBound < text.count else { return true }
    return !isWordCharacter(UTF8Text.scalar(in: text, at: range.upperBound).scalar)
  }

  /// `\w` of Unicode Technical Standard 18.
  private static func isWordCharacter(_ scalar: Unicode.Scalar) -> Bool {
    let properties = scalar.properties
    if properties.isAlphabetic || properties.isJoinControl { return true }
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation:
      return true
    default:
      return false
    }
  }
}
