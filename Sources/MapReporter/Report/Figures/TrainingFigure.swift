import Support

/// How gate learning went: loss, distillation, regularisation and learning rate over the steps.
package struct TrainingFigure: Sendable {
  let rows: [TrainingRow]

  private static let width = 460.0
  private static let panelHeight = 96.0

  /// A figure of the rows of `metrics.csv`.
  package init(rows: [TrainingRow]) {
    self.rows = rows.sorted { $0.step < $1.step }
  }

  private struct Curve {
    let title: String
    let style: Int
    let value: @Sendable (TrainingRow) -> Double
  }

  private var curves: [Curve] {
    [
      Curve(title: "Loss", style: 6, value: \.loss),
      Curve(title: "Distillation", style: 0, value: \.distillation),
      Curve(title: "Regularisation", style: 1, value: \.regularization),
      Curve(title: "Learning rate", style: 2, value: \.learningRate),
    ]
  }

  /// The drawing: four panels in two columns.
  package func svg(theme: FigureTheme) -> String {
    let rowHeight = Self.panelHeight + 54
    var canvas = SVGCanvas(width: Self.width, height: 2 * rowHeight + 26, theme: theme)
    for (index, curve) in curves.enumerated() {
      let column = Double(index % 2)
      draw(
        curve, &canvas,
        at: Point(x: 12 + column * (Self.width / 2), y: 12 + Double(index / 2) * rowHeight))
    }
    canvas.text(
      "optimizer step", at: Point(x: Self.width / 2, y: 2 * rowHeight + 16), ink: .muted,
      anchor: .middle)
    let steps = rows.last.map { "\(rows.count) rows up to step \($0.step)" } ?? "no rows"
    return canvas.document(title: "Gate learning", summary: "Training curves, \(steps).")
  }

  private func draw(_ curve: Curve, _ canvas: inout SVGCanvas, at origin: Point) {
    let values = rows.map(curve.value).filter(\.isFinite)
    let frame = PlotFrame(
      left: origin.x + 46, top: origin.y + 22, width: Self.width / 2 - 68,
      height: Self.panelHeight, xRange: stepRange, yRange: Self.range(of: values))
    canvas.text(curve.title, at: Point(x: origin.x, y: origin.y + 8), size: 13, isBold: true)
    let ticks = PlotFrame.ticks(frame.yRange, count: 4)
    let digits = PlotFrame.digits(of: ticks)
    frame.drawRows(&canvas, at: ticks) { fixed($0, digits) }
    frame.drawColumns(&canvas, at: PlotFrame.ticks(stepRange, count: 4)) { fixed($0, 0) }
    let line = rows.filter { curve.value($0).isFinite }
      .map { frame.point(Double($0.step), curve.value($0)) }
    canvas.polyline(line, .stroke(canvas.color(.series(curve.style)), width: 1.5))
  }

  private var stepRange: ClosedRange<Double> {
    guard let first = rows.first, let last = rows.last else { return 0...1 }
    return Double(first.step)...Double(max(last.step, first.step + 1))
  }

  /// From 0 (or below) to a little above the largest value.
  private static func range(of values: [Double]) -> ClosedRange<Double> {
    let low = min(0, values.min() ?? 0)
    let high = values.max() ?? 1
    return low...(high > low ? low + (high - low) * 1.06 : low + 1)
  }
}
