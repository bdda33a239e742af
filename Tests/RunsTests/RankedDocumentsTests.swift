import GateOptimizer
import MapReporter
import Testing

@testable import Runs

/// How good rankings are, by hand.
@Suite struct RankedDocumentsTests {
  private typealias Scored = RankedDocuments.Scored

  /// A question on twelve documents of which `gold` are gold, the chosen heads' scores those of `scores`.
  private func question(gold: [Int], _ scores: [Double]) -> RankedDocuments.Question {
    let documents = scores.map { DocumentSample.Document(text: "\($0)") }
    let rankings = [
      Scored(method: .chosen, scores: scores), Scored(method: .words, scores: scores),
    ]
    return RankedDocuments.Question(
      sample: DocumentSample(query: "a", documents: documents, gold: gold),
      rankings: gold.isEmpty ? [rankings[0]] : rankings)
  }

  private func estimate(
    _ ranked: RankedDocuments, _ measure: RankedDocuments.Measure
  ) throws -> Estimate {
    try #require(
      ranked.qualities.first { $0.method == .chosen && $0.measure == measure }?.estimate)
  }

  @Test func meansOverQuestionsWithGold() throws {
    let falling = (0..<12).map { 12 - Double($0) }
    // First; at place 4; behind the first ten; and one without gold, which does not count.
    let ranked = RankedDocuments([
      question(gold: [0], falling), question(gold: [3], falling), question(gold: [11], falling),
      question(gold: [], falling),
    ])
    #expect(ranked.measured == 3)
    #expect(ranked.questions[0].rankings[0].order == Array(0..<12))
    // Place 4 gains 1 / log2(5).
    let gain = try estimate(ranked, .gain)
    #expect(abs(gain.value - (1 + 0.430676558073393) / 3) < 1e-12)
    #expect(gain.hasInterval && gain.low == 0 && gain.high == 1)
    for (measure, value) in [(RankedDocuments.Measure.first, 1.0), (.five, 2), (.ten, 2)] {
      #expect(abs(try estimate(ranked, measure).value - value / 3) < 1e-12)
    }
    #expect(!ranked.qualities.contains { $0.method == .all })
  }

  @Test func oneQuestionHasNoInterval() throws {
    let ranked = RankedDocuments([question(gold: [1], [1, 2])])
    let gain = try estimate(ranked, .gain)
    #expect(gain.value == 1 && !gain.hasInterval)
    #expect(RankedDocuments([question(gold: [], [1])]).qualities.isEmpty)
  }
}
