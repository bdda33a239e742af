import ModelLoader

/// Cuts passages from the text of a haystack, exact in tokens; each is a function of (seed, index) alone.
public struct ProseSampler: Sendable {
  private let haystack: Haystack
  private let context: Int
  private let seed: UInt64
  private let startTokens: [Int32]
  private let encode: @Sendable (String) -> [Int32]

  /// A sampler of passages of `context` tokens, each beginning with the tokens that the model's texts
  /// begin with.
  ///
  /// - Throws: `FileError` where the text cannot be read.
  public init(
    haystack: HaystackSource, context: Int, seed: UInt64, tokenizer: Tokenizer
  ) throws {
    self.haystack = try Haystack(haystack) { tokenizer.encode($0) }
    self.context = context
    self.seed = seed
    startTokens = tokenizer.startTokens
    encode = { tokenizer.encode($0) }
  }

  /// The tokens of passage `index`, always the same for the same sampler, (T).
  public func passage(index: Int) -> [Int32] {
    var generator = SeededGenerator(
      seed: seed, index: UInt64(bitPattern: Int64(index)), stream: .prose)
    let text = haystack.window(
      of: max(0, context - startTokens.count), from: &generator, encode: encode)
    return (startTokens + text.tokens).prefix(context).map { $0 }
  }
}
