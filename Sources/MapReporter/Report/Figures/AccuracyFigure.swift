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

  static let width = 460.0
  private static let plotHeight = 250.0

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
    isCrowded ? rows(theme: theme) : lines(theme: theme)
  }

  /// Whether there are more lines than colours to tell them apart.
  var isCrowded: Bool { lineMethods.count > FigurePalette.series.count }

  private func lines(theme: FigureTheme) -> String {
    let legend = FigureLegend(entries: legendEntries, width: Self.width - 24)
    let frame = PlotFrame(
      left: 50, top: cacheAxis == nil ? 38 : 74, width: Self.width - 72, height: Self.plotHeight,
      xRange: 0...1, yRange: yRangeWithNames)
    let legendTop = frame.bottom + 48
    var canvas = SVGCanvas(width: Self.width, height: legendTop + legend.height + 8, theme: theme)
    canvas.text(
      title, at: Point(x: 12, y: 22), size: titleSize(title, width: Self.width - 24), isBold: true)
    drawAxes(&canvas, frame)
    drawBaselines(&canvas, frame)
    drawSeries(&canvas, frame)
    drawReferences(&canvas, frame)
    legend.draw(&canvas, at: Point(x: 12, y: legendTop))
    return canvas.document(title: title, summary: summary)
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
    points.map(\.method).reduce(into: [CurveMethod]()) { names, name in
      if !names.contains(name) && keep(name) { names.append(name) }
    }
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

  /// 0 to 1 for shares; for a loss from 0, or from what full attention loses, to the largest drawn.
  var yRange: ClosedRange<Double> {
    if metric.isShare { return 0...1 }
    let drawn = points.compactMap { $0.estimate(metric) }
    let full = point(of: .full)?.estimate(metric)?.value ?? 0
    let low = metric == .divergence ? 0 : full * 0.95
    let high = drawn.map(\.high).max() ?? 1
    return low...max(low + 1e-6, low + (high - low) * 1.05)
  }

  /// The same with room above the largest share, where the name of full attention stands clear of curves.
  private var yRangeWithNames: ClosedRange<Double> { metric.isShare ? 0...1.08 : yRange }

  /// Where the axis of values has a line, about `count` of them for a loss, and what it says there.
  func scale(count: Int) -> (ticks: [Double], label: (Double) -> String) {
    if metric.isShare { return ([0, 0.2, 0.4, 0.6, 0.8, 1], { percent($0) }) }
    let ticks = PlotFrame.ticks(yRange, count: count)
    let digits = PlotFrame.digits(of: ticks)
    return (ticks, { fixed($0, digits) })
  }

  /// Sizes of the cache at both ends, where the points tell them.
  private var cacheAxis: CacheAxis? {
    guard let cacheContext, let full = point(of: .full)?.kvBytes,
      let streaming = point(of: .streaming)?.kvBytes
    else { return nil }
    return CacheAxis(full: full, streaming: streaming, context: cacheContext)
  }

  // MARK: Drawing

  private func drawAxes(_ canvas: inout SVGCanvas, _ frame: PlotFrame) {
    let steps = [0, 0.2, 0.4, 0.6, 0.8, 1]
    let scale = scale(count: 5)
    frame.drawRows(&canvas, at: scale.ticks, label: scale.label)
    canvas.line(
      Point(x: frame.left, y: frame.bottom), Point(x: frame.right, y: frame.bottom),
      .stroke(canvas.color(.baseline)))
    frame.drawColumns(&canvas, at: steps) { percent($0) }
    if let cacheAxis { cacheAxis.draw(&canvas, frame, at: steps) }
    canvas.text(
      "Streaming share of key-value heads (sparsity)",
      at: Point(x: frame.left + frame.width / 2, y: frame.bottom + 36), size: 12, ink: .muted,
      anchor: .middle)
  }

  private func drawBaselines(_ canvas: inout SVGCanvas, _ frame: PlotFrame) {
    for (index, method) in randomMethods.enumerated() {
      let spread = RandomSpread(
        series(method).map { ($0.point.requestedSparsity, $0.x, $0.y.value) })
      let upper = spread.steps.map { frame.point($0.x, $0.high) }
      let lower = spread.steps.map { frame.point($0.x, $0.low) }
      canvas.polygon(
        upper + lower.reversed(), .fill(canvas.color(.baseline), opacity: index == 0 ? 0.22 : 0.13))
      canvas.polyline(
        spread.steps.map { frame.point($0.x, $0.median) },
        .stroke(canvas.color(.baseline), width: 1.4, dash: index == 0 ? nil : "4 3"))
      for draw in series(method) {
        canvas.circle(
          frame.point(draw.x, draw.y.value), radius: 1.8,
          index == 0
            ? .fill(canvas.color(.baseline))
            : Paint(fill: canvas.color(.surface), stroke: canvas.color(.baseline), width: 1),
          title: hover(draw.point, draw.y))
      }
    }
  }

  private func drawSeries(_ canvas: inout SVGCanvas, _ frame: PlotFrame) {
    let methods = lineMethods
    let styles = SeriesStyle.styles(for: methods)
    let last = methods.filter { $0 != highlighted } + methods.filter { $0 == highlighted }
    for method in last where hasBand(method, of: methods.count) {
      guard let style = styles[method] else { continue }
      let line = series(method)
      canvas.polygon(
        line.map { frame.point($0.x, $0.y.high) }
          + line.reversed().map { frame.point($0.x, $0.y.low) },
        .fill(canvas.color(style.ink), opacity: 0.13))
    }
    for method in last {
      guard let style = styles[method] else { continue }
      let line = series(method)
      let isHeavy = method == highlighted
      canvas.polyline(
        line.map { frame.point($0.x, $0.y.value) },
        .stroke(canvas.color(style.ink), width: isHeavy ? 2.8 : 1.6, dash: style.dash))
      for mark in line {
        style.mark(
          &canvas, at: frame.point(mark.x, mark.y.value), radius: isHeavy ? 4 : 3,
          title: hover(mark.point, mark.y))
      }
    }
  }

  /// Bands of many series cover each other: beyond four, only the ones that matter have one.
  private func hasBand(_ method: CurveMethod, of count: Int) -> Bool {
    count <= 4 || method == highlighted || method == .headMixed
  }

  func hover(_ point: CurvePoint, _ estimate: Estimate) -> String {
    let seed = point.seed.map { ", seed \($0)" } ?? ""
    return "\(point.method.title)\(seed): \(words(estimate.value)) "
      + "(\(words(estimate.low)) to \(words(estimate.high))) "
      + "at \(percent(point.achievedSparsity, digits: 1)) sparsity"
  }

  private var legendEntries: [FigureLegend.Entry] {
    let styles = SeriesStyle.styles(for: lineMethods)
    let lines = lineMethods.compactMap { method in
      styles[method].map { style in
        FigureLegend.Entry(
          label: method.title, kind: .series(style, isHeavy: method == highlighted))
      }
    }
    let bands = randomMethods.enumerated().map { index, method in
      FigureLegend.Entry(
        label: "\(method.title), range", kind: .band(isFirst: index == 0))
    }
    return lines + bands
  }
}
