/// The UTF-8 bytes of a token or a piece of text, as a dictionary key.
///
/// `String` would compare by canonical equivalence and take distinct tokens for one.
package struct TokenBytes: Hashable, Sendable {
  package let bytes: [UInt8]

  package init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

  package init(_ text: String) { self.bytes = Array(text.utf8) }

  package static func == (left: TokenBytes, right: TokenBytes) -> Bool { left.bytes == right.bytes }

  /// Feeds eight bytes at a time; element by element is several times slower for words.
  package func hash(into hasher: inout Hasher) {
    var word: UInt64 = 0
    for (index, byte) in bytes.enumerated() {
      word = word << 8 | UInt64(byte)
      if index & 7 == 7 {
        hasher.combine(word)
        word = 0
      }
    }
    hasher.combine(word)
    hasher.combine(bytes.count)
  }
}
