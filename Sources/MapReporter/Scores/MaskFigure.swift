import GateOptimizer
import Support
import Transformer

/// Accuracy against the number of masked query heads: a line for each method, and random heads.
struct MaskFigure {
  let title: String
  let points: [MaskPoint]
  let kind: HeadMask.Kind

  /// The methods of the points, in their order; nil stands for random heads.
  private var methods: [ScoreMethod] { points.compactMap(\.method).distinct }

  func svg(theme: FigureTheme) -> String {
    let own = points.filter { $0.kind == kind }
    let counts = Set(own.map(\.heads)).sorted()
    // Places of their own: 0, 1, 3, 10, 30 lie far apart on a plain scale.
    let place = counts.enumerated().reduce(into: [:]) { $0[$1.element] = Double($1.offset) }
    let series = methods.enumerated().map { index, method in
      LineChart.Series(
        style: .series(SeriesStyle(index: index)),
        values: own.filter { $0.method == method || $0.heads == 0 }
          .sorted { $0.heads < $1.heads }
          .map { LineChart.Value(x: place[$0.heads] ?? 0, y: $0.estimate, title: words($0)) },
        intervals: .whiskers, shift: Double(index - methods.count / 2) * 2)
    }
    let random = LineChart.Series(
      style: .spread(isFirst: true), values: randomValues(own, counts, place), intervals: .band)
    let last = Double(max(counts.count - 1, 1))
    let axis = LineChart.Axis(
      range: -0.15...last + 0.15, ticks: counts.indices.map(Double.init),
      label: { value in
        let index = Int(value.rounded())
        return counts.indices.contains(index) ? "\(counts[index])" : ""
      }, title: "masked query heads", hasLine: true)
    return LineChart(
      title: title, summary: "\(title), by method and for random heads.", height: 220, x: axis,
      y: .shares(), layers: [[random], series],
      legend: zip(methods, series).map { .init(label: $0.title, kind: .line($1.style)) }
        + [.init(label: "Random heads, range", kind: .line(random.style))]
    ).svg(theme: theme)
  }

  private func words(_ point: MaskPoint) -> String {
    "\(point.method?.title ?? "No head"), \(point.heads) heads: "
      + "\(percent(point.estimate.value, digits: 1))"
  }

  /// The median of random sets with their range.
  private func randomValues(
    _ own: [MaskPoint], _ counts: [Int], _ place: [Int: Double]
  ) -> [LineChart.Value] {
    counts.compactMap { count in
      let values = own.filter { $0.heads == count && ($0.seed != nil || count == 0) }
        .map(\.estimate.value).sorted()
      guard let low = values.first, let high = values.last else { return nil }
      let median = Bootstrap.quantile(0.5, of: values)
      return LineChart.Value(
        x: place[count] ?? 0, y: Estimate(value: median, low: low, high: high),
        title: "random, \(count) heads: \(percent(median, digits: 1))")
    }
  }
}
