import Support

/// Lines over two axes: a figure of curves says what is drawn, and the chart draws all of them alike.
struct LineChart {
  var title = ""
  /// What is read out in place of the drawing.
  var summary = ""
  /// Height of the frame, in user units.
  var height = 200.0
  let x: Axis
  let y: Axis
  /// A second scale, above the frame, of the places of ``x``.
  var top: Axis?
  /// What is drawn, from the back to the front: the intervals of a layer lie below all of its lines.
  let layers: [[Series]]
  var references: [Reference] = []
  var legend: [FigureLegend.Entry] = []

  /// Where an axis has labels, and what they say.
  struct Axis {
    var range: ClosedRange<Double>
    let ticks: [Double]
    let label: (Double) -> String
    var title: String?
    /// Whether the axis of x is a line of its own.
    var hasLine = false
  }

  /// A line with its intervals and marks.
  struct Series {
    let style: LineStyle
    /// Values with their intervals, from left to right.
    let values: [Value]
    var intervals = Intervals.none
    /// What has a mark, where that is not the values.
    var marks: [Value]?
    /// User units to the right of its place.
    var shift = 0.0
  }

  /// A value, and what is said of it where a pointer rests on its mark.
  struct Value {
    let x: Double
    let y: Estimate
    var title = ""
  }

  /// How intervals are drawn: not at all, as an area around the line, or as an upright line at each value.
  enum Intervals { case none, band, whiskers }

  static let width = 460.0

  /// The chart as a figure of its own, with its title and legend.
  func svg(theme: FigureTheme) -> String {
    let legend = FigureLegend(entries: legend, width: Self.width - 24)
    let frame = frame(left: 50, top: top == nil ? 38 : 74, width: Self.width - 72)
    let legendTop = frame.bottom + 48
    var canvas = SVGCanvas(width: Self.width, height: legendTop + legend.height + 8, theme: theme)
    canvas.heading(title)
    draw(&canvas, in: frame)
    legend.draw(&canvas, at: Point(x: 12, y: legendTop))
    return canvas.document(title: title, summary: summary)
  }

  /// The rectangle of the chart at a place of a drawing.
  func frame(left: Double, top: Double, width: Double) -> PlotFrame {
    PlotFrame(
      left: left, top: top, width: width, height: height, xRange: x.range, yRange: y.range)
  }

  /// Draws axes, lines and references into `frame`.
  func draw(_ canvas: inout SVGCanvas, in frame: PlotFrame) {
    drawAxes(&canvas, frame)
    for reference in references where reference.end == .behind {
      drawBehind(reference, &canvas, frame)
    }
    for layer in layers {
      for series in layer { drawIntervals(of: series, &canvas, frame) }
      for series in layer {
        canvas.polyline(series.line(in: frame), series.style.paint(on: canvas))
        for mark in series.marks ?? series.values {
          series.style.mark(
            &canvas, at: series.place(mark.x, mark.y.value, frame), title: mark.title)
        }
      }
    }
    drawReferences(&canvas, frame)
  }

  private func drawAxes(_ canvas: inout SVGCanvas, _ frame: PlotFrame) {
    frame.drawRows(&canvas, at: y.ticks, label: y.label)
    if x.hasLine {
      canvas.line(
        Point(x: frame.left, y: frame.bottom), Point(x: frame.right, y: frame.bottom),
        .stroke(canvas.color(.baseline)))
    }
    frame.drawColumns(&canvas, at: x.ticks, label: x.label)
    if let top { drawTop(top, &canvas, frame) }
    guard let title = x.title else { return }
    canvas.text(
      title, at: Point(x: frame.left + frame.width / 2, y: frame.bottom + 36), ink: .muted,
      anchor: .middle)
  }

