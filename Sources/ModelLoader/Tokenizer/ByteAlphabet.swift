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
