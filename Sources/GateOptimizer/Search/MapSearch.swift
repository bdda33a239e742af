/// What a search asks of sets of retrieval units.
package protocol SetJudge {
  /// Number of samples a loss is the mean of, ≥ 1.
  var samples: Int { get }
  /// The loss of a set on one sample, ≥ 0.
  func loss(of kept: [Bool], sample: Int) throws -> Double
  /// Makes a set the one that the next ones differ little from.
  func rebase(_ kept: [Bool])
  /// Whether many sets at a time cost less than one after the other.
  var measuresTogether: Bool { get }
  /// The losses of many sets, each on a sample.
  func losses(of trials: [SetTrial]) throws -> [Double]
}

extension SetJudge {
  /// One set after the other.
  package var measuresTogether: Bool { false }

  /// One after the other.
  package func losses(of trials: [SetTrial]) throws -> [Double] {
    try trials.map { try loss(of: $0.kept, sample: $0.sample) }
  }
}

/// What can judge by several losses at a time.
package protocol LossJudge: SetJudge {
  /// For each of the sets, each on a sample, its loss by each of `kinds`.
  func losses(of trials: [SetTrial], by kinds: [MapLoss]) throws -> [[Double]]
}

/// A set that is to be measured on a sample.
package struct SetTrial: Sendable {
  /// The units that see the whole context.
  package let kept: [Bool]
  /// The sample.
  package let sample: Int

  /// `kept` on sample number `sample`.
  package init(kept: [Bool], sample: Int) {
    self.kept = kept
    self.sample = sample
  }
}

