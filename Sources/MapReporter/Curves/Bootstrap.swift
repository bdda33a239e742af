import GateOptimizer

/// Percentile bootstrap over samples: tokens of one sample depend on each other, samples do not.
///
/// A replicate draws as many samples as there are, with replacement, and pools their tokens:
/// Σ sum / Σ count. The interval runs between the (1 ± confidence)/2 quantiles of the
/// replicates, interpolated linearly between order statistics. The same seed gives the same bits.
/// (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, §13.3.)
///
/// Where all samples have the same share, or the same difference of shares, every replicate is the same, and
/// the interval would be a point: four samples of 100 % would claim certainty. ``ScoreInterval`` takes its
/// place. One sample of a loss, which has no bounds, has no interval.
package struct Bootstrap: Sendable {
  /// Replicates drawn, ≥ 1.
  package var resamples: Int
  /// Probability the interval is to cover, 0…1.
  package var confidence: Double
  /// Seed of the draws.
  package var seed: UInt64

  /// A bootstrap with its number of replicates, coverage and seed.
  package init(resamples: Int = 2000, confidence: Double = 0.95, seed: UInt64 = 0) {
    self.resamples = max(1, resamples)
    self.confidence = confidence
    self.seed = seed
  }

  /// The pooled value of `metric` with its interval; nil when nothing was scored.
  package func value(_ scores: [SampleScore], of metric: CurveMetric = .tokens) -> Estimate? {
    let scored = scores.filter { $0.count > 0 }
    let agreeing = { ScoreInterval(confidence: confidence).share($0, samples: scored.count) }
    return estimate(count: scored.count, of: metric, agreeing: agreeing) { draw in
      var pool = Pool()
      for sample in draw { pool.add(scored[sample]) }
      return metric.value(ofMean: pool.mean)
    }
  }

  /// The pooled value of `scores` less that of `reference` on the same samples, with its interval.
  ///
  /// Both arrays hold the same samples in the same order: a replicate draws pairs. Samples without
  /// tokens in either are left out.
  package func difference(
    _ scores: [SampleScore], minus reference: [SampleScore], of metric: CurveMetric = .tokens
  ) -> Estimate? {
    precondition(scores.count == reference.count, "\(scores.count) and \(reference.count) samples")
    let pairs = zip(scores, reference).filter { $0.count > 0 && $1.count > 0 }
    let agreeing = { ScoreInterval(confidence: confidence).difference($0, samples: pairs.count) }
    return estimate(count: pairs.count, of: metric, agreeing: agreeing) { draw in
      var (ours, theirs) = (Pool(), Pool())
      for sample in draw {
        ours.add(pairs[sample].0)
        theirs.add(pairs[sample].1)
      }
      return metric.value(ofMean: ours.mean) - metric.value(ofMean: theirs.mean)
    }
  }

  /// Sums over the samples of a replicate.
  private struct Pool {
    var sum = 0.0
    var count = 0
    var mean: Double { sum / Double(count) }

    mutating func add(_ score: SampleScore) {
      sum += score.sum
      count += score.count
    }
  }

  private func estimate(
    count: Int, of metric: CurveMetric, agreeing: (Double) -> Estimate,
    statistic: ([Int]) -> Double
  ) -> Estimate? {
    guard count > 0 else { return nil }
    let all = Array(0..<count)
    let value = statistic(all)
    guard metric.isShare else {
      return count == 1
        ? Estimate(withoutInterval: value) : percentiles(value, of: statistic, over: all)
    }
    // Shares that differ, differ by more than rounding: by one token of all at least.
    let areEqual = all.allSatisfy { abs(statistic([$0]) - value) < 1e-12 }
    return areEqual ? agreeing(value) : percentiles(value, of: statistic, over: all)
  }

  private func percentiles(
    _ value: Double, of statistic: ([Int]) -> Double, over all: [Int]
  ) -> Estimate {
    var generator = SeededGenerator(seed: seed, stream: .resampling)
    var draw = all
    let replicates = (0..<resamples).map { _ in
      for place in draw.indices { draw[place] = generator.below(all.count) }
      return statistic(draw)
    }.sorted()
    let tail = (1 - confidence) / 2
    return Estimate(
      value: value, low: Self.quantile(tail, of: replicates),
      high: Self.quantile(1 - tail, of: replicates))
  }

  /// The quantile of sorted values, linear between neighbours (numpy's default).
  package static func quantile(_ share: Double, of sorted: [Double]) -> Double {
    let position = min(max(share, 0), 1) * Double(sorted.count - 1)
    let lower = Int(position)
    let upper = min(lower + 1, sorted.count - 1)
    return sorted[lower] + (sorted[upper] - sorted[lower]) * (position - Double(lower))
  }
}
