/// How many evaluations a search will have made when it ends, as far as can be told.
///
/// The first round tries every unit, later ones a few; swaps come at some sizes. What a removal costs is taken from
/// the removals so far, and guessed before the first.
package struct SearchForecast: Sendable {
  private let count: Int
  private let samples: Int
  private let settings: SearchSettings
  private let swapSizes: Set<Int>
  /// Sets that are looked at where swaps are tried, at each size.
  private let starts: Int
  /// Whether many sets are measured at a time: they race then, and the first removals need none.
  private let together: Bool
  /// Evaluations and removals when the last removal ended.
  private var last: (evaluations: Int, removed: Int)?
  /// Evaluations of removals without swaps: after the first up to one half, beyond, and of those with swaps.
  private var (early, late, swaps) = (Spent(), Spent(), Spent())

  /// What some removals cost.
  private struct Spent {
    var (evaluations, number) = (0, 0)

    mutating func add(_ evaluations: Int) {
      (self.evaluations, number) = (self.evaluations + evaluations, number + 1)
    }

    /// Of one, or what is guessed before the first.
    func each(_ guess: Int) -> Int { number > 0 ? evaluations / number : guess }
  }

  /// A forecast for a search of `count` units on `samples` samples, which looks at `starts` sets of swap sizes too.
  package init(
    count: Int, samples: Int, settings: SearchSettings, swapSizes: Set<Int>, starts: Int,
    together: Bool
  ) {
    self.together = together
    self.count = count
    self.samples = samples
    self.settings = settings
    self.swapSizes = swapSizes
    self.starts = starts / max(swapSizes.count, 1)
  }

  /// Takes in how far the search is.
  package mutating func note(_ state: SearchState) {
    defer { last = (state.evaluations, state.removed) }
    guard let last, state.removed > last.removed, last.removed > 0 else { return }
    let spent = state.evaluations - last.evaluations
    if swapSizes.contains(state.removed) {
      swaps.add(spent)
    } else if isEarly(state.removed) {
      early.add(spent)
    } else {
      late.add(spent)
    }
  }

  /// Whether so few stream that a removal costs no race.
  private func isEarly(_ streaming: Int) -> Bool {
    together && settings.beam == 1 && streaming <= count / 2
  }

  /// Evaluations in all, those of `state` included.
  package func total(_ state: SearchState) -> Int {
    let sizes = state.removed + 1..<max(count + 1, state.removed + 1)
    let withSwaps = sizes.count(where: swapSizes.contains)
    let first = state.removed == 0 ? max(0, firstRound + growth - state.evaluations) : 0
    let withoutSwaps = sizes.filter { !swapSizes.contains($0) }
    let firsts = withoutSwaps.count(where: isEarly)
    return state.evaluations + first + firsts * early.each(earlyGuess)
      + (withoutSwaps.count - firsts) * late.each(lateGuess)
      + withSwaps * swaps.each(lateGuess + swapGuess)
  }

  private var half: Int { (samples + 1) / 2 }

  private var firstRound: Int { samples + count * half + earlyGuess }

  private var growth: Int {
    settings.direction == .both ? count * half + count / 2 * lateGuess : 0
  }

  private var earlyGuess: Int { isEarly(0) ? samples : lateGuess }

  /// A race of three; or half of the shortlist on half of the samples and two sets on the rest.
  private var lateGuess: Int {
    if together {
      return settings.beam * (samples + 3 * settings.firstLook(of: samples))
    }
    let tried = min(settings.shortlist, count)
    return max(1, settings.beam * ((tried + 1) / 2 * half + 2 * (samples - half)))
  }

  /// The starts and swaps at a size: all rounds, or together about one.
  private var swapGuess: Int {
    let trials = min(settings.swapTrials, count)
    let swaps =
      together
      ? (settings.swapRounds > 0 ? trials * half + samples : 0)
      : settings.swapRounds * (2 * trials * half + 2 * (samples - half))
    return starts * samples + swaps
  }
}
