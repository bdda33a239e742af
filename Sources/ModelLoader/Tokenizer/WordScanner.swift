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

/// The kinds of character that the split patterns of byte-level tokenizers tell apart.
enum CharacterClass: UInt8, Sendable {
  /// `\p{L}`.
  case letter
  /// `\p{N}`.
  case number
  /// `\r` or `\n`, which are also `\s`.
  case newline
  /// Any other `\s`.
  case space
  /// Everything else, unassigned characters included.
  case other

  /// The Unicode version of the regular-expression engine (Oniguruma) in Hugging Face's tokenizers.
  ///
  /// Letters and numbers that are younger count as unassigned there, so they must here.
  private static let engineUnicodeVersion = 16

  /// The class of a scalar as Oniguruma sees it.
  init(_ scalar: Unicode.Scalar) {
    if scalar == "\r" || scalar == "\n" {
      self = .newline
    } else if scalar.properties.isWhitespace {
      self = .space
    } else if let age = scalar.properties.age, age.major <= Self.engineUnicodeVersion {
      self.init(assigned: scalar.properties.generalCategory)
    } else {
      self = .other
    }
  }

  private init(assigned category: Unicode.GeneralCategory) {
    switch category {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
      self = .letter
    case .decimalNumber, .letterNumber, .otherNumber:
      self = .number
    default:
      self = .other
    }
  }

  var isWhitespace: Bool { self == .space || self == .newline }

  /// The classes of the 128 ASCII characters.
  static let ascii: [CharacterClass] = (0..<128).map { CharacterClass(Unicode.Scalar($0)) }

  /// Rust's `char::is_numeric`, which the `Digits` pre-tokenizer asks: `\p{N}` of today's Unicode.
  static func isNumeric(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return ("0"..."9").contains(scalar) }
    return CharacterClass(assigned: scalar.properties.generalCategory) == .number
  }
}

/// Steps through valid UTF-8 held as bytes.
enum UTF8Text {
  /// The scalar that starts at `index`, and the index behind it.
  ///
  /// Bytes that are not UTF-8 read as U+FFFD, one byte each; texts come from `String`, so they do not occur.
  @inline(__always)
  static func scalar(in bytes: [UInt8], at index: Int) -> (scalar: Unicode.Scalar, next: Int) {
    let lead = bytes[index]
    if lead < 0x80 { return (Unicode.Scalar(lead), index + 1) }
    let length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
    guard index + length <= bytes.count else { return ("\u{FFFD}", index + 1) }
    var value = UInt32(lead) & (0x7F >> UInt32(length))
    for byte in bytes[(index + 1)..<(index + length)] { value = value << 6 | UInt32(byte & 0x3F) }
    guard let scalar = Unicode.Scalar(value) else { return ("\u{FFFD}", index + 1) }
    return (scalar, index + length)
  }

  /// The scalar that ends before `index`, and the index where it starts; nil at the start.
  static func scalar(
    in bytes: [UInt8], before index: Int
  ) -> (scalar: Unicode.Scalar, start: Int)? {
    guard index > 0 else { return nil }
    var start = index - 1
    while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
    return (scalar(in: bytes, at: start).scalar, start)
  }
}

/// GPT-2's alphabet: a printable character for each of the 256 bytes.
///
/// Printable bytes of Latin-1 stand for themselves; the 68 others, in order, are U+0100 and on. Source:
/// `bytes_to_unicode` in openai/gpt-2, `src/encoder.py`.
enum ByteAlphabet {
  /// Byte to character.
  static let characters: [Unicode.Scalar] = {
    var next: UInt32 = 0x100
    return (0...255).map { (byte: UInt8) in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF:
        return Unicode.Scalar(byte)
      default:
        defer { next += 1 }
        return Unicode.Scalar(next) ?? Unicode.Scalar(byte)
      }
    }
  }()

  /// Character to byte, indexed by scalar value below U+0144.
  private static let bytes: [UInt8?] = {
    var table = [UInt8?](repeating: nil, count: 0x144)
    for (byte, character) in characters.enumerated() {
      table[Int(character.value)] = UInt8(byte)
    }
    return table
  }()

  /// The byte that a character stands for; nil for a character that stands for none.
  static func byte(for character: Unicode.Scalar) -> UInt8? {
    character.value < 0x144 ? bytes[Int(character.value)] : nil
  }

  /// Raw bytes as the UTF-8 of their characters, the way vocabularies spell them.
  static func spell(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    var spelled: [UInt8] = []
    for byte in bytes { spelled += characters[Int(byte)].utf8 }
    return spelled
  }
}
