/// Tokenizers small enough to reason about.
package enum GateToyTokenizers {
  /// One token per UTF-8 byte.
  @Sendable package static func bytes(_ text: String) -> [Int32] {
    text.utf8.map(Int32.init)
  }

  /// The text of ``bytes(_:)`` tokens.
  package static func text(_ tokens: some Sequence<Int32>) -> String {
    String(decoding: tokens.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
  }

  /// Byte-pair-like: a word takes the blank before it and falls into pieces of at most three bytes;
  /// a blank that no word follows is a token.
  @Sendable package static func triples(_ text: String) -> [Int32] {
    words(text, joinsBlank: true).flatMap(pieces)
  }

  /// Like Llama 3 on digits: blanks are tokens of their own, digits go in groups of three.
  @Sendable package static func digitGroups(_ text: String) -> [Int32] {
    words(text, joinsBlank: false).flatMap(pieces)
  }

  /// A word with the blank before it is one of 2,048 tokens, by its hash.
  @Sendable package static func hashedWords(_ text: String) -> [Int32] {
    words(text, joinsBlank: true).map { word in
      let hash = word.reduce(UInt64(0xCBF2_9CE4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
      return Int32((hash &* 0x9E37_79B9_7F4A_7C15) >> 48 & 2047)
    }
  }

  private static func words(_ text: String, joinsBlank: Bool) -> [[UInt8]] {
    var words: [[UInt8]] = []
    for byte in text.utf8 {
      let isBlank = byte == 32
      let lastIsBlank = words.last == [32]
      if isBlank || words.isEmpty || (lastIsBlank && !joinsBlank) {
        words.append([byte])
      } else {
        words[words.count - 1].append(byte)
      }
    }
    return words
  }

  private static func pieces(_ word: [UInt8]) -> [Int32] {
    stride(from: 0, to: word.count, by: 3).map { start in
      word[start..<min(start + 3, word.count)].reduce(Int32(0)) { $0 << 8 | Int32($1) }
    }
  }
}
