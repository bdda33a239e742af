import Support

/// Accuracy against sparsity of one method in several runs: a line each, intervals as whiskers.
struct RunCurvesFigure {
  struct Curve {
    let name: String
    let points: [(sparsity: Double, accuracy: Estimate)]
  }

  let title: String
  /// The first is what the others are compared with, and drawn heavier.
  let curves: [Curve]
  /// Full attention's accuracy in the first run.
  let full: Double?

  /// More lines than this cannot be told apart.
  static let maximumCurves = 8
  private static let width = 460.0

  func svg(theme: FigureTheme) -> String {
    let legend = FigureLegend(
      entries: curves.enumerated().map { index, curve in
        FigureLegend.Entry(
          label: curve.name, kind: .series(SeriesStyle(index: index), isHeavy: index == 0))
      }, width: Self.width - 24)
    let frame = PlotFrame(
      left: 50, top: 38, width: Self.width - 72, height: 210, xRange: 0...1, yRange: 0...1)
    let legendTop = frame.bottom + 48
    var canvas = SVGCanvas(width: Self.width, height: legendTop + legend.height + 8, theme: theme)
    canvas.text(
      title, at: Point(x: 12, y: 22), size: titleSize(title, width: Self.width - 24), isBold: true)
    drawAxes(&canvas, frame)
    for (index, curve) in curves.enumerated().reversed() { draw(curve, index, &canvas, frame) }
    legend.draw(&canvas, at: Point(x: 12, y: legendTop))
    return canvas.document(title: title, summary: summary)
  }

  private var summary: String {
    "Accuracy on held-out samples against the share of streaming key-value heads, with 95 % "
      + "confidence intervals, in the runs \(curves.map(\.name).joined(separator: ", "))."
  }

  private func drawAxes(_ canvas: inout SVGCanvas, _ frame: PlotFrame) {
    let steps = [0, 0.2, 0.4, 0.6, 0.8, 1]
    frame.drawRows(&canvas, at: steps) { percent($0) }
    canvas.line(frame.point(0, 0), frame.point(1, 0), .stroke(canvas.color(.baseline)))
    frame.drawColumns(&canvas, at: steps) { percent($0) }
    canvas.text(
      "Streaming share of key-value heads (sparsity)",
      at: Point(x: frame.left + frame.width / 2, y: frame.bottom + 36), size: 12, ink: .muted,
      anchor: .middle)
    guard let full else { return }
    canvas.line(
      frame.point(0, full), frame.point(1, full),
      .stroke(canvas.color(.muted), width: 1.3, dash: "7 4"))
    canvas.text(
      "Full attention \(percent(full, digits: 1))",
      at: Point(x: frame.right - 2, y: frame.y(full) + (full > 0.97 ? 14 : -6)), size: 12,
      ink: .muted, anchor: .end)
  }

  private func draw(
    _ curve: Curve, _ index: Int, _ canvas: inout SVGCanvas, _ frame: PlotFrame
  ) {
    let style = SeriesStyle(index: index)
    // Beside each other, so that whiskers at one sparsity can be told apart.
    let shift = (Double(index) - Double(curves.count - 1) / 2) * 3
    func place(_ sparsity: Double, _ accuracy: Double) -> Point {
      let point = frame.point(sparsity, accuracy)
      return Point(x: point.x + shift, y: point.y)
    }
    for point in curve.points {
      canvas.line(
        place(point.sparsity, point.accuracy.low), place(point.sparsity, point.accuracy.high),
        .stroke(canvas.color(style.ink), width: 0.9))
    }
    canvas.polyline(
      curve.points.map { place($0.sparsity, $0.accuracy.value) },
      .stroke(canvas.color(style.ink), width: index == 0 ? 2.8 : 1.6, dash: style.dash))
    for point in curve.points {
      style.mark(
        &canvas, at: place(point.sparsity, point.accuracy.value), radius: index == 0 ? 4 : 3,
        title: "\(curve.name): \(percent(point.accuracy.value, digits: 1)) "
          + "(\(percent(point.accuracy.low, digits: 1)) to \(percent(point.accuracy.high, digits: 1))) "
          + "at \(percent(point.sparsity, digits: 1)) sparsity")
    }
  }
}
