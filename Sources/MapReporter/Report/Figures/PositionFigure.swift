import Support

/// A loss by position in the text, one line per map.
package struct PositionFigure: Sendable {
  let title: String
  let metric: CurveMetric
  let series: [Series]

  /// The line of one map.
  package struct Series: Sendable {
    /// Method as in ``CurvePoint/method``; decides the style.
    package let method: CurveMethod
    /// Name in the legend.
    package let title: String
    /// Middle of each part in tokens, and the value there.
    package let points: [(position: Double, estimate: Estimate)]

    /// A line of `points`.
    package init(
      method: CurveMethod, title: String, points: [(position: Double, estimate: Estimate)]
    ) {
      self.method = method
      self.title = title
      self.points = points.sorted { $0.position < $1.position }
    }
  }

  private static let width = 460.0

  /// A figure of `series`.
  package init(title: String, metric: CurveMetric, series: [Series]) {
    self.title = title
    self.metric = metric
    self.series = series
  }

  /// The drawing.
  package func svg(theme: FigureTheme) -> String {
    let styles = SeriesStyle.styles(for: series.map(\.method))
    let legend = FigureLegend(
      entries: series.compactMap { line in
        styles[line.method].map {
          FigureLegend.Entry(label: line.title, kind: .series($0, isHeavy: false))
        }
      }, width: Self.width - 24)
    let frame = PlotFrame(
      left: 50, top: 38, width: Self.width - 72, height: 200, xRange: 0...lastPosition,
      yRange: 0...highest)
    var canvas = SVGCanvas(
      width: Self.width, height: frame.bottom + 56 + legend.height, theme: theme)
    canvas.text(
      title, at: Point(x: 12, y: 22), size: titleSize(title, width: Self.width - 24), isBold: true)
    drawAxes(&canvas, frame)
    for line in series {
      guard let style = styles[line.method] else { continue }
      draw(line, style, &canvas, frame)
    }
    legend.draw(&canvas, at: Point(x: 12, y: frame.bottom + 48))
    return canvas.document(
      title: title,
      summary: "\(metric.title) by position, for \(series.map(\.title).joined(separator: "; ")).")
  }

  private var lastPosition: Double {
    let last = series.flatMap { $0.points.map(\.position) }.max() ?? 1
    return max(last * 1.06, 1)
  }

  private var highest: Double {
    max((series.flatMap { $0.points.map(\.estimate.high) }.max() ?? 1) * 1.05, 1e-6)
  }

  private func drawAxes(_ canvas: inout SVGCanvas, _ frame: PlotFrame) {
    let ticks = PlotFrame.ticks(frame.yRange, count: 5)
    let digits = PlotFrame.digits(of: ticks)
    frame.drawRows(&canvas, at: ticks) { fixed($0, digits) }
    frame.drawColumns(&canvas, at: PlotFrame.ticks(frame.xRange, count: 6)) { grouped(Int($0)) }
    canvas.text(
      "Position in the text, tokens",
      at: Point(x: frame.left + frame.width / 2, y: frame.bottom + 36), size: 12, ink: .muted,
      anchor: .middle)
  }

  private func draw(
    _ line: Series, _ style: SeriesStyle, _ canvas: inout SVGCanvas, _ frame: PlotFrame
  ) {
    canvas.polygon(
      line.points.map { frame.point($0.position, $0.estimate.high) }
        + line.points.reversed().map { frame.point($0.position, max(0, $0.estimate.low)) },
      .fill(canvas.color(style.ink), opacity: 0.13))
    canvas.polyline(
      line.points.map { frame.point($0.position, $0.estimate.value) },
      .stroke(canvas.color(style.ink), width: 1.6, dash: style.dash))
    for point in line.points {
      style.mark(
        &canvas, at: frame.point(point.position, point.estimate.value), radius: 3,
        title: "\(line.title) around \(grouped(Int(point.position))): "
          + metric.text(point.estimate.value))
    }
  }
}
