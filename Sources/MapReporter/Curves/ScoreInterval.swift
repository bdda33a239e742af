import Foundation

/// Intervals for samples that all agree, where a bootstrap has no spread to draw from.
///
/// A sample counts as one trial, however many tokens it has. Tokens of one sample share its text, its needles
/// and the model's mistakes, and samples that agree do not tell how much: as many trials as tokens would pretend
/// that they are independent. The other extreme, that all tokens of a sample stand or fall together, is the
/// conservative one. It needs no estimate, and never claims more than n coins would.
///
/// (Wilson, Probable inference, the law of succession, and statistical inference, JASA 22, 1927; Brown, Cai &
/// DasGupta, Interval estimation for a binomial proportion, Statistical Science 16, 2001, who recommend it for
/// few trials.)
package struct ScoreInterval: Sendable {
  /// The normal quantile of (1 + confidence)/2, squared: 3.84 for 95 %.
  private let z2: Double

  /// Intervals that are to cover with a probability of `confidence`, 0…1.
  package init(confidence: Double = 0.95) {
    let z = Self.quantile(confidence)
    z2 = z * z
  }

  /// Wilson's interval of a share p in n samples that all have it.
  ///
  /// (p + z²/2n ± z·√(p(1 − p)/n + z²/4n²)) / (1 + z²/n): from n/(n + z²) to 1 for p = 1, from 0 to z²/(n + z²)
  /// for p = 0. Between them it is wide enough as well: rates in 0…1 with mean p vary by p(1 − p) at most.
  package func share(_ p: Double, samples n: Int) -> Estimate {
    let n = Double(n)
    let center = (p + z2 / (2 * n)) / (1 + z2 / n)
    let half = (z2 * (p * (1 - p) / n + z2 / (4 * n * n))).squareRoot() / (1 + z2 / n)
    // At 0 and 1 rounding must not leave the value outside.
    return Estimate(
      value: p, low: min(p, max(0, center - half)), high: max(p, min(1, center + half)))
  }

  /// The interval of a paired difference d of shares in n samples that all have it.
  ///
  /// None of n samples is of another kind. By Wilson, a share of q = z²/(n + z²) of all samples may be, and in
  /// them the difference may be anything from −1 to 1: (1 − q)·d ± q. For two maps that agree in every sample
  /// this is −q…q, and at 100 % or 0 % the paired interval of Newcombe, Statistics in Medicine 17, 1998,
  /// method 10.
  package func difference(_ d: Double, samples n: Int) -> Estimate {
    let q = z2 / (Double(n) + z2)
    return Estimate(value: d, low: (1 - q) * d - q, high: (1 - q) * d + q)
  }

  /// The fewest samples with which a map that agrees with full attention in each keeps `share` of its accuracy
  /// `full` at the lower end of ``difference(_:samples:)``.
  ///
  /// full − z²/(n + z²) ≥ share · full, so n ≥ z² · (1/((1 − share) · full) − 1). Nil where no number is enough.
  package func samplesNeeded(toKeep share: Double, of full: Double) -> Int? {
    let mayLose = (1 - share) * full
    guard mayLose > 0 else { return nil }
    return Int(exactly: max(1, z2 * (1 / mayLose - 1)).rounded(.up))
  }

  /// z with P(|Z| < z) = `confidence` for a normal Z, by bisection.
  private static func quantile(_ confidence: Double) -> Double {
    var (low, high) = (0.0, 40.0)
    for _ in 0..<64 {
      let middle = (low + high) / 2
      if erf(middle / 2.0.squareRoot()) < confidence { low = middle } else { high = middle }
    }
    return low
  }
}
