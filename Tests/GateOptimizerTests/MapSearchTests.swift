import Foundation
import GateOptimizer
import TestSupport
import Testing
import Transformer

/// The search for the best sets, on losses of which the answer is known.
@Suite struct MapSearchTests {
  /// A loss over sets with pairs of units that stand in for each other, as layers do.
  private final class PairJudge: SetJudge {
    let weights: [[Double]]
    let pairs: [[Double]]
    private(set) var asked: [[Bool]: Set<Int>] = [:]
    let measuresTogether: Bool

    init(units: Int, samples: Int, seed: UInt64, together: Bool = false) {
      measuresTogether = together
      var random = TestRandom(seed: seed)
      weights = (0..<samples).map { _ in (0..<units).map { _ in abs(random.unit()) } }
      pairs = (0..<units).map { a in
        (0..<units).map { $0 < a && random.unit() > 0.5 ? 2 * abs(random.unit()) : 0 }
      }
    }

    var samples: Int { weights.count }
    func rebase(_ kept: [Bool]) {}

    func loss(of kept: [Bool], sample: Int) -> Double {
      asked[kept, default: []].insert(sample)
      return value(kept, sample)
    }

    /// Each unit that is gone costs its weight, and more where its stand-in is gone too.
    private func value(_ kept: [Bool], _ sample: Int) -> Double {
      let gone = kept.indices.filter { !kept[$0] }
      return gone.reduce(0) { sum, a in
        sum + weights[sample][a] + gone.reduce(0) { $0 + pairs[a][$1] }
      }
    }

    func mean(_ kept: [Bool]) -> Double {
      (0..<samples).reduce(0) { $0 + value(kept, $1) } / Double(samples)
    }

    /// The least loss of all sets with so many units gone.
    func least(streaming: Int) -> Double {
      let units = weights[0].count
      return (0..<(1 << units)).lazy
        .map { bits in (0..<units).map { bits >> $0 & 1 == 1 } }
        .filter { $0.count { !$0 } == streaming }
        .map(mean).min() ?? .infinity
    }
  }

  private func search(
    _ judge: PairJudge, _ settings: SearchSettings, swapSizes: Set<Int> = [], starts: [[Bool]] = []
  ) throws -> SearchState {
    var state = SearchState(count: judge.weights[0].count, samples: judge.samples)
    try MapSearch(judge: judge, settings: settings, swapSizes: swapSizes, starts: starts)
      .run(&state) { _ in true }
    return state
  }

  private var exhaustive: SearchSettings {
    var settings = SearchSettings()
    settings.shortlist = 10
    return settings
  }

  @Test(arguments: 1...6, [false, true])
  func everySizeHasASetWithItsTrueLoss(seed: UInt64, together: Bool) throws {
    let judge = PairJudge(units: 10, samples: 3, seed: seed, together: together)
    let state = try search(judge, SearchSettings(), swapSizes: [5])
    for size in 0...10 {
      let best = try #require(state.best(streaming: size))
      #expect(best.streaming == size)
      #expect(abs(best.loss - judge.mean(best.kept)) < 1e-12)
      #expect(best.loss >= judge.least(streaming: size) - 1e-12)
    }
  }

  @Test(arguments: 1...6) func withoutStandInsRemovalIsOptimal(seed: UInt64) throws {
    // More samples would be looked at by halves.
    let judge = PairJudge(units: 10, samples: 1, seed: seed)
    let plain = WeightJudge(judge.weights)
    var state = SearchState(count: 10, samples: judge.samples)
    try MapSearch(judge: plain, settings: exhaustive).run(&state) { _ in true }
    for size in 0...10 {
      let expected = plain.means.sorted().prefix(size).reduce(0, +)
      #expect(abs((state.best(streaming: size)?.loss ?? .infinity) - expected) < 1e-12)
    }
  }

