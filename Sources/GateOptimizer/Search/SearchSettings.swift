import Transformer

/// How maps are searched on the loss itself: the `search` section of a run configuration.
package struct SearchSettings: SettingSection {
  /// What is searched; nothing if empty.
  package var units: [MapUnit] = [.layers]
  /// Calibration samples a map is judged on, 1…100,000.
  package var samples = 8
  /// What samples ask for, in turn; the task that gates are learned on if empty.
  package var tasks: [SampleTask] = []
  /// Tokens of samples, in turn, each 1…2²⁴; the longest of the calibration's if empty.
  package var contexts: [Int] = []
  /// How maps are deployed that are searched for; as the window says if nil.
  package var deployment: DeploymentSettings?
  /// How far a map is from full attention.
  package var loss = MapLoss.divergence
  /// Where in a sample it is judged.
  package var rows = MapLossRows.firstTokens
  /// Units tried for each one that is removed, the most promising first, 1…10⁶.
  package var shortlist = 6
  /// Sets of each size that are gone on from, 1…10⁶; 1 is greedy removal.
  package var beam = 1
  /// How the keys and values of prompts are kept, where maps stream after the prompt alone.
  package var prompts = PromptStorage.float32
  /// Where the search begins.
  package var direction = SearchDirection.removal
  /// Maps that swaps may begin at, beside those that removal comes to.
  package var starts: [SearchStart] = [.rankings]
  /// Sparsities at which swaps are tried, each in [0, 1]; the ranking's if nil.
  package var sparsities: [Double]?
  /// Rounds of swaps at each of them, at most 10⁶; 0 tries none.
  package var swapRounds = 2
  /// Returns and swaps tried in a round, the most promising first, 1…10⁶.
  package var swapTrials = 6

  /// The defaults.
  package init() {}

  /// How many of `samples` samples the first look of a race takes: a quarter or, if these are more, one of every task at
  /// every length, which take turns, up to half.
  func firstLook(of samples: Int) -> Int {
    let kinds = max(tasks.count, 1) * max(contexts.count, 1)
    return max((samples + 3) / 4, min((samples + 1) / 2, kinds))
  }

  /// The names of the settings in a file.
  package enum CodingKeys: String, SettingKey {
    case units
    case samples
    case tasks
    case contexts = "context"
    case deployment
    case loss
    case rows
    case shortlist
    case beam
    case prompts
    case direction
    case starts
    case sparsities
    case swapRounds = "swap_rounds"
    case swapTrials = "swap_trials"
  }

  /// Every setting, with what is refused.
  package static var settings: [Setting<Self, CodingKeys>] {
    [
      Setting(.units, \.units) { units, key throws(InvalidSetting) in try requireOnce(units, key) },
      Setting(.samples, \.samples, SettingRange.intervals),
      Setting(.tasks, \.tasks) { tasks, key throws(InvalidSetting) in
        try requireRange(tasks.count, 0...SettingRange.entries, key)
      },
      Setting(.contexts, oneOrMore: \.contexts, SettingRange.tokens),
      Setting(.deployment, optional: \.deployment),
      Setting(.loss, \.loss),
      Setting(.rows, \.rows),
      Setting(.shortlist, \.shortlist, SettingRange.many),
      Setting(.beam, \.beam, SettingRange.many),
      Setting(.prompts, \.prompts),
      Setting(.direction, \.direction),
      Setting(.starts, \.starts) { starts, key throws(InvalidSetting) in
        try requireOnce(starts, key)
      },
      Setting(.sparsities, optional: \.sparsities, check: requireSparsities),
      Setting(.swapRounds, \.swapRounds, 0...SettingRange.many.upperBound),
      Setting(.swapTrials, \.swapTrials, SettingRange.many),
    ]
  }
}

private func requireOnce(
  _ choices: [some Hashable], _ key: SearchSettings.CodingKeys
) throws(InvalidSetting) {
  try requireSetting(
    Set(choices).count == choices.count, key, "names one thing twice; name each once")
}

/// How far a map is from full attention at one position of a sample.
package enum MapLoss: String, SettingChoice {
  /// KL divergence from full attention's distribution of the next token, in nats.
  case divergence = "kl"
  /// Mean squared difference of the final hidden states, what gates are learned with.
  case hidden
  /// The squared difference of the final hidden states as a share of the teacher's square.
  case relative
  /// −log of the probability of the true next token, in nats; needs no teacher.
  case likelihood = "nll"
}

/// The positions of a sample that a map is judged at.
package enum MapLossRows: String, SettingChoice {
  /// Those that predict a token of an answer.
  case answers
  /// Those that predict the first token of a word or digit of an answer.
  case firstTokens = "first-tokens"
  /// Those that predict any token of the questions and answers.
  case labels
}

/// Where a search begins.
package enum SearchDirection: String, SettingChoice {
  /// At full attention: one unit after the other is removed.
  case removal
  /// At both ends: units are added to an all-streaming model up to one half, then removed from full attention, going
  /// on from the better set of each size.
  case both
}

/// Maps that are looked at where swaps are tried.
package enum SearchStart: String, SettingChoice {
  /// Those of the ranking's criteria; none without gates.
  case rankings
  /// Every n-th layer, from the first and to the last.
  case periodic
  /// The layers that gain most when they alone retrieve (arXiv 2606.27791), by KL and by likelihood.
  case oneLayerBack = "one-layer-back"
  /// Those of the run's scores of heads (`scores.methods`), by the ranking's criteria.
  case scores
}
