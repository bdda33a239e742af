import Support

/// A haystack ready for sampling: sentences as tokens.
enum Haystack: Sendable {
  /// Text tokenized once, one entry per sentence.
  case text([[Int32]])
  /// Prose made as it is needed.
  case generated(ProseGenerator)

  /// A run of sentences as tokens, with the places a needle can go.
  struct Window {
    /// The tokens.
    var tokens: [Int32] = []
    /// Token counts before which a sentence begins, ascending, 0 first.
    var boundaries: [Int] = []
  }

  /// Reads and tokenizes the text of `source`, or sets up its generator.
  init(
    _ source: HaystackSource, encode: (String) -> [Int32]
  ) throws {
    try source.validate()
    guard !source.files.isEmpty else {
      self = .generated(ProseGenerator(subject: source.generator ?? .village))
      return
    }
    var sentences: [[Int32]] = []
    for file in source.files {
      let pieces = try TextSentences.ofFile(at: file).map(encode).filter { !$0.isEmpty }
      guard !pieces.isEmpty else {
        throw FileError.invalid(
          path: file, place: "the text", expected: "text the tokenizer knows", found: "none",
          fix: "name another text file as haystack")
      }
      sentences += pieces
    }
    self = .text(sentences)
  }

  /// Exactly `count` tokens of whole sentences but the last, from a place drawn from `generator`.
  ///
  /// Text is a ring: after its last sentence comes its first.
  func window(
    of count: Int, from generator: inout SeededGenerator, encode: (String) -> [Int32]
  ) -> Window {
    var window = Window()
    switch self {
    case .text(let sentences):
      var next = generator.below(sentences.count)
      while window.tokens.count < count {
        window.append(sentences[next])
        next = next + 1 == sentences.count ? 0 : next + 1
      }
    case .generated(let prose):
      var isFirst = true
      while window.tokens.count < count {
        window.append(encode((isFirst ? "\n" : prose.gap(&generator)) + prose.sentence(&generator)))
        isFirst = false
      }
    }
    window.tokens.removeLast(window.tokens.count - count)
    return window
  }
}

extension Haystack.Window {
  mutating func append(_ sentence: [Int32]) {
    boundaries.append(tokens.count)
    tokens += sentence
  }
}