  @Test func swapsFindWhatRemovalMisses() throws {
    var better = 0
    for seed in UInt64(1)...12 {
      let judge = PairJudge(units: 10, samples: 2, seed: seed)
      var settings = exhaustive
      let greedy = try search(judge, settings)
      (settings.swapTrials, settings.swapRounds) = (25, 4)
      let swapped = try search(judge, settings, swapSizes: [5])
      let (before, after) = (greedy.best(streaming: 5)?.loss, swapped.best(streaming: 5)?.loss)
      let (old, new) = (try #require(before), try #require(after))
      #expect(new <= old)
      #expect(new < judge.least(streaming: 5) * 1.15)
      if new < old { better += 1 }
    }
    #expect(better > 0)
  }

  /// A set that is built up joins those that removal goes on from, so that no size is worse for it.
  @Test(arguments: [false, true]) func bothDirectionsMeet(together: Bool) throws {
    var better = 0
    for seed in UInt64(1)...12 {
      func best(_ direction: SearchDirection) throws -> [Double] {
        let judge = PairJudge(units: 10, samples: 2, seed: seed, together: together)
        var settings = SearchSettings()
        (settings.shortlist, settings.direction) = (4, direction)
        let state = try search(judge, settings)
        return try (0...10).map { try #require(state.best(streaming: $0)).loss }
      }
      let (removal, both) = (try best(.removal), try best(.both))
      if both[6...].reduce(0, +) < removal[6...].reduce(0, +) { better += 1 }
      #expect(both[5...].reduce(0, +) <= 1.2 * removal[5...].reduce(0, +))
    }
    #expect(better > 0)
  }

  /// Together, units race a few at a time.
  @Test func togetherCostsLittleMoreThanOneByOne() throws {
    for seed in UInt64(1)...6 {
      let counts = try [false, true].map { together in
        try search(
          PairJudge(units: 10, samples: 8, seed: seed, together: together), exhaustive,
          swapSizes: [5]
        ).evaluations
      }
      #expect(counts[1] < 3 * counts[0] / 2, "\(counts)")
    }
  }

  /// While next to nothing is lost, a removal costs the samples alone: units without weight go first, one by one.
  @Test func whatLosesNextToNothingIsNotRaced() throws {
    final class Judge: SetJudge {
      let samples = 8
      let measuresTogether = true
      var trials = 0
      func rebase(_ kept: [Bool]) {}
      func loss(of kept: [Bool], sample: Int) -> Double {
        trials += 1
        return kept.indices.reduce(0) { $0 + (kept[$1] ? 0 : $1 < 12 ? 1e-5 * Double($1 + 1) : 1) }
      }
    }
    let judge = Judge()
    var state = SearchState(count: 16, samples: 8)
    var spent: [Int] = []
    try MapSearch(judge: judge, settings: SearchSettings()).run(&state) { _ in
      spent.append(judge.trials)
      return true
    }
    let each = zip(spent.dropFirst(), spent).map { $0 - $1 }
    #expect(each.prefix(11).allSatisfy { $0 == 8 }, "\(each)")
    #expect(each[11...].prefix(2).allSatisfy { $0 > 8 }, "\(each)")
    let half = try #require(state.best(streaming: 12))
    #expect(half.kept == (0..<16).map { $0 >= 12 })
    // Stopped in between and gone on with, it ends the same.
    var stopped = SearchState(count: 16, samples: 8)
    try MapSearch(judge: Judge(), settings: SearchSettings()).run(&stopped) {
      $0.best(streaming: 5) == nil
    }
    var again = try JSONDecoder().decode(
      SearchState.self, from: JSONEncoder().encode(stopped))
    try MapSearch(judge: Judge(), settings: SearchSettings()).run(&again) { _ in true }
    #expect(again == state)
  }

  /// Two units that stand in for each other both lose nothing alone; once one is gone, the other races as all do.
  @Test func whatWasThoughtToLoseNothingRaces() throws {
    final class Judge: SetJudge {
      let samples = 8
      let measuresTogether = true
      func rebase(_ kept: [Bool]) {}
      func loss(of kept: [Bool], sample: Int) -> Double {
        let own = kept.indices.reduce(0) { $0 + (kept[$1] || $1 < 2 ? 0 : $1 < 6 ? 0.5 : 10) }
        return own + (kept[0] || kept[1] ? 0 : 30)
      }
    }
    var state = SearchState(count: 10, samples: 8)
    try MapSearch(judge: Judge(), settings: SearchSettings()).run(&state) { _ in true }
    // One of the two, then the cheap ones, not the other of the two.
    for streaming in 2...5 {
      let best = try #require(state.best(streaming: streaming))
      #expect(best.kept[0] != best.kept[1] && best.loss == 0.5 * Double(streaming - 1))
    }
  }

  /// A beam is as wide where sets are measured together.
  @Test func aBeamIsAsWideTogether() throws {
    var settings = SearchSettings()
    settings.beam = 3
    let judge = PairJudge(units: 10, samples: 8, seed: 3, together: true)
    let state = try search(judge, settings)
    for streaming in 1...9 {
      #expect(state.best(3, streaming: streaming).count == 3, "\(streaming)")
    }
  }

  /// Once a third of it is done, what is left of a search is known to a third.
  @Test(arguments: [false, true], [0, 20]) func itsLengthIsForecast(
    together: Bool, starts: Int
  ) throws {
    for seed in UInt64(1)...4 {
      let judge = PairJudge(units: 24, samples: 8, seed: seed, together: together)
      var state = SearchState(count: 24, samples: 8)
      let sizes = [6, 12, 18]
      var chance = TestRandom(seed: seed)
      let sets = sizes.flatMap { size in
        (0..<starts).map { _ in
          (Array(repeating: false, count: size) + Array(repeating: true, count: 24 - size))
            .shuffled(using: &chance)
        }
      }
      var forecast = SearchForecast(
        count: 24, samples: 8, settings: SearchSettings(), swapSizes: Set(sizes),
        starts: sets.count, together: together)
      var totals: [(evaluations: Int, total: Int)] = []
      let search = MapSearch(
        judge: judge, settings: SearchSettings(), swapSizes: Set(sizes), starts: sets)
      try search.run(&state) {
        forecast.note($0)
        totals.append(($0.evaluations, forecast.total($0)))
        return true
      }
      let end = state.evaluations
      for (done, total) in totals where done > end / 3 {
        #expect(abs(total - end) <= (end - done) / 3 + end / 6, "\(done) of \(end): \(total)")
      }
      #expect(totals.last?.total == end)
    }
  }

  @Test func aGoodStartIsGoneOnFrom() throws {
    let judge = PairJudge(units: 10, samples: 2, seed: 8)
    var settings = SearchSettings()
    (settings.shortlist, settings.swapRounds) = (1, 1)
    settings.swapTrials = 1
    let best = (0..<1024).map { bits in (0..<10).map { bits >> $0 & 1 == 1 } }
      .filter { $0.count { $0 } == 5 }.min { judge.mean($0) < judge.mean($1) }
    let start = try #require(best)
    let state = try search(judge, settings, swapSizes: [5], starts: [start])
    #expect(state.best(streaming: 5)?.kept == start)
    let next = try #require(state.best(streaming: 6)?.kept)
    #expect(zip(next, start).allSatisfy { !$0 || $1 })
  }

  @Test func setsAreGivenUpOnceTheyCannotWin() throws {
    let judge = PairJudge(units: 10, samples: 8, seed: 2)
    let state = try search(judge, SearchSettings())
    let partly = judge.asked.values.filter { $0.count < 8 }
    #expect(!partly.isEmpty)
    #expect(state.measured == judge.asked.count - partly.count)
  }

  @Test(arguments: [1, 3], [false, true])
  func aStoppedSearchEndsAsOneThatRanThrough(beam: Int, together: Bool) throws {
    var settings = SearchSettings()
    settings.beam = beam
    let whole = try search(
      PairJudge(units: 10, samples: 3, seed: 4, together: together), settings, swapSizes: [4, 6])
    for stop in 1..<10 {
      let judge = PairJudge(units: 10, samples: 3, seed: 4, together: together)
      var state = SearchState(count: 10, samples: judge.samples)
      let search = MapSearch(judge: judge, settings: settings, swapSizes: [4, 6])
      try search.run(&state) { $0.removed < stop }
      #expect(state.removed == stop)
      let stored = try JSONEncoder().encode(state)
      state = try JSONDecoder().decode(SearchState.self, from: stored)
      try search.run(&state) { _ in true }
      #expect(state == whole)
    }
  }

  @Test(arguments: 1...6) func aWideBeamFindsTheBestOfEverySize(seed: UInt64) throws {
    let judge = PairJudge(units: 8, samples: 1, seed: seed)
    var settings = exhaustive
    settings.beam = 70
    let wide = try search(judge, settings)
    settings.beam = 3
    let narrow = try search(judge, settings)
    for size in 0...8 {
      let (all, few) = (wide.best(streaming: size), narrow.best(streaming: size))
      #expect(abs((all?.loss ?? .infinity) - judge.least(streaming: size)) < 1e-12)
      #expect(few?.loss ?? 0 >= all?.loss ?? .infinity)
    }
    #expect(wide.measured == 1 << 8)
    #expect(narrow.measured < wide.measured)
  }

  @Test(arguments: [Double.nan, .infinity])
  func lossesThatAreNoNumbersAreRefused(loss: Double) throws {
    let judge = WeightJudge([[0, 0, 0], [0, loss, 0]])
    var state = SearchState(count: 3, samples: judge.samples)
    #expect(throws: GateOptimizerError.mapLoss(sample: 1)) {
      try MapSearch(judge: judge, settings: SearchSettings()).run(&state) { _ in true }
    }
  }
}

/// Units that do not know of each other.
private struct WeightJudge: SetJudge {
  let weights: [[Double]]
  init(_ weights: [[Double]]) { self.weights = weights }
  var samples: Int { weights.count }
  var means: [Double] {
    weights[0].indices.map { unit in
      weights.reduce(0) { $0 + $1[unit] } / Double(weights.count)
    }
  }
  func rebase(_ kept: [Bool]) {}
  func loss(of kept: [Bool], sample: Int) -> Double {
    kept.indices.reduce(0) { $0 + (kept[$1] ? 0 : weights[sample][$1]) }
  }
}
