import Support

/// How gate learning went: loss, distillation, regularisation and learning rate over the steps.
package struct TrainingFigure: Sendable {
  let rows: [TrainingRow]

  /// A figure of the rows of `metrics.csv`.
  package init(rows: [TrainingRow]) {
    self.rows = rows.sorted { $0.step < $1.step }
  }

  /// The drawing: four panels in two columns.
  package func svg(theme: FigureTheme) -> String {
    let panels = [
      panel("Loss", series: 6, \.loss), panel("Distillation", series: 0, \.distillation),
      panel("Regularisation", series: 1, \.regularization),
      panel("Learning rate", series: 2, \.learningRate),
    ]
    let (half, rowHeight) = (LineChart.width / 2, panels[0].height + 54)
    var canvas = SVGCanvas(width: 2 * half, height: 2 * rowHeight + 26, theme: theme)
    for (index, panel) in panels.enumerated() {
      let left = 12 + Double(index % 2) * half
      let top = 12 + Double(index / 2) * rowHeight
      canvas.text(panel.title, at: Point(x: left, y: top + 8), size: 13, isBold: true)
      panel.draw(&canvas, in: panel.frame(left: left + 46, top: top + 22, width: half - 68))
    }
    canvas.text(
      "optimizer step", at: Point(x: half, y: 2 * rowHeight + 16), ink: .muted, anchor: .middle)
    let steps = rows.last.map { "\(rows.count) rows up to step \($0.step)" } ?? "no rows"
    return canvas.document(title: "Gate learning", summary: "Training curves, \(steps).")
  }

  private func panel(
    _ title: String, series: Int, _ value: (TrainingRow) -> Double
  ) -> LineChart {
    let line = rows.map { (step: Double($0.step), value: value($0)) }.filter(\.value.isFinite)
      .map { LineChart.Value(x: $0, y: Estimate(value: $1, low: $1, high: $1)) }
    let steps = LineChart.Axis(
      range: stepRange, ticks: PlotFrame.ticks(stepRange, count: 4), label: { fixed($0, 0) })
    return LineChart(
      title: title, height: 96, x: steps,
      y: .decimals(Self.range(of: line.map(\.y.value)), count: 4),
      layers: [[LineChart.Series(style: .plain(.series(series)), values: line)]])
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
