import Foundation
import GateOptimizer
import MapReporter
import Testing
import Transformer

@testable import Runs

/// What ranks say to one another, and how they are compared.
@Suite struct RankMessageTests {
  private func sent<Content: Codable & Sendable>(_ content: Content) throws -> Content {
    try RankEnvelope<Content>(try RankEnvelope(number: 7, content).bytes()).content
  }

  @Test func numbersArriveBitByBit() throws {
    let values: [Double] = [
      0, -0.0, 0.1, -1.0 / 3, .leastNonzeroMagnitude, .greatestFiniteMagnitude, .infinity,
      -.infinity, .nan, .signalingNaN,
    ]
    let found = try sent(ExactNumbers(values)).values
    #expect(found.map(\.bitPattern) == values.map(\.bitPattern))
    #expect(try sent(ExactNumbers([])).values.isEmpty)
  }

  @Test func aSampleOfAStepArrivesWhole() throws {
    var seconds = StepSeconds()
    (seconds.teacher, seconds.student, seconds.backward) = (1.25, 0.1, 3)
    let result = TwoStreamResult(
      distillation: 0.3, gateGradients: [[0.1, -.infinity], [2, 1e-300]], studentRows: 12,
      seconds: seconds)
    let found = try #require(try sent(RankSample(LearnedSample(result, tokens: 9))).learned)
    #expect(found.tokens == 9 && found.result.studentRows == 12)
    #expect(found.result.distillation == 0.3 && found.result.seconds == seconds)
    #expect(found.result.gateGradients == [[0.1, -.infinity], [2, 1e-300]])
  }

  @Test func scoresAndMasksArriveWhole() throws {
    var scores = SampleScores()
    scores[.tokens].add(true)
    scores[.perplexity, 3].add(0.1)
    scores[.perplexity, 3].add(0.7)
    #expect(try sent(RankScores(scores)).scores == scores)
    let mask = HeadMask(.uniform, [(0, 1), (2, 0)], layers: 3, queryHeads: 2)
    #expect(try sent(RankMask(mask)).mask == mask)
    #expect(try sent(RankRows(.passedOver(recall: 0.4))).rows == .passedOver(recall: 0.4))
    #expect(try sent(RankRows(.counts([[0.1], [2]]))).rows == .counts([[0.1], [2]]))
    #expect([Bool](flags: [true, false, true].flags) == [true, false, true])
  }

  /// Parts have every place once, and differ in length by one at most.
  @Test(arguments: [(1, 1), (7, 3), (2, 5), (12, 4)]) func partsAreEqual(count: Int, parts: Int) {
    let ranges = Array(EqualParts(count, parts: parts))
    #expect(ranges.flatMap(Array.init) == Array(0..<count))
    let lengths = ranges.map(\.count)
    #expect((lengths.max() ?? 0) - (lengths.min() ?? 0) <= 1 && !lengths.contains(0))
    #expect(ranges.count == min(count, parts))
  }

  @Test func whatDiffersIsNamedWithBothMachines() {
    func facts(_ change: (inout RankFacts) -> Void = { _ in }) -> RankFacts {
      var facts = RankFacts("0.1.0 (abc)", .init(weightsSHA256: "aa"), texts: ["a.txt": "11"])
      change(&facts)
      return facts
    }
    let own = facts()
    #expect(own.difference(from: facts(), rank: 1) == nil)
    let cases: [(RankFacts, String)] = [
      (facts { $0.version = "0.1.0 (def)" }, "0.1.0 (def)"),
      (facts { $0.inputs["the text a.txt"] = "12" }, "the text a.txt has SHA-256 11"),
      (facts { $0.inputs["the text a.txt"] = nil }, "and none there"),
      (facts { $0.inputs["the weights of the model"] = "bb" }, "the weights of the model"),
      (facts { $0.kernels = "AVX-9 kernels" }, "AVX-9 kernels"),
    ]
    for (other, words) in cases {
      let found = own.difference(from: other, rank: 3) ?? "nothing"
      #expect(found.contains("rank 0 on ") && found.contains("rank 3 on "), "\(found)")
      #expect(found.contains(words), "\(found)")
    }
  }
}
