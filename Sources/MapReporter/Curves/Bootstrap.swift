import GateOptimizer

/// What one sample contributes: tokens predicted right, of tokens asked for.
public struct SampleScore: Sendable, Hashable {
  /// Tokens predicted right.
  public var correct: Int
  /// Tokens scored.
  public var total: Int

  /// `correct` of `total` tokens.
  public init(correct: Int, total: Int) {
    self.correct = correct
    self.total = total
  }
}

/// Percentile bootstrap over samples: tokens of one sample depend on each other, samples do not.
///
/// A replicate draws as many samples as there are, with replacement, and pools their tokens:
/// Σ correct / Σ total. The interval runs between the (1 ± confidence)/2 quantiles of the
/// replicates, interpolated linearly between order statistics. The same seed gives the same bits.
/// (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, §13.3.)
public struct Bootstrap: Sendable {
  /// Replicates drawn, ≥ 1.
  public var resamples: Int
  /// Probability the interval is to cover, 0…1.
  public var confidence: Double
  /// Seed of the draws.
  public var seed: UInt64

  /// A bootstrap with its number of replicates, coverage and seed.
  public init(resamples: Int = 2000, confidence: Double = 0.95, seed: UInt64 = 0) {
    self.resamples = max(1, resamples)
    self.confidence = confidence
    self.seed = seed
  }

  /// Pooled accuracy with its interval; nil when no token was scored.
  public func accuracy(_ scores: [SampleScore]) -> Estimate? {
    let scored = scores.filter { $0.total > 0 }
    return estimate(count: scored.count) { pick in
      Self.pooled(pick.map { scored[$0] })
    }
  }

  /// Pooled accuracy of `scores` less that of `reference` on the same samples, with its interval.
  ///
  /// Both arrays hold the same samples in the same order: a replicate draws pairs. Samples without
  /// tokens in either are left out.
  public func difference(_ scores: [SampleScore], minus reference: [SampleScore]) -> Estimate? {
    precondition(scores.count == reference.count, "\(scores.count) and \(reference.count) samples")
    let pairs = zip(scores, reference).filter { $0.total > 0 && $1.total > 0 }
    return estimate(count: pairs.count) { pick in
      Self.pooled(pick.map { pairs[$0].0 }) - Self.pooled(pick.map { pairs[$0].1 })
    }
  }

  private func estimate(count: Int, statistic: ([Int]) -> Double) -> Estimate? {
    guard count > 0 else { return nil }
    var generator = SeededGenerator(seed: seed, stream: .resampling)
    let replicates = (0..<resamples).map { _ in
      statistic((0..<count).map { _ in generator.below(count) })
    }.sorted()
    let tail = (1 - confidence) / 2
    return Estimate(
      value: statistic(Array(0..<count)), low: Self.quantile(tail, of: replicates),
      high: Self.quantile(1 - tail, of: replicates))
  }

  private static func pooled(_ scores: [SampleScore]) -> Double {
    let correct = scores.reduce(0) { $0 + $1.correct }
    let total = scores.reduce(0) { $0 + $1.total }
    return Double(correct) / Double(total)
  }

  /// The quantile of sorted values, linear between neighbours (numpy's default).
  static func quantile(_ share: Double, of sorted: [Double]) -> Double {
    let position = min(max(share, 0), 1) * Double(sorted.count - 1)
    let lower = Int(position)
    let upper = min(lower + 1, sorted.count - 1)
    return sorted[lower] + (sorted[upper] - sorted[lower]) * (position - Double(lower))
  }
}
