extension TokenizerJSON {
  /// Longer tokens, in characters, are refused: every cut of each is tried.
  private static let longestToken = 1024

  /// The merges that SentencePiece's scores stand for.
  ///
  /// SentencePiece joins the two neighbours whose union has the highest score. As a list: every way to
  /// cut a token into two tokens, by the token's score, then by the length in characters of the left and
  /// of the right part, larger first. Source: `generate_merges` in Hugging Face transformers,
  /// `convert_slow_tokenizer.py`.
  static func scoredMerges(
    _ metadata: GGUFTokenizerMetadata
  ) throws(TokenizerError) -> [(String, String)] {
    guard let scores = metadata.scores, scores.allSatisfy(\.isFinite) else {
      throw .wrongShape(
        place: "tokenizer.ggml.scores", expected: "a number for each token",
        found: metadata.scores == nil ? "missing" : "not finite")
    }
    let tokens = metadata.tokens.map { Array($0.unicodeScalars) }
    if let id = tokens.firstIndex(where: { $0.count > longestToken }) {
      throw .wrongShape(
        place: "tokenizer.ggml.tokens[\(id)]", expected: "at most \(longestToken) characters",
        found: "a text of \(tokens[id].count)")
    }
    let isPlain = (metadata.tokenTypes ?? []).map { type in
      let type = GGUFTokenType(rawValue: type)
      return type == .normal || type == .unused
    }
    var plain: Set<TokenBytes> = []
    for (id, token) in metadata.tokens.enumerated() where isPlain.isEmpty || isPlain[id] {
      plain.insert(TokenBytes(token))
    }
    var merges: [ScoredMerge] = []
    for (id, token) in tokens.enumerated() where isPlain.isEmpty || isPlain[id] {
      for cut in token.indices.dropFirst() {
        let (left, right) = (text(token[..<cut]), text(token[cut...]))
        if plain.contains(TokenBytes(left)), plain.contains(TokenBytes(right)) {
          merges.append(
            ScoredMerge(
              score: scores[id], lengths: (cut, token.count - cut), token: id, parts: (left, right))
          )
        }
      }
    }
    return merges.sorted { $0.comes(before: $1) }.map(\.parts)
  }

  private static func text(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    return String(text)
  }
}

/// A way to cut a token into two.
private struct ScoredMerge {
  var score: Float
  var lengths: (left: Int, right: Int)
  var token: Int
  var parts: (String, String)

  func comes(before other: ScoredMerge) -> Bool {
    if score != other.score { return score > other.score }
    if lengths != other.lengths { return lengths > other.lengths }
    return token < other.token
  }
}
