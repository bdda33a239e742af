/// Lowest, median and highest accuracy of random maps at each sparsity.
struct RandomSpread {
  struct Step {
    let x: Double
    let low: Double
    let median: Double
    let high: Double
  }

  let steps: [Step]

  /// Groups draws by the sparsity that was asked for; x is the mean of what was reached.
  init(_ draws: [(requested: Double, achieved: Double, accuracy: Double)]) {
    let groups = Dictionary(grouping: draws, by: \.requested)
    steps = groups.keys.sorted().compactMap { requested in
      guard let group = groups[requested] else { return nil }
      let sorted = group.map(\.accuracy).sorted()
      return Step(
        x: group.reduce(0) { $0 + $1.achieved } / Double(group.count),
        low: sorted[0], median: Bootstrap.quantile(0.5, of: sorted), high: sorted[sorted.count - 1])
    }
  }
}
