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
