import Cluster
import GateOptimizer
import Transformer

/// Judges sets on all samples of a search, of which each rank has its own: sample i is that of rank i mod ranks.
///
/// Where sets are measured one after the other, the next samples of a set are measured at the same time by the ranks
/// that have them. What was not asked for then is not told either, so that a search notes what it would note alone.
final class SpreadJudge: LossJudge {
  private let ranks: Ranks
  private let unit: MapUnit
  private let loss: MapLoss
  /// The judge of this rank's samples.
  private let own: any LossJudge
  /// Calls what is called after each evaluation, or only looks whether to stop.
  private let meter: JudgeMeter
  let samples: Int
  private var base: [Bool] = []
  private var generation = 0
  /// Losses that are known and not yet asked for, under the present base.
  private var known: [Trial: Double] = [:]

  private struct Trial: Hashable {
    let kept: [Bool]
    let sample: Int
  }

  /// A judge on so many `samples`; `own` has those of this rank, and calls `meter`.
  init(
    _ ranks: Ranks, unit: MapUnit, loss: MapLoss, samples: Int, own: any LossJudge,
    meter: JudgeMeter
  ) {
    self.ranks = ranks
    self.unit = unit
    self.loss = loss
    self.samples = samples
    self.own = own
    self.meter = meter
  }

  var measuresTogether: Bool { own.measuresTogether }

  func rebase(_ kept: [Bool]) {
    own.rebase(kept)
    (base, generation, known) = (kept, generation + 1, [:])
  }

  func loss(of kept: [Bool], sample: Int) throws -> Double {
    let wanted = Trial(kept: kept, sample: sample)
    if known[wanted] == nil {
      let next = (sample..<min(sample + ranks.count, samples)).map {
        SetTrial(kept: kept, sample: $0)
      }
      let found = try meter.withoutCounting { try measure(next, by: [loss]) }
      for (trial, losses) in zip(next, found) {
        known[Trial(kept: trial.kept, sample: trial.sample)] = losses[0]
      }
    }
    try meter.count()
    return known.removeValue(forKey: wanted) ?? .nan
  }

  func losses(of trials: [SetTrial]) throws -> [Double] {
    try losses(of: trials, by: [loss]).map { $0[0] }
  }

  func losses(of trials: [SetTrial], by kinds: [MapLoss]) throws -> [[Double]] {
    try measure(trials, by: kinds)
  }

  /// Every rank measures what is of its samples.
  private func measure(_ trials: [SetTrial], by kinds: [MapLoss]) throws -> [[Double]] {
    let places = Dictionary(grouping: trials.indices) { ranks.owner(of: trials[$0].sample) }
    for rank in ranks.others {
      guard let theirs = places[rank] else { continue }
      try ranks.ask(
        .losses(
          RankTrials(
            unit: unit, generation: generation, base: base.flags,
            sets: theirs.map { trials[$0].kept.flags }, samples: theirs.map { trials[$0].sample },
            kinds: kinds)), of: rank)
    }
    var found = [[Double]](repeating: [], count: trials.count)
    if let mine = places[0] {
      let own = mine.map {
        SetTrial(kept: trials[$0].kept, sample: trials[$0].sample / ranks.count)
      }
      for (place, losses) in zip(mine, try self.own.losses(of: own, by: kinds)) {
        found[place] = losses
      }
    }
    for rank in ranks.others {
      guard let theirs = places[rank] else { continue }
      guard case .losses(let losses) = try ranks.awaitReply(of: rank, check: meter.check),
        losses.count == theirs.count, losses.allSatisfy({ $0.values.count == kinds.count })
      else { throw ranks.confused(rank) }
      for (place, own) in zip(theirs, losses) {
        found[place] = own.values
        try meter.each()
      }
    }
    return found
  }
}

/// Counts the evaluations of a search, and looks between them whether to stop.
final class JudgeMeter {
  private let onEach: () throws -> Void
  /// Looks whether to stop.
  let check: () throws -> Void
  private var counts = true

  /// Counts by `onEach`.
  init(check: @escaping () throws -> Void, onEach: @escaping () throws -> Void) {
    self.check = check
    self.onEach = onEach
  }

  /// An evaluation is done.
  func each() throws { try counts ? onEach() : check() }

  /// An evaluation was asked for that may have been done before.
  func count() throws { try onEach() }

  /// Evaluations are not counted meanwhile.
  func withoutCounting<Value>(_ work: () throws -> Value) throws -> Value {
    counts = false
    defer { counts = true }
    return try work()
  }
}