  private func drawTop(_ axis: Axis, _ canvas: inout SVGCanvas, _ frame: PlotFrame) {
    for value in axis.ticks {
      let (x, isLast) = (frame.x(value), value == axis.range.upperBound)
      canvas.line(
        Point(x: x, y: frame.top - 4), Point(x: x, y: frame.top), .stroke(canvas.color(.baseline)))
      // The last one ends with the figure, which has little room right of the frame.
      canvas.text(
        axis.label(value), at: Point(x: x + (isLast ? 20 : 0), y: frame.top - 9), ink: .muted,
        anchor: isLast ? .end : .middle)
    }
    canvas.text(
      axis.title ?? "", at: Point(x: frame.left + frame.width / 2, y: frame.top - 27), ink: .muted,
      anchor: .middle)
  }

  private func drawIntervals(
    of series: Series, _ canvas: inout SVGCanvas, _ frame: PlotFrame
  ) {
    let ink = canvas.color(series.style.ink)
    let highs = series.values.map { series.place($0.x, $0.y.high, frame) }
    let lows = series.values.map { series.place($0.x, $0.y.low, frame) }
    switch series.intervals {
    case .none: break
    case .band:
      canvas.polygon(highs + lows.reversed(), .fill(ink, opacity: series.style.bandOpacity))
    case .whiskers:
      for (low, high) in zip(lows, highs) { canvas.line(low, high, .stroke(ink, width: 0.9)) }
    }
  }
}

extension LineChart.Series {
  func line(in frame: PlotFrame) -> [Point] { values.map { place($0.x, $0.y.value, frame) } }

  func place(_ x: Double, _ y: Double, _ frame: PlotFrame) -> Point {
    Point(x: frame.x(x) + shift, y: frame.y(y))
  }
}

extension LineChart.Axis {
  /// 0 to 100 % in steps of 20.
  static func shares(title: String? = nil, hasLine: Bool = false) -> Self {
    Self(
      range: 0...1, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1], label: { percent($0) }, title: title,
      hasLine: hasLine)
  }

  /// The share of streaming heads, below the frame.
  static var sparsity: Self {
    shares(title: "Streaming share of key-value heads (sparsity)", hasLine: true)
  }

  /// About `count` round values with as many decimals as tell them apart.
  static func decimals(_ range: ClosedRange<Double>, count: Int) -> Self {
    let ticks = PlotFrame.ticks(range, count: count)
    let digits = PlotFrame.digits(of: ticks)
    return Self(range: range, ticks: ticks, label: { fixed($0, digits) })
  }
}

/// How a line, its marks and its sample in a legend look.
enum LineStyle {
  /// One of the series of a figure.
  case series(SeriesStyle, isHeavy: Bool = false)
  /// What random maps reach; two kinds differ.
  case spread(isFirst: Bool)
  /// A line without marks.
  case plain(Ink)

  var ink: Ink {
    switch self {
    case .series(let style, _): style.ink
    case .spread: .baseline
    case .plain(let ink): ink
    }
  }

  /// The line's.
  func paint(on canvas: SVGCanvas) -> Paint {
    let color = canvas.color(ink)
    return switch self {
    case .series(let style, let isHeavy):
      .stroke(color, width: isHeavy ? 2.8 : 1.6, dash: style.dash)
    case .spread(let isFirst): .stroke(color, width: 1.4, dash: isFirst ? nil : "4 3")
    case .plain: .stroke(color, width: 1.5)
    }
  }

  var bandOpacity: Double {
    if case .spread(isFirst: true) = self { 0.22 } else { 0.13 }
  }

  /// Draws a mark around `center`.
  func mark(_ canvas: inout SVGCanvas, at center: Point, title: String?) {
    switch self {
    case .series(let style, let isHeavy):
      style.mark(&canvas, at: center, radius: isHeavy ? 4 : 3, title: title)
    case .spread(let isFirst):
      let hollow = Paint(fill: canvas.color(.surface), stroke: canvas.color(ink), width: 1)
      canvas.circle(
        center, radius: 1.8, isFirst ? .fill(canvas.color(ink)) : hollow, title: title)
    case .plain: break
    }
  }
}
