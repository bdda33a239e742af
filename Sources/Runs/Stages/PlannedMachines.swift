import GateOptimizer
import Transformer

/// The machines that a plan is for, a rank on each.
package struct PlannedMachines: Sendable, Equatable {
  /// How many there are, 1 or more.
  package var count: Int
  /// Cores of each, 1 or more.
  package var cores: Int
  /// Operations a second of one core, above 0; nil for what a short prefill reaches here.
  package var coreRate: Double?

  /// Cores that may be at work here.
  package static var coresHere: Int { Parallelism.cores }

  /// So many machines of so many cores.
  package init(count: Int, cores: Int, coreRate: Double?) {
    (self.count, self.cores, self.coreRate) = (count, cores, coreRate)
  }
}

/// Work on samples that is dealt out to ranks, which wait for one another at the end of each round.
struct DealtWork {
  /// Rounds, one after the other.
  var rounds = 1.0
  /// Samples of a round.
  let samples: Int
  /// Operations for each sample.
  let operations: Double

  /// Operations of the rank with most samples, in all rounds.
  func slowest(of ranks: Int) -> Double {
    rounds * Double(Self.most(samples, ranks)) * operations
  }

  /// Samples of the rank with most of them.
  static func most(_ samples: Int, _ ranks: Int) -> Int { (samples + ranks - 1) / ranks }

  /// Samples that are on other machines than rank 0's.
  static func elsewhere(_ samples: Int, _ ranks: Int) -> Int { samples - most(samples, ranks) }
}

/// An evaluation, whose ranks share the last samples where there are fewer of them than ranks.
struct DealtEvaluation {
  let samples: Int
  let maps: Int
  /// Operations that every rank with a part of a sample does, and those of a map.
  let once: Double
  let each: Double

  /// Operations of the rank that ends last.
  func slowest(of ranks: Int) -> Double {
    let (rounds, left) = samples.quotientAndRemainder(dividingBy: ranks)
    let whole = Double(rounds) * (once + Double(maps) * each)
    guard left > 0 else { return whole }
    let sharing = max(1, ranks / left)
    return whole + once + Double(DealtWork.most(maps, sharing)) * each
  }
}

/// Bytes that ranks send one another, from the forms of ``RankRequest`` and ``RankReply`` (JSON).
struct SentBytes {
  let model: ModelConfiguration
  let ranks: Int

  /// A request or a reply with nothing in it.
  private static let envelope = 90
  /// A number of 64 bits in base 64.
  private static let number = 11

  private var others: Int { ranks - 1 }

  /// A table of numbers, with quotes and commas for each layer.
  private func table(columns: Int) -> Int {
    Self.envelope + model.layers * (Self.number * columns + 3)
  }

  /// Nothing where there is one rank.
  private func whereSeveral(_ bytes: Int) -> Int { ranks > 1 ? bytes : 0 }

  /// What is said when ranks open the run.
  var open: Int { others * 4700 }

  /// Gates for every rank and step, and gradients of every sample elsewhere.
  func learn(steps: Int, batch: Int) -> Int {
    let busy = min(ranks, batch) - 1
    let elsewhere = DealtWork.elsewhere(batch, ranks)
    let gates = table(columns: model.keyValueHeads)
    return whereSeveral(steps * (busy * gates + elsewhere * (gates + 60)))
  }

  /// A flag for each of the units of every set, for every rank, and a loss for every sample of a set elsewhere.
  func search(evaluations: Int, samples: Int, units: Int) -> Int {
    let sets = evaluations / max(samples, 1)
    let busy = min(ranks, samples) - 1
    return whereSeveral(
      sets * busy * (units + 3) + units * busy * 2 * Self.envelope
        + sets * DealtWork.elsewhere(samples, ranks) * Self.number)
  }

  /// A table over query heads for each method and sample elsewhere, and accuracies for each set of masked heads.
  func score(methods: Int, samples: Int, masks: Int, maskSamples: Int) -> Int {
    let heads = table(columns: model.queryHeads)
    let flags = Self.envelope + model.layers * (model.queryHeads + 3)
    return whereSeveral(
      methods * (DealtWork.elsewhere(samples, ranks) * heads + others * Self.envelope)
        + masks * (DealtWork.elsewhere(maskSamples, ranks) * 250 + others * flags))
  }

  /// The maps for every rank, and for each sample elsewhere the wanted ones and what each scored.
  func evaluate(samples: Int, maps: Int) -> Int {
    let all = maps * model.layers * (model.keyValueHeads + 3)
    let elsewhere = samples - samples / ranks
    return whereSeveral(others * all + elsewhere * (2 * Self.envelope + maps * (4 + 160)))
  }
}
