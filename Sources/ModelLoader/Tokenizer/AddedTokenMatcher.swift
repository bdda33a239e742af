/// Finds added tokens in a text: leftmost first, the longest where several start.
///
/// After `AddedVocabulary::find_matches` of Hugging Face's tokenizers.
struct AddedTokenMatcher: Sendable {
  /// A stretch of text: an added token, or text for the model to encode.
  struct Segment {
    var tokenID: Int32?
    var range: Range<Int>
  }

  private struct Pattern: Sendable {
    var bytes: [UInt8]
    var token: AddedToken
  }

  /// Patterns by their first byte, the longest first.
  private var patterns = [[Pattern]](repeating: [], count: 256)
  private var isEmpty = true

  /// Adds a token to look for; an empty pattern is never found.
  mutating func insert(_ token: AddedToken, pattern: [UInt8]) {
    guard let first = pattern.first else { return }
    isEmpty = false
    let index =
      patterns[Int(first)].firstIndex { $0.bytes.count < pattern.count }
      ?? patterns[Int(first)].endIndex
    patterns[Int(first)].insert(Pattern(bytes: pattern, token: token), at: index)
  }

  /// Cuts a text into tokens and the text between them; empty stretches are left out.
  func segments(of text: [UInt8]) -> [Segment] {
    if text.isEmpty { return [] }
    if isEmpty { return [Segment(tokenID: nil, range: 0..<text.count)] }
    var segments: [Segment] = []
    var done = 0
    var index = 0
    while index < text.count {
      guard let pattern = match(in: text, at: index) else {
        index += 1
        continue
      }
      let found = index..<(index + pattern.bytes.count)
      index = found.upperBound
      guard !pattern.token.singleWord || Self.standsAlone(found, in: text) else { continue }
      let range = Self.widened(found, for: pattern.token, in: text, from: done)
      if done < range.lowerBound {
        segments.append(Segment(tokenID: nil, range: done..<range.lowerBound))
      }
      segments.append(Segment(tokenID: pattern.token.id, range: range))
      done = range.upperBound
      index = max(index, done)
    }
    if done < text.count { segments.append(Segment(tokenID: nil, range: done..<text.count)) }
    return segments
  }

  private func match(in text: [UInt8], at index: Int) -> Pattern? {
    let candidates = patterns[Int(text[index])]
    if candidates.isEmpty { return nil }
    return candidates.first { text[index...].starts(with: $0.bytes) }
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
