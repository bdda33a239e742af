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