/// Searches the sets of retrieval units that lose least, for every number of them: greedy removal from
/// full attention, with swaps at some sizes on the way (docs/method.md).
///
/// With a beam the best few sets of each size are gone on from, not the best alone.
///
/// The loss of a set is a sum over samples of numbers ≥ 0, so that a set is given up as soon as its
/// sum is above the best one's: the choice is that of the full sums.
package struct MapSearch {
  private let judge: any SetJudge
  private let settings: SearchSettings
  private let swapSizes: Set<Int>
  private let starts: [[Bool]]

  /// A search by `settings`' shortlist, beam, swap rounds and swap trials.
  ///
  /// - Parameters:
  ///   - judge: What measures a set.
  ///   - settings: How the search goes.
  ///   - swapSizes: Sizes (streaming units) at which swaps are tried.
  ///   - starts: Sets of swap sizes that are looked at too.
  package init(
    judge: any SetJudge, settings: SearchSettings, swapSizes: Set<Int> = [], starts: [[Bool]] = []
  ) {
    self.judge = judge
    self.settings = settings
    self.swapSizes = swapSizes
    self.starts = starts
  }

  /// Goes on from `state` until every unit streams or `onStep` returns false.
  ///
  /// - Parameters:
  ///   - state: Where to go on; updated after every removal.
  ///   - onStep: Called after every removal, with the state.
  /// - Throws: ``GateOptimizerError/mapLoss(sample:)`` for a loss that is no number, or beyond 10¹⁰⁰; what the judge and
  ///   `onStep` throw.
  package func run(
    _ state: inout SearchState, onStep: (SearchState) throws -> Bool
  ) throws {
    if state.removed == 0 { try measure(state.branches[0].kept, &state) }
    if settings.direction == .both && state.removed == 0 {
      guard try grow(&state, onStep: onStep) else { return }
    }
    while state.branches[0].kept.contains(true) {
      try remove(&state)
      if swapSizes.contains(state.removed) { try improve(&state) }
      guard try onStep(state) else { return }
    }
  }

  /// Adds units to an all-streaming model, one after the other, until half of them retrieve.
  ///
  /// - Returns: Whether to go on.
  private func grow(
    _ state: inout SearchState, onStep: (SearchState) throws -> Bool
  ) throws -> Bool {
    let count = state.branches[0].kept.count
    var branch =
      state.growing
      ?? SearchBranch(
        kept: Array(repeating: false, count: count),
        estimates: Array(repeating: nil, count: count))
    try measure(branch.kept, &state)
    while branch.kept.count(where: { $0 }) < count / 2 {
      judge.rebase(branch.kept)
      try tryAdditions(to: &branch, &state)
      let streaming = branch.kept.count { !$0 } - 1
      guard let best = state.best(streaming: streaming) else { return true }
      branch.kept = best.kept
      state.growing = branch
      guard try onStep(state) else { return false }
    }
    return true
  }

  /// Measures the additions of the units that gained most when they were last tried.
  private func tryAdditions(to branch: inout SearchBranch, _ state: inout SearchState) throws {
    let units = branch.kept.indices.filter { !branch.kept[$0] }
    try estimateNew(units, of: &branch, kept: true, &state)
    let promising = units.sorted { (branch.estimate($0), $0) < (branch.estimate($1), $1) }
      .prefix(settings.shortlist)
    let streaming = branch.kept.count { !$0 } - 1
    let sets = promising.map { branch.kept.with($0, true) }
    if judge.measuresTogether {
      try race(sets, streaming: streaming, &state)
    } else {
      for set in sets { try measure(set, below: bound(streaming: streaming, state), &state) }
    }
    try estimate(promising, of: &branch, kept: true, &state)
  }

  /// Measures what those of `units` change that were never tried: their addition or their removal.
  private func estimateNew(
    _ units: [Int], of branch: inout SearchBranch, kept: Bool, _ state: inout SearchState
  ) throws {
    let new = units.filter { branch.estimates[$0] == nil }
    try measureTogether(new.map { branch.kept.with($0, kept) }, samples: half, &state)
    try estimate(new, of: &branch, kept: kept, &state)
  }

  /// Takes down what each of `units` changes when it is added or removed.
  private func estimate(
    _ units: some Sequence<Int>, of branch: inout SearchBranch, kept: Bool,
    _ state: inout SearchState
  ) throws {
    for unit in units {
      branch.estimates[unit] = try change(
        from: branch.kept, to: branch.kept.with(unit, kept), &state)
    }
  }

  /// Samples that first estimates and swaps take.
  private var half: Int { (judge.samples + 1) / 2 }

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
      let loss = try judge.loss(of: kept, sample: losses.count)
      guard abs(loss) <= SearchState.largestLoss else {
        throw GateOptimizerError.mapLoss(sample: losses.count)
      }
      losses.append(loss)
    }
    state.note(kept, losses)
    return losses
  }

  /// Measures sets on the first `samples` samples, each as far as it is not yet, where that costs less together.
  private func measureTogether(
    _ sets: [[Bool]], samples: Int, _ state: inout SearchState
  ) throws {
    guard judge.measuresTogether else { return }
    let trials = Set(sets).sorted { SearchState.name($0) < SearchState.name($1) }.flatMap { set in
      (state.losses(of: set).count..<max(samples, state.losses(of: set).count)).map {
        SetTrial(kept: set, sample: $0)
      }
    }
    for (trial, loss) in zip(trials, try judge.losses(of: trials)) {
      guard abs(loss) <= SearchState.largestLoss else {
        throw GateOptimizerError.mapLoss(sample: trial.sample)
      }
      state.note(trial.kept, state.losses(of: trial.kept) + [loss])
    }
  }

  /// Measures sets of one size together, by successive halving.
  ///
  /// All of them run on a few samples, the better half on twice as many, until as many are left as sets of a size are
  /// gone on from, which run on all. Those that are behind as many known sets leave at once.
  private func race(
    _ sets: [[Bool]], streaming: Int, look: Int? = nil, _ state: inout SearchState
  ) throws {
    let known = state.best(settings.beam, streaming: streaming).map { state.losses(of: $0.kept) }
    var field = sets
    var count = look ?? firstLook
    while !field.isEmpty {
      try measureTogether(field, samples: count, &state)
      if count == judge.samples { return }
      func sum(_ set: [Bool]) -> Double { state.losses(of: set).prefix(count).reduce(0, +) }
      let bar =
        known.count < settings.beam
        ? Double.infinity : known.map { $0.prefix(count).reduce(0, +) }.max() ?? .infinity
      field = field.sorted { (sum($0), SearchState.name($0)) < (sum($1), SearchState.name($1)) }
        .prefix(max((field.count + 1) / 2, settings.beam)).filter { sum($0) <= bar }
      count = field.count <= settings.beam ? judge.samples : min(2 * count, judge.samples)
    }
  }

  /// Samples that the first look of a race takes.
  private var firstLook: Int { settings.firstLook(of: judge.samples) }

  /// Sets that race at a time.
  private static let racers = 3

  /// Measures the removals of some units, the most promising first, a few at a time, as long as a further one may
  /// cost less than the best.
  private func tryTogether(
    _ shortlist: [Int], from branch: inout SearchBranch, _ state: inout SearchState
  ) throws {
    let streaming = state.removed + 1
    let loss = mean(state.losses(of: branch.kept))
    var rest = shortlist[...]
    if let first = shortlist.first, settings.beam == 1 {
      let negligible = try negligibleLoss(&state)
      if loss + branch.estimate(first) <= negligible {
        let set = branch.kept.with(first, false)
        try measureTogether([set], samples: judge.samples, &state)
        try estimate([first], of: &branch, kept: false, &state)
        if mean(state.losses(of: set)) <= negligible { return }
        // It lost more than was thought: the others race for less.
        rest = rest.dropFirst()
      }
    }
    while let next = rest.first {
      // Units cost more, not less, the fewer are left.
      if loss + branch.estimate(next) >= bound(streaming: streaming, state) { break }
      let units = rest.prefix(Self.racers)
      rest = rest.dropFirst(Self.racers)
      try race(units.map { branch.kept.with($0, false) }, streaming: streaming, &state)
      try estimate(units, of: &branch, kept: false, &state)
    }
  }

  /// The loss up to which any removal will do: a little of what there is to lose between full attention and all
  /// streaming.
  private func negligibleLoss(_ state: inout SearchState) throws -> Double {
    let none = state.branches[0].kept.map { _ in false }
    let full = none.map { _ in true }
    try measureTogether([full, none], samples: judge.samples, &state)
    let (least, most) = (mean(state.losses(of: full)), mean(state.losses(of: none)))
    return least + max(most - least, 0) / 200
  }

  /// What `removed` loses more than `kept`, on the samples both were measured on; a few of them at least.
  private func change(
    from kept: [Bool], to removed: [Bool], _ state: inout SearchState
  ) throws -> Double {
    let least = judge.measuresTogether ? firstLook : half
    let more = try measure(removed, samples: least, &state)
    let less = try measure(kept, samples: least, &state)
    let both = min(more.count, less.count)
    return mean(more.prefix(both)) - mean(less.prefix(both))
  }

  /// Removes a unit of each branch, those of all the least losses.
  private func remove(_ state: inout SearchState) throws {
    let streaming = state.removed + 1
    var tried = state.branches
    for index in tried.indices {
      judge.rebase(tried[index].kept)
      try tryRemovals(from: &tried[index], &state)
    }
    state.removed = streaming
    state.branches = branches(from: tried, state)
  }

  /// Measures the removals of the units that cost least when they were last tried.
  private func tryRemovals(from branch: inout SearchBranch, _ state: inout SearchState) throws {
    let units = branch.kept.indices.filter { branch.kept[$0] }
    try estimateNew(units, of: &branch, kept: false, &state)
    let promising = units.sorted { (branch.estimate($0), $0) < (branch.estimate($1), $1) }
    let loss = mean(state.losses(of: branch.kept))
    let shortlist = promising.prefix(settings.shortlist)
    if judge.measuresTogether {
      return try tryTogether(Array(shortlist), from: &branch, &state)
    }
    for unit in shortlist {
      let bound = bound(streaming: state.removed + 1, state)
      // Units cost more, not less, the fewer are left: what cost more before will not be the cheapest now.
      if loss + branch.estimate(unit) >= bound { break }
      let kept = branch.kept.with(unit, false)
      try measure(kept, below: bound, &state)
      branch.estimates[unit] = try change(from: branch.kept, to: kept, &state)
    }
  }

  /// The loss above which a set of this size is of no use.
  private func bound(streaming: Int, _ state: SearchState) -> Double {
    let best = state.best(settings.beam, streaming: streaming)
    return best.count == settings.beam ? best[best.count - 1].loss : .infinity
  }

  /// The best known sets of the present size, with what `tried` knows of their units.
  private func branches(from tried: [SearchBranch], _ state: SearchState) -> [SearchBranch] {
    state.best(settings.beam, streaming: state.removed).map { set in
      let known =
        tried.first { $0.kept == set.kept } ?? tried.first { $0.isParent(of: set.kept) }
        ?? tried[0]
      return SearchBranch(kept: set.kept, estimates: known.estimates)
    }
  }

  /// Swaps units as long as that loses less; then the best known sets of this size are gone on from.
  private func improve(_ state: inout SearchState) throws {
    let own = starts.filter { start in start.count { !$0 } == state.removed }
    try measureTogether(own, samples: judge.samples, &state)
    for start in own { try measure(start, &state) }
    state.branches = branches(from: state.branches, state)
    for _ in 0..<settings.swapRounds {
      let before = state.branches[0].kept
      judge.rebase(before)
      try swap(&state)
      state.branches = branches(from: state.branches, state)
      if state.branches[0].kept == before { return }
    }
  }

  /// One round at the best set: what some units would gain by their return, then the best pairs of one that
  /// returns and one that goes.
  private func swap(_ state: inout SearchState) throws {
    var branch = state.branches[0]
    let gone = branch.kept.indices.filter { !branch.kept[$0] }
      .sorted { (branch.estimate($1), $0) < (branch.estimate($0), $1) }
      .prefix(settings.swapTrials)
    try measureTogether(gone.map { branch.kept.with($0, true) }, samples: half, &state)
    for unit in gone {
      branch.estimates[unit] = try change(
        from: branch.kept.with(unit, true), to: branch.kept, &state)
    }
    state.branches[0] = branch
    let pairs = gone.flatMap { add in
      branch.kept.indices.filter { branch.kept[$0] }
        .map { (add: add, remove: $0, change: branch.estimate($0) - branch.estimate(add)) }
    }
    let promising = pairs.sorted {
      ($0.change, $0.add, $0.remove) < ($1.change, $1.add, $1.remove)
    }
    let swapped = promising.prefix(settings.swapTrials).map {
      branch.kept.with($0.add, true).with($0.remove, false)
    }
    if judge.measuresTogether {
      return try race(swapped, streaming: state.removed, look: half, &state)
    }
    for kept in swapped {
      try measure(kept, below: bound(streaming: state.removed, state), &state)
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
