import Support

extension TokenizerJSON {
  /// Longer tokens, in characters, are refused.
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
    if let (id, count) = overlong(metadata.tokens) {
      throw .wrongShape(
        place: "tokenizer.ggml.tokens[\(id)]", expected: "at most \(longestToken) characters",
        found: "a text of \(count)")
    }
    let tokens = metadata.tokens.map { Array($0.utf8) }
    let types = (metadata.tokenTypes ?? []).map(GGUFTokenType.init(rawValue:))
    let plain = tokens.indices.filter {
      types.isEmpty || types[$0] == .normal || types[$0] == .unused
    }
    let beginnings = PrefixSearch(plain.map { tokens[$0] })
    let ends = PrefixSearch(plain.map { tokens[$0].reversed() })
    // What the merges take as text may be much more than the tokens: "a", "aa", "aaa", … have a merge for
    // each of their bytes.
    let limit = ReadingBudget.factor * tokens.reduce(0) { $0 + $1.count } + ReadingBudget.floor
    var bytes = 0
    var merges: [ScoredMerge] = []
    for id in plain where !tokens[id].isEmpty {
      let cuts = cuts(of: tokens[id], beginnings, ends)
      bytes += cuts.count * (tokens[id].count + MemoryLayout<ScoredMerge>.stride)
      guard bytes <= limit else {
        throw .wrongShape(
          place: "tokenizer.ggml.tokens", expected: "tokens that few merges make",
          found: "tokens with so many cuts into two others that they would fill the memory")
      }
      for cut in cuts {
        merges.append(
          ScoredMerge(
            score: scores[id], lengths: (cut.characters, cut.charactersBehind), token: Int32(id),
            bytes: Int32(cut.bytes)))
      }
    }
    return merges.sorted { $0.comes(before: $1) }.map { merge in
      let token = tokens[Int(merge.token)]
      return (
        String(decoding: token[..<Int(merge.bytes)], as: UTF8.self),
        String(decoding: token[Int(merge.bytes)...], as: UTF8.self)
      )
    }
  }

  private static func overlong(_ tokens: [String]) -> (id: Int, count: Int)? {
    for (id, token) in tokens.enumerated() where token.utf8.count > longestToken {
      let count = token.unicodeScalars.count
      if count > longestToken { return (id, count) }
    }
    return nil
  }

  /// The cuts of a token whose two sides are tokens, from left to right.
  ///
  /// A side that is a token is UTF-8, so that no cut is inside a character.
  private static func cuts(
    of token: [UInt8], _ beginnings: PrefixSearch, _ ends: PrefixSearch
  ) -> [(bytes: Int, characters: Int, charactersBehind: Int)] {
    var isEnd = [Bool](repeating: false, count: token.count + 1)
    ends.forEachPrefix(of: token.reversed(), at: 0) { length, _ in
      isEnd[token.count - length] = true
    }
    func characters(_ range: Range<Int>) -> Int { token[range].count { $0 & 0xC0 != 0x80 } }
    var cuts: [(Int, Int, Int)] = []
    var (done, counted) = (0, 0)
    let total = characters(0..<token.count)
    beginnings.forEachPrefix(of: token, at: 0) { length, _ in
      guard length < token.count, isEnd[length] else { return }
      counted += characters(done..<length)
      done = length
      cuts.append((length, counted, total - counted))
    }
    return cuts
  }
}

/// A way to cut a token into two.
private struct ScoredMerge {
  var score: Float
  /// In characters.
  var lengths: (left: Int, right: Int)
  var token: Int32
  /// The length of the left part in bytes.
  var bytes: Int32

  func comes(before other: ScoredMerge) -> Bool {
    if score != other.score { return score > other.score }
    if lengths != other.lengths { return lengths > other.lengths }
    return token < other.token
  }
}
