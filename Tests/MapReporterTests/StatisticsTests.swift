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
    // All samples but one lose one of two tokens, whatever their level: little spread is left.
    let full = [2, 1, 2, 1].map { SampleScore(correct: $0, total: 2) }
    let ours = [1, 0, 1, 1].map { SampleScore(correct: $0, total: 2) }
    let estimate = try #require(Bootstrap(seed: 2).difference(ours, minus: full))
    #expect(estimate == Estimate(value: -0.375, low: -0.5, high: -0.125))
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
  }

  /// The bits of a bootstrap stay what they were before agreeing samples had an interval of their own.
  @Test func samplesThatDifferKeepTheirBits() throws {
    let scores = (0..<40).map { SampleScore(correct: 11 - $0 / 37, total: 11) }
    let value = try #require(Bootstrap(seed: 9).value(scores))
    #expect(value == Estimate(value: 437.0 / 440, low: 433.0 / 440, high: 1))
    let full = scores.map { _ in SampleScore(correct: 11, total: 11) }
    let difference = try #require(Bootstrap(seed: 9).difference(scores, minus: full))
    #expect(difference == Estimate(value: 437.0 / 440 - 1, low: 433.0 / 440 - 1, high: 0))
    let losses = [SampleScore(sum: 0, count: 4), SampleScore(sum: 0, count: 4)]
    let loss = Bootstrap().value(losses, of: .divergence)
    #expect(loss == Estimate(value: 0, low: 0, high: 0))
  }

  /// All samples right, or all wrong: n / (n + z²) and z² / (n + z²) of Wilson, with samples as trials however
  /// many tokens they have.
  @Test(arguments: [(1, 0.2065), (4, 0.5101), (40, 0.9124)])
  func samplesThatAgreeHaveWilsonsInterval(samples: Int, end: Double) throws {
    let right = Array(repeating: SampleScore(correct: 32, total: 32), count: samples)
    let ceiling = try #require(Bootstrap().value(right))
    #expect(ceiling.value == 1 && ceiling.high == 1 && ceiling.hasInterval)
    #expect(abs(ceiling.low - end) < 1e-4)
    let wrong = right.map { SampleScore(correct: 0, total: $0.count) }
    let floor = try #require(Bootstrap().value(wrong, of: .exact))
    #expect(floor.value == 0 && floor.low == 0)
    #expect(abs(floor.high - (1 - end)) < 1e-4)
  }

  /// Each sample has two thirds right, in samples of other lengths.
  @Test func agreementIsOfRatesNotOfLengths() throws {
    let scores = [3, 6, 9].map { SampleScore(correct: $0 / 3 * 2, total: $0) }
    let estimate = try #require(Bootstrap().value(scores))
    #expect(estimate == ScoreInterval().share(2.0 / 3, samples: 3))
    #expect(estimate.low < 0.25 && estimate.high > 0.9)
  }

  /// The intervals of Newcombe (1998), Two-sided confidence intervals for the single proportion, Table I.
  @Test(arguments: [
    (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611),
    (1, 29, 0.0061, 0.1718),
  ])
  func wilsonsIntervalIsThePublishedOne(right: Int, of all: Int, low: Double, high: Double) {
    let interval = ScoreInterval().share(Double(right) / Double(all), samples: all)
    #expect(abs(interval.low - low) < 5e-5 && abs(interval.high - high) < 5e-5)
  }

  /// Equal in each of four samples: up to 49 % of all samples may be of another kind.
  @Test func differencesThatAgreeAreNotCertain() throws {
    let full = [8, 8, 8, 8].map { SampleScore(correct: $0, total: 8) }
    let same = try #require(Bootstrap().difference(full, minus: full))
    #expect(same.value == 0 && same.low == -same.high)
    #expect(abs(same.high - 0.4899) < 1e-4)
    // Below the ceiling as well, and where each sample loses as much.
    let varied = [2, 1, 2, 1].map { SampleScore(correct: $0, total: 2) }
    #expect(Bootstrap().difference(varied, minus: varied) == same)
    let worse = varied.map { SampleScore(correct: Int($0.sum) - 1, total: 2) }
    let lost = try #require(Bootstrap().difference(worse, minus: varied))
    #expect(lost.value == -0.5)
    #expect(abs(lost.low - (-0.5 * 0.5101 - 0.4899)) < 1e-4)
    #expect(abs(lost.high - (-0.5 * 0.5101 + 0.4899)) < 1e-4)
  }

  @Test func oneSampleOfALossHasNoInterval() throws {
    let one = [SampleScore(sum: 2, count: 4)]
    let loss = try #require(Bootstrap().value(one, of: .divergence))
    #expect(loss == Estimate(withoutInterval: 0.5))
    #expect(!loss.hasInterval && loss.low == 0.5 && loss.high == 0.5)
    let difference = try #require(Bootstrap().difference(one, minus: one, of: .perplexity))
    #expect(difference == Estimate(withoutInterval: 0))
  }

  /// Samples from which n / (n + z²) reaches the share: 0.95 · 3.8415 / 0.05 = 72.99.
  @Test func samplesThatShowAShare() {
    let interval = ScoreInterval()
    #expect(interval.samplesNeeded(toKeep: 0.95, of: 1) == 73)
    #expect(interval.samplesNeeded(toKeep: 0.9, of: 1) == 35)
    // Less than all of it to keep less of: (1 − 0.05 · 0.8) / (0.05 · 0.8) · 3.8415 = 92.2.
    #expect(interval.samplesNeeded(toKeep: 0.95, of: 0.8) == 93)
    #expect(interval.samplesNeeded(toKeep: 1, of: 1) == nil)
    #expect(interval.samplesNeeded(toKeep: 0.5, of: 1e-300) == nil)
    for samples in [72, 73] {
      let same = interval.difference(0, samples: samples)
      #expect((1 + same.low >= 0.95) == (samples == 73))
    }
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
