import GateOptimizer
import Support

extension Comparison {
  /// What the page begins with.
  var headline: String {
    runs.count == 1
      ? "One run so far, \(first.name)" : "\(runs.count) runs, compared with \(first.name)"
  }

  /// What comes of the comparison, in words.
  var answer: [String] { [accuracySentence, layerSentence].compactMap { $0 } }

  /// The most and the least accurate run at one sparsity, and whether that is more than chance.
  private var accuracySentence: String? {
    guard let task = tasks.first else { return nil }
    let method = CurveMethod.layers(criterion)
    let sparsities = commonSparsities(method, task: task.name)
    guard let sparsity = sparsities.min(by: { abs($0 - 0.5) < abs($1 - 0.5) }) else { return nil }
    let found = comparable.compactMap { index in
      runs[index].estimate(method, at: sparsity, task: task.name).map { (runs[index], $0) }
    }
    guard found.count > 1, let best = found.max(by: { $0.1.value < $1.1.value }),
      let worst = found.min(by: { $0.1.value < $1.1.value })
    else { return nil }
    let place =
      "With \(shortPercent(sparsity)) of the layers streaming, by \(criterion), on \(task.name)"
    guard best.1.value > worst.1.value else {
      return "\(place): every run reaches \(percent(best.1.value, digits: 1))."
    }
    let reference = found.first { $0.0.name == first.name }
    let own = reference.map { ", \(first.name) \(percent($0.1.value, digits: 1))" } ?? ""
    let relation = best.1.low > worst.1.high ? "do not overlap" : "overlap"
    return "\(place): from \(percent(worst.1.value, digits: 1)) (\(worst.0.name)) to "
      + "\(percent(best.1.value, digits: 1)) (\(best.0.name))\(own). Their 95\u{a0}% intervals over "
      + "\(samples(task: task)) \(relation)."
  }

  /// How many layers the runs share with the first one.
  private var layerSentence: String? {
    let sparsity = layerSparsities[0]
    let overlaps = runs.indices.dropFirst().compactMap { index in
      overlap(of: index, by: criterion, sparsity: sparsity).map { (runs[index].name, $0) }
    }
    guard let least = overlaps.min(by: { $0.1.jaccard < $1.1.jaccard }) else { return nil }
    let same = overlaps.count { $0.1.jaccard == 1 }
    let others = "other runs" + (overlaps.count < runs.count - 1 ? " of as many layers" : "")
    let place =
      "the very layers that \(first.name) keeps at \(shortPercent(sparsity)), by \(criterion)"
    let changed = least.1.lost.count
    let change = changed == 1 ? "1 layer is another" : "\(changed) layers are others"
    switch (overlaps.count, same) {
    case (1, 1): return "\(least.0) keeps \(place)."
    case (1, _): return "Of \(place), \(change) in \(least.0)."
    case (same, _): return "All \(others) keep \(place)."
    default:
      return "\(same == 0 ? "None" : "\(same)") of \(overlaps.count) \(others) keep \(place); "
        + "least alike is \(least.0), where \(change)."
    }
  }
}
