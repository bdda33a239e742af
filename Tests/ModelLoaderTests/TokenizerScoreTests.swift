import Foundation
import ModelLoader
import TestSupport
import Testing

/// The merges that the scores of a SentencePiece vocabulary stand for.
@Suite struct TokenizerScoreTests {
  private func metadata(_ tokens: [String], _ scores: [Float]) -> GGUFTokenizerMetadata {
    GGUFTokenizerMetadata(
      model: "llama", tokens: ["<unk>"] + tokens, scores: [0] + scores,
      tokenTypes: [2] + tokens.map { _ in 1 }, unknownTokenID: 0)
  }

  private func merges(of metadata: GGUFTokenizerMetadata) throws -> [[String]] {
    let root = try JSONSerialization.jsonObject(with: TokenizerJSON.fromGGUF(metadata))
    let model = try #require((root as? [String: Any])?["model"] as? [String: Any])
    return try #require(model["merges"] as? [[String]])
  }

  /// Every cut of every token tried, as transformers' `generate_merges` does.
  private func oracle(_ tokens: [String], _ scores: [Float]) -> [[String]] {
    typealias Merge = (score: Float, left: Int, right: Int, id: Int, parts: [String])
    var merges: [Merge] = []
    let known = Set(tokens.map { Array($0.unicodeScalars) })
    for (id, token) in tokens.enumerated() {
      let scalars = Array(token.unicodeScalars)
      for cut in scalars.indices.dropFirst() {
        let parts = [Array(scalars[..<cut]), Array(scalars[cut...])]
        guard parts.allSatisfy(known.contains) else { continue }
        let texts = parts.map { part in
          var view = String.UnicodeScalarView()
          view.append(contentsOf: part)
          return String(view)
        }
        merges.append((scores[id], cut, scalars.count - cut, id, texts))
      }
    }
    return merges.sorted { a, b in
      if a.score != b.score { return a.score > b.score }
      if (a.left, a.right) != (b.left, b.right) { return (a.left, a.right) > (b.left, b.right) }
      return a.id < b.id
    }.map(\.parts)
  }

  @Test(arguments: 0..<6)
  func sameAsEveryCutTried(seed: Int) throws {
    var generator = TestGenerator(seed: UInt64(seed))
    var tokens: [String] = ["a", "é", "▁"]
    var seen = Set(tokens.map { Array($0.utf8) })
    while tokens.count < 120 {
      let count = 1 + generator.below(6)
      let token = (0..<count).map { _ in ["a", "b", "é", "▁", "e\u{301}"][generator.below(5)] }
        .joined()
      if seen.insert(Array(token.utf8)).inserted { tokens.append(token) }
    }
    let scores = tokens.map { _ in -Float(generator.below(9)) }
    let found = try merges(of: metadata(tokens, scores))
    #expect(found.count > 20)
    #expect(
      found.map { $0.map { Array($0.utf8) } }
        == oracle(tokens, scores).map { $0.map { Array($0.utf8) } })
  }

  /// Tokens as long as they may be; of a thousand, trying every cut took a minute and a gigabyte.
  @Test(.timeLimit(.minutes(1)))
  func longTokensTakeTimeInTheirLength() throws {
    var generator = TestGenerator(seed: 1)
    let tokens = (0..<300).map { _ in
      String(decoding: (0..<1024).map { _ in UInt8(97 + generator.below(8)) }, as: UTF8.self)
    }
    let start = ContinuousClock.now
    #expect(try merges(of: metadata(tokens, tokens.map { _ in 0 })).isEmpty)
    #expect(ContinuousClock.now - start < .seconds(20))
  }

  /// "a", "aa", "aaa" …: a merge for each byte, each with all the text of its token.
  @Test(.timeLimit(.minutes(1)))
  func tokensOfVeryManyMergesAreRefused() throws {
    let tokens = (1...1024).map { String(repeating: "a", count: $0) }
    let error = #expect(throws: TokenizerError.self) {
      try TokenizerJSON.fromGGUF(metadata(tokens, tokens.map { _ in 0 }))
    }
    #expect(error?.description.contains("tokenizer.ggml.tokens") == true)
    #expect(error?.description.contains("fill the memory") == true)
  }
}

/// Numbers that are the same in every run.
struct TestGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// A number below `bound`.
  mutating func below(_ bound: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int((z ^ (z >> 31)) % UInt64(bound))
  }
}
