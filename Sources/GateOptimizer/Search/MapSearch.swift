/// What a search asks of sets of retrieval units.
public protocol SetJudge {
  /// Number of samples a loss is the mean of, ≥ 1.
  var samples: Int { get }
  /// The loss of a set on one sample, ≥ 0.
  func loss(of kept: [Bool], sample: Int) throws -> Double
  /// Makes a set the one that the next ones differ little from.
  func rebase(_ kept: [Bool])
}

/// Searches the sets of retrieval units that lose least, for every number of them: greedy removal from
/// full attention, with swaps at some sizes on the way (docs/method.md).
///
/// The loss of a set is a sum over samples of numbers ≥ 0, so that a set is given up as soon as its
/// sum is above the best one's: the choice is that of the full sums.
public struct MapSearch {
  /// How the search goes.
  public struct Settings: Sendable, Equatable {
    /// Units tried for each removal, those first that lost least when last tried; ≥ 1.
    public var shortlist = 6
    /// Sizes (streaming units) at which swaps are tried.
    public var swapSizes: Set<Int> = []
    /// Units tried for their return, and pairs tried, in each round of swaps; the best guesses first.
    public var swapTrials = 6
    /// Rounds of swaps for each size, at most.
    public var swapRounds = 2

    /// The defaults: nothing is swapped.
    public init() {}
  }

  private let judge: any SetJudge
  private let settings: Settings
  private let starts: [[Bool]]

  /// A search; `starts` are sets of swap sizes that are looked at too.
  public init(judge: any SetJudge, settings: Settings, starts: [[Bool]] = []) {
    self.judge = judge
    self.settings = settings
    self.starts = starts
  }

  /// Goes on from `state` until every unit streams or `onStep` returns false.
  ///
  /// - Parameters:
  ///   - state: Where to go on; updated after every removal.
  ///   - onStep: Called after every removal, with the state.
  /// - Throws: What the judge and `onStep` throw.
  public func run(
    _ state: inout SearchState, onStep: (SearchState) throws -> Bool
  ) throws {
    if state.removed == 0 { try measure(state.kept, &state) }
    while state.kept.contains(true) {
      judge.rebase(state.kept)
      try remove(&state)
      if settings.swapSizes.contains(state.removed) { try improve(&state) }
      guard try onStep(state) else { return }
    }
  }

  /// The losses of a set on all samples, or on the first of them if these are enough for a mean above
  /// `bound`.
  @discardableResult
  private func measure(
    _ kept: [Bool], below bound: Double = .infinity, _ state: inout SearchState
  ) throws -> [Double] {
    try measure(kept, samples: judge.samples, below: bound, &state)
  }

  /// The losses of a set on the first `samples` samples at least, as ``measure(_:below:_:)``.
  private func measure(
    _ kept: [Bool], samples: Int, below bound: Double = .infinity, _ state: inout SearchState
  ) throws -> [Double] {
    var losses = state.losses(of: kept)
    while losses.isEmpty
      || (losses.count < samples && losses.reduce(0, +) <= bound * Double(judge.samples))
    {
      losses.append(try judge.loss(of: kept, sample: losses.count))
    }
    state.note(kept, losses)
    return losses
  }

  /// What `removed` loses more than `kept`, on the samples both were measured on; half of them at least.
  private func change(
    from kept: [Bool], to removed: [Bool], _ state: inout SearchState
  ) throws -> Double {
    let half = (judge.samples + 1) / 2
    let more = try measure(removed, samples: half, &state)
    let less = try measure(kept, samples: half, &state)
    let both = min(more.count, less.count)
    return mean(more.prefix(both)) - mean(less.prefix(both))
  }

  /// Removes the unit whose loss costs least, of those that cost least when they were last tried.
  private func remove(_ state: inout SearchState) throws {
    let units = state.kept.indices.filter { state.kept[$0] }
    for unit in units where state.estimates[unit] == nil {
      state.estimates[unit] = try change(
        from: state.kept, to: state.kept.with(unit, false), &state)
    }
    let promising = units.sorted { (state.estimate($0), $0) < (state.estimate($1), $1) }
    var found: (unit: Int, loss: Double)?
    for unit in promising.prefix(settings.shortlist) {
      // Units cost more, not less, the fewer are left: what cost more before will not be the cheapest now.
      if let found, state.estimate(unit) >= state.estimate(found.unit) { break }
      let kept = state.kept.with(unit, false)
      let losses = try measure(kept, below: found?.loss ?? .infinity, &state)
      state.estimates[unit] = try change(from: state.kept, to: kept, &state)
      let loss = mean(losses)
      if losses.count == judge.samples, loss < found?.loss ?? .infinity { found = (unit, loss) }
    }
    // Of losses that are no numbers none is the least; any unit will do.
    state.kept[found?.unit ?? promising[0]] = false
    state.removed += 1
  }

  /// Swaps units as long as that loses less; then the best known set of this size is gone on from.
  private func improve(_ state: inout SearchState) throws {
    for start in starts where start.count(where: { !$0 }) == state.removed {
      try measure(start, &state)
    }
    for _ in 0..<settings.swapRounds {
      guard let current = state.best(streaming: state.removed) else { return }
      state.kept = current.kept
      judge.rebase(current.kept)
      try swap(current, &state)
      guard let now = state.best(streaming: state.removed), now != current else { return }
      state.kept = now.kept
    }
  }

  /// One round: what some units would gain by their return, then the best pairs of one that returns and
  /// one that goes.
  private func swap(_ current: SearchedSet, _ state: inout SearchState) throws {
    let gone = current.kept.indices.filter { !current.kept[$0] }
      .sorted { (state.estimate($1), $0) < (state.estimate($0), $1) }
    for unit in gone.prefix(settings.swapTrials) {
      state.estimates[unit] = try change(
        from: current.kept.with(unit, true), to: current.kept, &state)
    }
    let pairs = gone.prefix(settings.swapTrials).flatMap { add in
      current.kept.indices.filter { current.kept[$0] }
        .map { (add: add, remove: $0, change: state.estimate($0) - state.estimate(add)) }
    }
    let promising = pairs.sorted {
      ($0.change, $0.add, $0.remove) < ($1.change, $1.add, $1.remove)
    }
    for pair in promising.prefix(settings.swapTrials) {
      let kept = current.kept.with(pair.add, true).with(pair.remove, false)
      let best = state.best(streaming: current.streaming)?.loss ?? .infinity
      try measure(kept, below: best, &state)
    }
  }
}

extension [Bool] {
  /// These flags with another one at `index`.
  fileprivate func with(_ index: Int, _ flag: Bool) -> [Bool] {
    var flags = self
    flags[index] = flag
    return flags
  }
}

private func mean(_ losses: some Collection<Double>) -> Double {
  losses.reduce(0, +) / Double(losses.count)
}
