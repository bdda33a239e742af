import Foundation
import MapReporter
import Testing
import Transformer

@Suite struct StatisticsTests {
  @Test func accuracyPoolsTokensNotSamples() throws {
    let scores = [SampleScore(correct: 1, total: 4), SampleScore(correct: 2, total: 2)]
    let estimate = try #require(Bootstrap(seed: 1).value(scores))
    #expect(estimate.value == 0.5)
    // The three possible replicates are 1/4 (p 1/4), 3/6 (p 1/2) and 1 (p 1/4).
    #expect(estimate.low == 0.25)
    #expect(estimate.high == 1)
  }

  @Test func intervalMatchesTheExactDistribution() throws {
    // Ten samples of one token, five right: replicates are Binomial(10, 1/2)/10, whose 2.5 % and
    // 97.5 % quantiles are 0.2 and 0.8 (P(X ≤ 1) = 11/1024 = 1.1 %, P(X ≤ 2) = 56/1024 = 5.5 %).
    let scores = (0..<10).map { SampleScore(correct: $0 % 2, total: 1) }
    for seed in 0..<5 as Range<UInt64> {
      let estimate = try #require(Bootstrap(resamples: 4000, seed: seed).value(scores))
      #expect(estimate == Estimate(value: 0.5, low: 0.2, high: 0.8))
    }
  }

  @Test func narrowerConfidenceGivesNarrowerInterval() throws {
    // P(X ≤ 4) = 386/1024 = 37.7 %, P(X ≤ 3) = 17.2 %: the central half runs from 0.4 to 0.6.
    let scores = (0..<10).map { SampleScore(correct: $0 % 2, total: 1) }
    let estimate = try #require(
      Bootstrap(resamples: 4000, confidence: 0.5, seed: 3).value(scores))
    #expect(estimate == Estimate(value: 0.5, low: 0.4, high: 0.6))
  }

  @Test func differenceIsPaired() throws {
    // Every sample loses exactly one of two tokens, whatever its level: no spread is left.
    let full = [2, 1, 2, 1].map { SampleScore(correct: $0, total: 2) }
    let ours = full.map { SampleScore(correct: Int($0.sum) - 1, total: 2) }
    let estimate = try #require(Bootstrap(seed: 2).difference(ours, minus: full))
    #expect(estimate == Estimate(value: -0.5, low: -0.5, high: -0.5))
    let itself = try #require(Bootstrap(seed: 2).difference(full, minus: full))
    #expect(itself == Estimate(value: 0, low: 0, high: 0))
  }

  @Test func sameSeedSameBits() throws {
    let scores = (0..<40).map { SampleScore(correct: $0 * 7 % 11, total: 11) }
    let first = Bootstrap(seed: 9).value(scores)
    #expect(first == Bootstrap(seed: 9).value(scores))
    #expect(first != Bootstrap(seed: 10).value(scores))
  }

  @Test func nothingScoredHasNoAccuracy() {
    #expect(Bootstrap().value([]) == nil)
    #expect(Bootstrap().value([SampleScore(correct: 0, total: 0)]) == nil)
    let one = Bootstrap().value([SampleScore(correct: 3, total: 4)])
    #expect(one == Estimate(value: 0.75, low: 0.75, high: 0.75))
  }

  @Test func lossesAreMeansAndPerplexityTheirExponential() throws {
    let scores = [SampleScore(sum: 4, count: 4), SampleScore(sum: 2, count: 2)]
    #expect(Bootstrap().value(scores, of: .divergence)?.value == 1)
    #expect(Bootstrap().value(scores, of: .perplexity)?.value == exp(1))
    let lower = scores.map { SampleScore(sum: 0, count: $0.count) }
    let difference = try #require(Bootstrap().difference(scores, minus: lower, of: .perplexity))
    #expect(difference == Estimate(value: exp(1) - 1, low: exp(1) - 1, high: exp(1) - 1))
  }

  @Test func cacheCountsTokensKept() {
    let heads = HeadSet([[true, false], [false, false]])
    let deployment = Deployment(StreamingWindow(sink: 16, recent: 64))
    // One head of 1024 tokens and three of 80, keys and values, 64 numbers of two bytes.
    let bytes = KeyValueCacheSize.bytes(
      heads, deployment, context: 1024, headDim: 64, bytesPerValue: 2)
    #expect(bytes == 2 * 64 * 2 * (1024 + 3 * 80))
    #expect(KeyValueCacheSize.savedShare(heads, deployment, context: 1024) == 1 - 1264.0 / 4096)
    #expect(KeyValueCacheSize.savedShare(heads, deployment, context: 80) == 0)
  }
}
