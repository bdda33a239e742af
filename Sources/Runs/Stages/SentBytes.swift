import Transformer

/// Bytes that ranks send one another, by the forms of ``RankRequest`` and ``RankReply`` (JSON), about.
///
/// The 5 kB that each rank needs to open a run are left out.
struct SentBytes {
  let model: ModelConfiguration
  let ranks: Int

  /// A request and its reply with nothing in them.
  private static let exchange = 150.0
  /// A number of 64 bits in base 64.
  private static let number = 11.0
  /// What a map scored on a sample: three metrics at a few places.
  private static let scores = 160.0

  /// Ranks besides the first that get some of so many samples.
  private func others(_ samples: Int) -> Double { Double(min(ranks, samples) - 1) }

  /// Those of so many samples that the first rank does not have.
  private func elsewhere(_ samples: Int) -> Double {
    Double(samples - DealtWork.most(samples, ranks))
  }

  /// A table of numbers, with the marks around each layer's.
  private func table(columns: Int) -> Double {
    Double(model.layers) * (Self.number * Double(columns) + 3)
  }

  private func whole(_ bytes: Double) -> Int { ranks > 1 ? Int(min(max(bytes, 0), 1e18)) : 0 }

  /// Bytes of so many steps: gates for every busy rank, gradients of every sample elsewhere.
  func learn(steps: Int, _ dealt: DealtSteps) -> Int {
    let gates = table(columns: model.keyValueHeads)
    return whole(
      Double(steps) * (dealt.busy * (Self.exchange + gates) + dealt.elsewhere * (gates + 100)))
  }

  /// Bytes of so many `evaluations` of sets of `units`, in as many requests of each rank as there are `rounds`.
  func search(evaluations: Int, rounds: Int, samples: Int, units: Int) -> Int {
    let (flags, share) = (Double(units), elsewhere(samples) / Double(max(samples, 1)))
    return whole(
      Double(evaluations) * share * (flags + Self.number + 12)
        + Double(rounds) * others(samples) * (Self.exchange + flags))
  }

  /// Bytes of so many methods and sets of masked heads: a table over query heads for each method and sample
  /// elsewhere, which heads are masked for each rank.
  func score(methods: Int, samples: Int, masks: Int, maskSamples: Int) -> Int {
    let flags = Double(model.layers) * Double(model.queryHeads + 3)
    return whole(
      Double(methods)
        * (elsewhere(samples) * table(columns: model.queryHeads) + others(samples) * Self.exchange)
        + Double(masks)
        * (elsewhere(maskSamples) * Self.scores + others(maskSamples) * (Self.exchange + flags)))
  }

  /// Bytes of an evaluation: all maps once for each rank, what is wanted and scored of each sample elsewhere.
  func evaluate(samples: Int, maps: Int) -> Int {
    let all = Double(maps) * Double(model.layers) * Double(model.keyValueHeads + 3)
    let busy = Double(min(ranks, max(samples, 1) * max(maps, 1)) - 1)
    let share = Double(samples) * Double(ranks - 1) / Double(ranks)
    return whole(
      busy * (all + Self.exchange) + share * (Self.exchange + Double(maps) * (Self.scores + 4)))
  }
}
