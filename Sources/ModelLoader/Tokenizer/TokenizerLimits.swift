/// What a tokenizer.json may ask for, so that a short file cannot make much of a short text.
///
/// Published tokenizers stay far below: their longest token has 256 bytes, their text grows three times (a
/// space becomes "▁"), and one or two tokens stand around it.
enum TokenizerLimits {
  /// How many times longer the parts that rewrite text may make it.
  static let growth = 64
  /// Parts of a normalizer, a pre-tokenizer, a decoder or a post-processor.
  static let parts = 64
  /// Bytes of an added token, or of the token for what is unknown.
  static let specialTokenBytes = 1024
  /// Bytes of any token.
  static let tokenBytes = 4096
  /// Tokens that a template puts around a text.
  static let templateTokens = 64

  /// Refuses more parts than ``parts``.
  static func check(parts count: Int, at node: JSONNode) throws(TokenizerError) {
    guard count <= parts else {
      throw .unsupported(
        place: node.path, found: "a chain of more than \(parts) parts",
        supported: "at most \(parts) parts")
    }
  }

  /// Refuses to make a text of n bytes longer than n times ``growth``.
  static func check(growth found: Double, at node: JSONNode) throws(TokenizerError) {
    guard found <= Double(growth) else {
      throw .unsupported(
        place: node.path, found: "a chain of parts that can make a text \(found) times longer",
        supported: "parts that make it at most \(growth) times longer")
    }
  }
}
