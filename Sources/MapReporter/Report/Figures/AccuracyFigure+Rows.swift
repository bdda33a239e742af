import Support

/// Many methods below each other.
extension AccuracyFigure {
  private static let rowHeight = 22.0

  /// A row for each method, the best first, with a dot and an interval for each sparsity.
  func rows(theme: FigureTheme) -> String {
    let (methods, sparsities) = (rankedMethods, dotSparsities)
    let legend = FigureLegend(
      entries: sparsities.enumerated().map {
        FigureLegend.Entry(label: "\(percent($1)) streaming", kind: .dot(.series($0)))
      }, width: LineChart.width - 24)
    let left = nameWidth(methods) + 20
    let scale = valueAxis(count: 4)
    let frame = PlotFrame(
      left: left, top: 60 + legend.height, width: LineChart.width - left - 22,
      height: Double(methods.count) * Self.rowHeight,
      xRange: scale.range, yRange: 0...Double(max(methods.count, 1)))
    var canvas = SVGCanvas(width: LineChart.width, height: frame.bottom + 42, theme: theme)
    canvas.heading(title)
    legend.draw(&canvas, at: Point(x: 12, y: 34))
    drawScale(scale, &canvas, frame)
    for (row, method) in methods.enumerated() {
      let middle = frame.top + (Double(row) + 0.5) * Self.rowHeight
      canvas.line(
        Point(x: frame.left, y: middle), Point(x: frame.right, y: middle),
        .stroke(canvas.color(.grid), width: 0.5))
      canvas.text(
        name(of: method).shortened(to: 36), at: Point(x: frame.left - 8, y: middle + 4), size: 12,
        anchor: .end, isBold: method == highlighted)
      for (place, sparsity) in sparsities.enumerated() {
        // Above each other, so that intervals can be told apart.
        let step = min(4, (Self.rowHeight - 8) / Double(sparsities.count))
        let y = middle + (Double(place) - Double(sparsities.count - 1) / 2) * step
        drawDots(of: method, at: sparsity, .series(place), &canvas, frame, y: y)
      }
    }
    return canvas.document(title: title, summary: summary)
  }

  // MARK: Data

  /// What is drawn as dots: all but both ends, where methods are alike.
  private func dots(of method: CurveMethod) -> [(value: Estimate, point: CurvePoint)] {
    series(method).map { ($0.y, $0.point) }
      .filter { 0 < $0.point.achievedSparsity && $0.point.achievedSparsity < 1 }
  }

  private var dottedMethods: [CurveMethod] {
    (lineMethods + randomMethods).filter { !dots(of: $0).isEmpty }
  }

  /// Asked-for sparsities, ascending.
  private var dotSparsities: [Double] {
    Set(dottedMethods.flatMap { dots(of: $0).map(\.point.requestedSparsity) }).sorted()
  }

  /// The best first: by the mean of what a method is more than all methods at the same sparsity.
  private var rankedMethods: [CurveMethod] {
    let all = Dictionary(grouping: dottedMethods.flatMap(dots), by: \.point.requestedSparsity)
      .mapValues { mean($0.map(\.value.value)) }
    let sign = metric.isShare ? -1.0 : 1.0
    let ranked = dottedMethods.enumerated().map { place, method in
      let gains = dots(of: method).map { $0.value.value - (all[$0.point.requestedSparsity] ?? 0) }
      return (method: method, key: (sign * mean(gains), place))
    }
    return ranked.sorted { $0.key < $1.key }.map(\.method)
  }

  private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

  /// What was imported goes by its own name, where that names one row.
  private func name(of method: CurveMethod) -> String {
    guard case .imported(let name, _) = method else {
      return method.title
    }
    let namesakes = lineMethods.filter {
      if case .imported(name, _) = $0 { true } else { false }
    }
    return namesakes.count == 1 ? name : method.title
  }

  private func nameWidth(_ methods: [CurveMethod]) -> Double {
    min(methods.map { textWidth(name(of: $0), size: 12) }.max() ?? 0, 216) + 6
  }

  // MARK: Drawing

  private func drawScale(
    _ scale: LineChart.Axis, _ canvas: inout SVGCanvas, _ frame: PlotFrame
  ) {
    for value in scale.ticks {
      canvas.line(
        Point(x: frame.x(value), y: frame.top), Point(x: frame.x(value), y: frame.bottom),
        .stroke(canvas.color(.grid)))
    }
    frame.drawColumns(&canvas, at: scale.ticks, label: scale.label)
    // One above and one below, so that the words cannot meet.
    for (method, dash, height) in [
      (CurveMethod.full, "7 4", frame.top - 9), (.streaming, "2 4", frame.bottom + 33),
    ] {
      guard let value = point(of: method)?.estimate(metric)?.value else { continue }
      let x = frame.x(value)
      canvas.line(
        Point(x: x, y: frame.top - 4), Point(x: x, y: frame.bottom),
        .stroke(canvas.color(.muted), width: 1.3, dash: dash))
      canvas.text(
        "\(method.title) \(words(value))", at: Point(x: x, y: height), size: 12, ink: .muted,
        anchor: x > frame.left + frame.width / 2 ? .end : .start)
    }
  }

  private func drawDots(
    of method: CurveMethod, at sparsity: Double, _ ink: Ink, _ canvas: inout SVGCanvas,
    _ frame: PlotFrame, y: Double
  ) {
    for (value, point) in dots(of: method) where point.requestedSparsity == sparsity {
      canvas.line(
        Point(x: frame.x(value.low), y: y), Point(x: frame.x(value.high), y: y),
        .stroke(canvas.color(ink), width: 1.2))
      canvas.circle(
        Point(x: frame.x(value.value), y: y), radius: method == highlighted ? 4 : 3,
        .fill(canvas.color(ink)), title: hover(point, value))
    }
  }
}
