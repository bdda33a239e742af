/// How many evaluations a search will have made when it ends, as far as can be told.
///
/// The first round tries every unit, later ones a few; swaps come at some sizes. What a removal costs is taken from
/// the removals so far, and guessed before the first.
package struct SearchForecast: Sendable {
  private let count: Int
  private let samples: Int
  private let settings: SearchSettings
  private let swapSizes: Set<Int>
  /// Evaluations and removals when the last removal ended.
  private var last: (evaluations: Int, removed: Int)?
  /// Evaluations of removals without swaps after the first, and their number.
  private var removals = (evaluations: 0, number: 0)
  /// Of those with swaps.
  private var swaps = (evaluations: 0, number: 0)

  /// A forecast for a search of `count` units on `samples` samples.
  package init(count: Int, samples: Int, settings: SearchSettings, swapSizes: Set<Int>) {
    self.count = count
    self.samples = samples
    self.settings = settings
    self.swapSizes = swapSizes
  }

  /// Takes in how far the search is.
  package mutating func note(_ state: SearchState) {
    defer { last = (state.evaluations, state.removed) }
    guard let last, state.removed > last.removed, last.removed > 0 else { return }
    let spent = state.evaluations - last.evaluations
    if swapSizes.contains(state.removed) {
      swaps = (swaps.evaluations + spent, swaps.number + 1)
    } else {
      removals = (removals.evaluations + spent, removals.number + 1)
    }
  }

  /// Evaluations in all, those of `state` included.
  package func total(_ state: SearchState) -> Int {
    let sizes = state.removed + 1..<max(count + 1, state.removed + 1)
    let withSwaps = sizes.count(where: swapSizes.contains)
    let first = state.removed == 0 ? max(0, firstRound + growth - state.evaluations) : 0
    // The last few units have few to choose from.
    return state.evaluations + first + (sizes.count - withSwaps) * removal
      + withSwaps * swap
  }

  private var half: Int { (samples + 1) / 2 }

  private var firstRound: Int { samples + count * half + removal }

  private var growth: Int {
    settings.direction == .both ? count * half + count / 2 * removal : 0
  }

  /// What a removal costs: as those before, or half of the shortlist on half of the samples and two sets on the rest.
  private var removal: Int {
    if removals.number > 0 { return removals.evaluations / removals.number }
    let tried = min(settings.shortlist, count)
    return max(1, settings.beam * ((tried + 1) / 2 * half + 2 * (samples - half)))
  }

  /// What a removal with swaps costs.
  private var swap: Int {
    if swaps.number > 0 { return swaps.evaluations / swaps.number }
    let trials = min(settings.swapTrials, count)
    return removal + settings.swapRounds * (2 * trials * half + 2 * (samples - half))
  }
}
