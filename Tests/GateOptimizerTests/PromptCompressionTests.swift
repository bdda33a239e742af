import TestSupport
import Testing
import Transformer

@testable import GateOptimizer

/// Which tokens of a prompt stay.
@Suite struct PromptCompressionTests {
  @Test func poolsByHand() {
    let values: [Double] = [8, 0, 0, 4]
    #expect(PromptCompression.pooled(values, width: 1) == values)
    // An even width has one more before than behind.
    #expect(PromptCompression.pooled(values, width: 2) == [4, 4, 0, 2])
    #expect(PromptCompression.pooled([3, 0, 0, 6], width: 3) == [1, 1, 2, 2])
    // Outside is 0, and counts.
    #expect(PromptCompression.pooled(values, width: 8) == [1.5, 1.5, 1.5, 1.5])
    #expect(PromptCompression.pooled(values, width: 1 << 24)[0] == 12.0 / Double(1 << 24))
    #expect(PromptCompression.pooled([], width: 3).isEmpty)
  }

  @Test func whatStaysByHand() {
    let scores: [Double] = [9, 1, 5, 5, 7, 0]
    let plain = PromptCompression(tokens: 5, rows: 2, pool: 1)
    // The best three of six, and the last two; the first of equals.
    #expect(plain.kept(prompt: 8, by: scores) == [0, 2, 4, 6, 7])
    #expect(plain.mostRecent(prompt: 8) == [3, 4, 5, 6, 7])
    // A first token that stays whatever it is, and a question of three tokens.
    let whole = PromptCompression(tokens: 6, rows: 2, pool: 1, first: 1, question: 3)
    #expect(whole.kept(prompt: 8, by: [0, 1, 5, 5, 7, 9]) == [0, 2, 4, 5, 6, 7])
    #expect(whole.mostRecent(prompt: 8) == [0, 3, 4, 5, 6, 7])
    #expect(PromptCompression(tokens: 7, rows: 4, question: 3).last == 4)
  }

  @Test func drawnTokensAreOfTheSeed() {
    let compression = PromptCompression(tokens: 12, rows: 4, pool: 1, first: 2)
    func drawn(_ seed: UInt64) -> [Int] {
      var generator = SeededGenerator(seed: seed, stream: .compression)
      return compression.drawn(prompt: 40, &generator)
    }
    let positions = drawn(1)
    #expect(positions == drawn(1) && positions != drawn(2))
    #expect(positions == Set(positions).sorted() && positions.count == 12)
    #expect(positions.prefix(2) == [0, 1] && positions.suffix(4) == [36, 37, 38, 39])
  }

  @Test(arguments: [
    (40, 40, "--tokens: expected fewer tokens than the prompt's 40"),
    (41, 40, "--tokens: expected fewer tokens than the prompt's 40"),
    (
      18, 40,
      "--tokens: expected more than 18 tokens, since the first 2 and the last 16 always stay"
    ),
    (
      1, 10,
      "--rows: expected fewer tokens to stay than the prompt's 10, so that some can go, found the first 2 and"
    ),
  ])
  func impossibleNumbersAreRefused(tokens: Int, prompt: Int, words: String) {
    let compression = PromptCompression(tokens: tokens, first: 2)
    let error = #expect(throws: GateOptimizerError.self) {
      try compression.validate(prompt: prompt, name: "--tokens")
    }
    #expect(error?.description.contains(words) == true, "\(error as Any)")
  }

  /// The pool of the heads' sum against whole matrices in Double; later layers are not computed.
  @Test(arguments: Architectures.all)
  func scoresAreThoseOfTheOracle(_ c: ModelConfiguration) {
    let model = RandomModel(c, seed: 75)
    var random = TestRandom(seed: 76)
    let prompt = random.tokens(50, vocabulary: c.vocabulary)
    let compression = PromptCompression(tokens: 20, rows: 6, pool: 4)
    let weights = ReferenceModel(model).attentionWeights(prompt)[1]
    let found = compression.scores(model.decoder, prompt, layer: 1, heads: [0, 2])
    /// The mean of the last six rows' weights on a key, of both heads.
    func attended(_ key: Int) -> Double {
      [0, 2].reduce(0.0) { sum, head in
        weights[head][44...].reduce(sum) { $0 + $1[key] / 6 }
      }
    }
    let expected = (0..<44).map { place in
      let neighbours = (place - 2...place + 1).filter { (0..<44).contains($0) }
      return neighbours.reduce(0.0) { $0 + attended($1) / 4 }
    }
    expectClose(found.map(Float.init), expected, tolerance: 1e-4, "\(c.modelType)")
  }
}
