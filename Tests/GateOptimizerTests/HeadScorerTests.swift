import ModelLoader
import TestSupport
import Testing
import Transformer

@testable import GateOptimizer

/// Every method on a model of which the answer is known, and what is refused.
@Suite struct HeadScorerTests {
  private static let planted = [(layer: 2, head: 1), (layer: 4, head: 0)]
  private let model = PlantedModel(planted: Self.planted)

  /// Tokens that all differ: cues and what follows them in the second of three documents, and a query of the cues.
  private func prompt(_ seed: UInt64, _ tokenizer: Tokenizer) -> DocumentPrompt {
    // Words of their own, so that what is written has them as words.
    let words = (0..<Int32(tokenizer.vocabularySize)).filter {
      let bytes = tokenizer.piece(of: $0, isFirst: false)?.bytes ?? []
      return bytes.count > 2 && bytes[0] == 0x20
        && bytes[1...].allSatisfy { (0x61...0x7A).contains($0) }
    }
    var generator = SeededGenerator(seed: seed, stream: .scores)
    var drawn = generator.choose(96, of: words.count).map { words[$0] }
    // Their order tells nothing.
    for place in drawn.indices { drawn.swapAt(place, generator.below(drawn.count)) }
    let (prefix, rest) = (Array(drawn[..<90]), Array(drawn[90...]))
    let (cues, answer) = (35..<41, 41..<46)
    return DocumentPrompt(
      prefix: prefix, query: Array(prefix[cues]), null: Array(rest[..<6]),
      documents: [4..<30, 30..<60, 60..<88], gold: [1], needles: [answer], answer: answer,
      leadIn: [])
  }

  private func score(_ method: ScoreMethod, _ settings: ScoreSettings = .init()) throws
    -> ScoredHeads
  {
    let tokenizer = try EmbeddedModel.tokenizer()
    let scorer = HeadScorer(
      model.decoder, tokenizer: tokenizer, endTokens: [], settings: settings)
    let prompts = (0..<3).map { prompt($0, tokenizer) }
    var visited: [Int] = []
    let found = try scorer.score(by: [method], prompts) { visited.append($0) }
    #expect(visited == [0, 1, 2])
    return try #require(found[method])
  }

  /// The planted key-value heads come first, far from the others.
  ///
  /// For KVzip the head that looks one token back comes beside them: from the first row behind the context it looks at
  /// the context's last token.
  @Test(
    arguments: [
      ScoreMethod.retrievalHead, .queryFocused, .multimodal, .evaluator, .repetition,
      .meanQueryKey,
    ])
  func everyMethodPutsThePlantedHeadsFirst(method: ScoreMethod) throws {
    let found = try score(method)
    #expect(found.samples == 3)
    #expect(found.answered == (method == .retrievalHead ? 3 : nil))
    let gates = found.scores.gates(keyValueHeads: 2)
    let ranked = HeadScores(unit: .keyValue, rows: gates.rows).ranked
    let expected: Set = method == .repetition ? ["2-1", "4-0", "0-0"] : ["2-1", "4-0"]
    let first = Set(ranked.prefix(expected.count).map(\.description))
    #expect(first == expected, "\(method.rawValue): \(gates.rows)")
    let values = ranked.map { gates[$0.layer, $0.head] }
    #expect(
      values[expected.count - 1] > 1.5 * max(values[expected.count], 0),
      "\(method.rawValue): \(values)")
  }

  @Test func aHeadThatRanksAloneHasItsGain() throws {
    var settings = ScoreSettings()
    settings.queryFocused = .ndcg
    let found = try score(.queryFocused, settings)
    // The planted heads put the gold document first in every sample.
    let rows = found.scores.gates(keyValueHeads: 2).rows
    #expect(rows[2][1] == 1 && rows[4][0] == 1)
    #expect(rows.joined().allSatisfy { (0...1).contains($0) })
  }

  @Test func noSampleAnsweredIsRefused() throws {
    var settings = ScoreSettings()
    settings.recall = 1
    do {
      _ = try score(.retrievalHead, settings)
      Issue.record("no error")
    } catch let error as GateOptimizerError {
      guard case .unanswered(samples: 3, recall: 1, let best) = error else {
        Issue.record("\(error)")
        return
      }
      // What was generated begins with the answer, and then goes on.
      #expect(best > 0.5 && best <= 1)
      #expect(error.description.contains("0 of 3 samples"))
    }
  }

  @Test func valuesOfRankingsByHand() {
    let ranking = DocumentRanking([0.1, 0.9, 0.9, -1])
    #expect(ranking.order == [1, 2, 0, 3])
    // Gold at places 1 and 3: (1 + 1/2) / (1 + 1/log2(3)).
    let best = 1 + 1 / 1.584962500721156
    #expect(abs(ranking.gain(gold: [0, 1], at: 10) - 1.5 / best) < 1e-12)
    #expect(ranking.gain(gold: [0, 1], at: 2) == 1 / best)
    #expect(ranking.gain(gold: [], at: 10) == 0)
    #expect(ranking.recall(gold: [0, 3], at: 3) == 0.5)
    #expect(AnswerText.recall(of: "Blue door, blue", in: "the blue DOOR opens") == 2.0 / 3)
    #expect(AnswerText.recall(of: "…", in: "text") == 0)
  }

  @Test func gatesOfScoresByHand() {
    let scores = HeadScores(unit: .query, rows: [[-1, 1, 0, 3], [2, 2, -1, 1]])
    #expect(scores.ranked.prefix(3).map(\.description) == ["0-3", "1-0", "1-1"])
    // Largest of the pairs: 1, 3 and 2, 1, none below 0: divided by 3.
    let third = 1.0 / 3
    let largest: [[Double]] = [[third, 1], [2 * third, third]]
    #expect(scores.gates(keyValueHeads: 2).rows == largest)
    // Means: 0, 1.5 and 2, 0.
    let means: [[Double]] = [[0, 0.75], [1, 0]]
    #expect(scores.gates(keyValueHeads: 2, grouping: .mean).rows == means)
    // Below 0 the lowest becomes 0.
    let moved: [[Double]] = [[0, 0.5, 0.25, 1], [0.75, 0.75, 0, 0.5]]
    #expect(scores.gates(keyValueHeads: 4).rows == moved)
  }
}
