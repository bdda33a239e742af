/// Work on samples that is dealt out to ranks, which wait for one another at the end of each round.
struct DealtWork {
  /// Rounds, one after the other.
  let rounds: Double
  /// Samples of a round: sample i is that of rank i mod ranks.
  let samples: Int
  /// Floating-point operations for each sample.
  let operations: Double

  /// Operations of the rank with most samples, in all rounds.
  func slowest(of ranks: Int) -> Double {
    rounds * Double(Self.most(samples, ranks)) * operations
  }

  /// Samples of the rank with most of `samples`.
  static func most(_ samples: Int, _ ranks: Int) -> Int { (samples + ranks - 1) / ranks }
}

/// The samples of steps, each of which a rank owns.
struct DealtSteps {
  /// Samples of the step's slowest rank, the mean over steps.
  let most: Double
  /// Ranks but the first that have some of a step's samples, the mean over steps.
  let busy: Double
  /// The samples they have, the mean over steps.
  let elsewhere: Double

  /// Steps that are looked at.
  private static let looked = 64

  /// Steps of `batch` samples out of a set of `count`, 0 for one without an end, as `SampleLearner` and `Ranks` deal them.
  init(steps: Int, batch: Int, of count: Int, ranks: Int) {
    let looked = max(1, min(steps, Self.looked))
    var (most, busy, elsewhere) = (0, 0, 0)
    for step in 0..<looked {
      var owned: [Int: Int] = [:]
      for place in step * batch..<(step + 1) * batch {
        owned[(count > 0 ? place % count : place) % ranks, default: 0] += 1
      }
      most += owned.values.max() ?? 0
      busy += owned.count { $0.key > 0 }
      elsewhere += batch - owned[0, default: 0]
    }
    self.most = Double(most) / Double(looked)
    self.busy = Double(busy) / Double(looked)
    self.elsewhere = Double(elsewhere) / Double(looked)
  }
}

/// An evaluation: whole samples as long as every rank gets as many, then parts of samples (``SpreadEvaluation``).
struct DealtEvaluation {
  let samples: Int
  let maps: Int
  /// Operations that a rank does for any part of a sample.
  let once: Double
  /// Operations for each map.
  let each: Double

  /// Operations of the rank that ends last.
  func slowest(of ranks: Int) -> Double {
    let (rounds, left) = samples.quotientAndRemainder(dividingBy: ranks)
    let whole = Double(rounds) * (once + Double(maps) * each)
    guard left > 0 else { return whole }
    let sharing = min(ranks / left, max(maps, 1))
    return whole + once + Double(DealtWork.most(maps, sharing)) * each
  }
}
