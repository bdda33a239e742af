import Foundation
import TestSupport
import Testing
import Transformer

@testable import GateOptimizer

/// Documents ranked by heads and by words.
@Suite struct DocumentRerankerTests {
  private static let prefix = 40
  private static let documents = [2..<15, 15..<16, 20..<40]

  /// A prompt of random tokens.
  private func prompt(_ c: ModelConfiguration, seed: UInt64) -> DocumentPrompt {
    var random = TestRandom(seed: seed)
    return DocumentPrompt(
      prefix: random.tokens(Self.prefix, vocabulary: c.vocabulary),
      query: random.tokens(9, vocabulary: c.vocabulary),
      null: random.tokens(6, vocabulary: c.vocabulary), documents: Self.documents, gold: [],
      needles: [],
      answer: nil, leadIn: [])
  }

  /// Heads are summed per token, then faint tokens are left out: whole matrices in Double say the same.
  @Test(arguments: Architectures.all)
  func scoresOfSeveralHeads(_ c: ModelConfiguration) {
    let model = RandomModel(c, seed: 71)
    let (prompt, oracle) = (prompt(c, seed: 72), ReferenceModel(model))
    let sets = [
      HeadChoice.all(of: c), [HeadPlace(layer: 1, head: 0), HeadPlace(layer: 0, head: 2)],
    ]
    let found = DocumentReranker(model.decoder).scores(prompt, by: sets)
    func weights(_ rows: [Int32]) -> [[[[Double]]]] {
      oracle.attentionWeights(prompt.prefix + rows)
    }
    let (asked, null) = (weights(prompt.query), weights(prompt.null))
    func mean(_ matrix: [[Double]], _ key: Int) -> Double {
      matrix[Self.prefix...].reduce(0) { $0 + $1[key] } / Double(matrix.count - Self.prefix)
    }
    for (set, scores) in zip(sets, found) {
      let gains = (0..<Self.prefix).map { key in
        set.reduce(0) {
          $0 + mean(asked[$1.layer][$1.head], key) - mean(null[$1.layer][$1.head], key)
        }
      }
      let expected = Self.documents.map { document in
        let own = gains[document]
        let n = Double(own.count)
        let center = own.reduce(0, +) / n
        let deviation =
          (own.reduce(0) { $0 + ($1 - center) * ($1 - center) } / max(n - 1, 1)).squareRoot()
        return n == 1
          ? own.reduce(0, +) : own.filter { $0 > center - 2 * deviation }.reduce(0, +)
      }
      expectClose(scores.map(Float.init), expected, tolerance: 1e-4, "\(c.modelType)")
    }
  }

  /// What is computed of the model behind the last head changes no bit.
  @Test func laterLayersAreNotComputed() {
    let model = RandomModel(Architectures.llama, seed: 73)
    let prompt = prompt(Architectures.llama, seed: 74)
    let first = [HeadPlace(layer: 0, head: 3)]
    let alone = DocumentReranker(model.decoder).scores(prompt, by: [first])
    let beside = DocumentReranker(model.decoder).scores(
      prompt, by: [first, HeadChoice.all(of: Architectures.llama)])
    #expect(alone[0] == beside[0])
  }

  /// Three documents of 3, 6 and 3 words, 4 in the mean.
  @Test func wordsByHand() {
    let words = BM25(["The cat sat.", "the dog sat on the CAT", "a bird sang"])
    // In two of three documents: ln(1 + 1.5/2.5); in one: ln(1 + 2.5/1.5).
    let (two, one) = (log(1.6), log(1 + 2.5 / 1.5))
    // Damping: 1.2 · (0.25 + 0.75 · words/4).
    let (short, long) = (1.2 * (0.25 + 0.75 * 0.75), 1.2 * (0.25 + 0.75 * 1.5))
    func expect(_ query: String, _ expected: [Double]) {
      for (found, value) in zip(words.scores(query), expected) {
        #expect(abs(found - value) < 1e-12, "\(query): \(found), \(value)")
      }
    }
    expect("cat", [two / (1 + short), two / (1 + long), 0])
    expect("The dog?", [two / (1 + short), 2 * two / (2 + long) + one / (1 + long), 0])
    expect("bird bird", [0, 0, 2 * one / (1 + short)])
    expect("…", [0, 0, 0])
    #expect(BM25([]).scores("cat").isEmpty)
    #expect(BM25.words("Émile's 2nd_door") == ["émile", "s", "2nd", "door"])
  }
}
