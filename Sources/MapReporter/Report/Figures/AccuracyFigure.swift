import Support

/// Accuracy against sparsity for one task and metric: lines with bands, references, baselines; where there are
/// more methods than colours, a row for each method.
package struct AccuracyFigure: Sendable {
  /// Points of the task, any method.
  let points: [CurvePoint]
  let task: String
  let metric: CurveMetric
  /// A method drawn heavier than the others.
  let highlighted: CurveMethod?
  /// Length in tokens at which the points' cache sizes are stated; nil draws no such axis.
  let cacheContext: Int?

  /// A figure of the points that belong to `task`.
  package init(
    points: [CurvePoint], task: String, metric: CurveMetric, highlighted: CurveMethod? = nil,
    cacheContext: Int? = nil
  ) {
    self.cacheContext = cacheContext
    self.points = points.filter { $0.task == task && $0.estimate(metric) != nil }
    self.task = task
    self.metric = metric
    self.highlighted = highlighted
  }

  /// The drawing.
  package func svg(theme: FigureTheme) -> String {
    isCrowded ? rows(theme: theme) : chart.svg(theme: theme)
  }

  /// Whether there are more lines than colours to tell them apart.
  var isCrowded: Bool { lineMethods.count > FigurePalette.series.count }

  private var chart: LineChart {
    var values = valueAxis(count: 5)
    // Above the largest share is room for the name of full attention, clear of curves.
    if metric.isShare { values.range = 0...1.08 }
    let styles = SeriesStyle.styles(for: lineMethods)
    let lines = lineMethods.compactMap { method in
      styles[method].map {
        (method: method, style: LineStyle.series($0, isHeavy: method == highlighted))
      }
    }
    let last = lines.filter { $0.method != highlighted } + lines.filter { $0.method == highlighted }
    let spreads = randomMethods.enumerated().map {
      (method: $1, style: LineStyle.spread(isFirst: $0 == 0))
    }
    return LineChart(
      title: title, summary: summary, height: 250, x: .sparsity, y: values, top: cacheAxis,
      layers: spreads.map { [spread($0.method, $0.style)] }
        + [last.map { line($0.method, $0.style) }],
      references: [reference(.full, "7 4", .right), reference(.streaming, "2 4", .left)]
        .compactMap { $0 },
      legend: lines.map { .init(label: $0.method.title, kind: .line($0.style)) }
        + spreads.map { .init(label: "\($0.method.title), range", kind: .line($0.style)) })
  }

  /// Whether nothing was scored.
  var isEmpty: Bool { points.isEmpty }

  /// Whether some method was measured at more than one sparsity.
  var hasCurve: Bool {
    lineMethods.contains { method in
      Set(points.filter { $0.method == method }.map(\.achievedSparsity)).count > 1
    }
  }

  var title: String { "\(metric.title), \(task)" }

  var summary: String {
    "\(metric.title) on held-out samples against the share of streaming key-value heads, with 95 % "
      + "confidence intervals: "
      + (lineMethods + randomMethods).map { $0.title }
      .joined(separator: ", ") + "."
  }

  // MARK: Data

  var lineMethods: [CurveMethod] {
    ordered { !$0.isRandom && $0 != .full && $0 != .streaming }
  }

  var randomMethods: [CurveMethod] { ordered(\.isRandom) }

  private func ordered(_ keep: (CurveMethod) -> Bool) -> [CurveMethod] {
    points.map(\.method).filter(keep).distinct
  }

  func series(_ method: CurveMethod) -> [(x: Double, y: Estimate, point: CurvePoint)] {
    points.filter { $0.method == method }
      .compactMap { point in
        point.estimate(metric).map { (point.achievedSparsity, $0, point) }
      }
      .sorted { $0.0 < $1.0 }
  }

  /// The one point of a reference.
  func point(of reference: CurveMethod) -> CurvePoint? {
    points.first { $0.method == reference }
  }

  /// A value with its unit.
  func words(_ value: Double) -> String {
    metric.isShare ? percent(value, digits: 1) : metric.text(value)
  }

  /// 0 to 1 for shares; for a loss from 0, or from the least that is drawn, to the largest.
  private var valueRange: ClosedRange<Double> {
    if metric.isShare { return 0...1 }
    let drawn = points.compactMap { $0.estimate(metric) }
    let full = point(of: .full)?.estimate(metric)?.value ?? 0
    let least = drawn.map(\.low).min() ?? full
    let low = metric == .divergence ? 0 : max(0, min(full * 0.95, least))
    let high = drawn.map(\.high).max() ?? 1
    return low...max(low + 1e-6, low + (high - low) * 1.05)
  }

  /// The axis of values, with about `count` labels for a loss.
  func valueAxis(count: Int) -> LineChart.Axis {
    metric.isShare ? .shares() : .decimals(valueRange, count: count)
  }

  /// The size of the KV cache, which falls evenly with the sparsity, where the points tell it at both ends.
  private var cacheAxis: LineChart.Axis? {
    guard let cacheContext, let full = point(of: .full)?.kvBytes,
      let streaming = point(of: .streaming)?.kvBytes
    else { return nil }
    let sparsity = LineChart.Axis.sparsity
    return LineChart.Axis(
      range: sparsity.range, ticks: sparsity.ticks,
      label: { Self.bytes(Double(full) + $0 * Double(streaming - full)) },
      title: "KV cache at \(grouped(cacheContext)) tokens, 16-bit")
  }

  /// Bytes with about three digits: 3.46 MB, 23.6 MB, 512 kB.
  private static func bytes(_ bytes: Double) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"]
    var (value, unit) = (bytes, 0)
    while value >= 999.5 && unit + 1 < units.count {
      value /= 1000
      unit += 1
    }
    let digits = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
    return "\(fixed(value, digits))\u{a0}\(units[unit])"
  }

  // MARK: Drawing

  private func line(_ method: CurveMethod, _ style: LineStyle) -> LineChart.Series {
    LineChart.Series(
      style: style, values: values(method), intervals: hasBand(method) ? .band : .none)
  }

  /// Lowest, median and highest value of random maps at each sparsity that was asked for, where they reached it
  /// on average; a mark for each map.
  private func spread(_ method: CurveMethod, _ style: LineStyle) -> LineChart.Series {
    let groups = Dictionary(grouping: series(method), by: \.point.requestedSparsity)
      .sorted { $0.key < $1.key }.map(\.value)
    let steps = groups.map { group in
      let values = group.map(\.y.value).sorted()
      return LineChart.Value(
        x: group.reduce(0) { $0 + $1.x } / Double(group.count),
        y: Estimate(
          value: Bootstrap.quantile(0.5, of: values), low: values[0],
          high: values[values.count - 1]))
    }
    return LineChart.Series(
      style: style, values: steps, intervals: .band, marks: values(method))
  }

  private func values(_ method: CurveMethod) -> [LineChart.Value] {
    series(method).map { LineChart.Value(x: $0.x, y: $0.y, title: hover($0.point, $0.y)) }
  }

  /// Bands of many series cover each other: beyond four, only the ones that matter have one.
  private func hasBand(_ method: CurveMethod) -> Bool {
    lineMethods.count <= 4 || method == highlighted || method == .headMixed
  }

  private func reference(
    _ method: CurveMethod, _ dash: String, _ end: LineChart.Reference.End
  ) -> LineChart.Reference? {
    point(of: method)?.estimate(metric).map {
      .init(value: $0.value, label: "\(method.title) \(words($0.value))", dash: dash, end: end)
    }
  }

  func hover(_ point: CurvePoint, _ estimate: Estimate) -> String {
    let seed = point.seed.map { ", seed \($0)" } ?? ""
    return "\(point.method.title)\(seed): \(words(estimate.value)) "
      + "(\(estimate.range(by: " to ", words))) "
      + "at \(percent(point.achievedSparsity, digits: 1)) sparsity"
  }
}
