/// Finds the match of a ``SplitPattern`` that starts at a place in a text.
///
/// The text ends at `end`: look-ahead does not see beyond, as each split works on a text of its own.
struct WordScanner {
  let text: [UInt8]
  let end: Int
  private let ascii = CharacterClass.ascii

  init(text: [UInt8], end: Int) {
    self.text = text
    self.end = end
  }

  private static let space = UInt8(ascii: " ")
  private static let apostrophe = UInt8(ascii: "'")

  /// The class of the character at `index` and the index behind it; nil at the end.
  @inline(__always)
  private func character(at index: Int) -> (class: CharacterClass, next: Int)? {
    guard index < end else { return nil }
    let byte = text[index]
    if byte < 0x80 { return (ascii[Int(byte)], index + 1) }
    let (scalar, next) = UTF8Text.scalar(in: text, at: index)
    return (CharacterClass(scalar), next)
  }

  /// The end of the run of characters of one class that starts at `start`.
  @inline(__always)
  private func run(
    of characterClass: CharacterClass, from start: Int, atMost limit: Int = .max
  ) -> Int {
    var index = start
    var count = 0
    while count < limit, let (found, next) = character(at: index), found == characterClass {
      index = next
      count += 1
    }
    return index
  }

  // MARK: GPT-2

  /// The end of the match of
  /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+` at `start`.
  func gpt2Match(at start: Int) -> Int {
    if text[start] == Self.apostrophe, let end = contraction(at: start, ignoringCase: false) {
      return end
    }
    let wordStart = text[start] == Self.space ? start + 1 : start
    if let (found, next) = character(at: wordStart), !found.isWhitespace {
      return run(of: found, from: next)
    }
    return whitespaceMatch(at: start)
  }

  // MARK: Llama 3 and Qwen2

  /// The end of the match at `start` of `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|`
  /// `\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`, three being `digits`.
  func llama3Match(at start: Int, digits: Int) -> Int {
    if text[start] == Self.apostrophe, let end = contraction(at: start, ignoringCase: true) {
      return end
    }
    guard let (first, next) = character(at: start) else { return end }
    switch first {
    case .letter:
      return run(of: .letter, from: next)
    case .number:
      return run(of: .number, from: next, atMost: digits - 1)
    case .other:
      if character(at: next)?.class == .letter { return run(of: .letter, from: next) }
      return run(of: .newline, from: run(of: .other, from: next))
    case .space:
      guard let (second, afterSecond) = character(at: next) else { return end }
      if second == .letter { return run(of: .letter, from: afterSecond) }
      if second == .other, text[start] == Self.space {
        return run(of: .newline, from: run(of: .other, from: afterSecond))
      }
      return lineEndMatch(at: start) ?? whitespaceMatch(at: start)
    case .newline:
      return lineEndMatch(at: start) ?? whitespaceMatch(at: start)
    }
  }

  /// `\s*[\r\n]+`: white space up to and with the last line end in it.
  private func lineEndMatch(at start: Int) -> Int? {
    var match: Int?
    var index = start
    while let (found, next) = character(at: index), found.isWhitespace {
      if found == .newline { match = next }
      index = next
    }
    return match
  }

  // MARK: Shared

  /// `\s+(?!\S)|\s+`: white space without its last character where text follows, unless it is all there is.
  private func whitespaceMatch(at start: Int) -> Int {
    var (last, index) = (start, start)
    while let (found, next) = character(at: index), found.isWhitespace {
      (last, index) = (index, next)
    }
    return index < end && last > start ? last : index
  }

  /// `'s|'t|'re|'ve|'m|'ll|'d`; without case, Oniguruma also takes the long s, U+017F, for an s.
  private func contraction(at start: Int, ignoringCase: Bool) -> Int? {
    func letter(_ offset: Int) -> UInt8? {
      guard start + offset < end else { return nil }
      let byte = text[start + offset]
      return ignoringCase && (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
    }
    switch letter(1) {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"):
      return start + 2
    case UInt8(ascii: "r"), UInt8(ascii: "v"):
      return letter(2) == UInt8(ascii: "e") ? start + 3 : nil
    case UInt8(ascii: "l"):
      return letter(2) == UInt8(ascii: "l") ? start + 3 : nil
    case 0xC5 where ignoringCase:
      return letter(2) == 0xBF ? start + 3 : nil
    default:
      return nil
    }
  }
}
