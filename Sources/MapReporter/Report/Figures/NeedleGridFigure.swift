import Support

/// Needle grids of a few maps side by side: lengths across, depths down, accuracy as shade and number.
package struct NeedleGridFigure: Sendable {
  let title: String
  let panels: [Panel]

  /// The grid of one map.
  package struct Panel: Sendable {
    /// Which map.
    package let title: String
    /// Accuracy by cell, 0…1.
    package let values: [NeedleGrid.Cell: Double]

    /// A grid of `values`.
    package init(title: String, values: [NeedleGrid.Cell: Double]) {
      self.title = title
      self.values = values
    }
  }

  private static let width = 460.0
  private static let columns = 2
  private static let left = 44.0

  /// A figure of `panels`, which share their lengths and depths.
  package init(title: String, panels: [Panel]) {
    self.title = title
    self.panels = panels
  }

  private var cells: Set<NeedleGrid.Cell> { Set(panels.flatMap(\.values.keys)) }
  private var lengths: [Int] { Set(cells.map(\.length)).sorted() }
  private var depths: [Double] { Set(cells.map(\.depth)).sorted() }
  private var panelWidth: Double { Self.width / Double(Self.columns) - 6 }
  private var cellWidth: Double {
    (panelWidth - Self.left - 8) / Double(max(lengths.count, 1))
  }
  private var cellHeight: Double { min(26, max(15, 130 / Double(max(depths.count, 1)))) }
  private var panelHeight: Double { 60 + cellHeight * Double(depths.count) }

  /// The drawing.
  package func svg(theme: FigureTheme) -> String {
    let rows = (panels.count + Self.columns - 1) / Self.columns
    var canvas = SVGCanvas(
      width: Self.width, height: 36 + Double(rows) * panelHeight + 8, theme: theme)
    canvas.heading(title)
    for (index, panel) in panels.enumerated() {
      let corner = Point(
        x: Double(index % Self.columns) * (Self.width / Double(Self.columns)) + 6,
        y: 36 + Double(index / Self.columns) * panelHeight)
      draw(panel, &canvas, at: corner)
    }
    return canvas.document(title: title, summary: summary)
  }

  private var summary: String {
    "Accuracy in per cent by length in tokens (across) and depth of the needle (down), for "
      + panels.map(\.title).joined(separator: "; ") + "."
  }

  private func draw(_ panel: Panel, _ canvas: inout SVGCanvas, at corner: Point) {
    let titleSize = min(12, 12 * (panelWidth - 8) / textWidth(panel.title, size: 12))
    canvas.text(panel.title, at: Point(x: corner.x + 6, y: corner.y + 13), size: titleSize)
    let top = corner.y + 22
    for (row, depth) in depths.enumerated() {
      let y = top + Double(row) * cellHeight
      canvas.text(
        percent(depth), at: Point(x: corner.x + Self.left - 5, y: y + cellHeight / 2 + 4), size: 12,
        ink: .muted, anchor: .end)
      for (column, length) in lengths.enumerated() {
        let x = corner.x + Self.left + Double(column) * cellWidth
        let cell = NeedleGrid.Cell(length: length, depth: depth)
        drawCell(cell, panel.values[cell], &canvas, at: Point(x: x, y: y))
      }
    }
    for (column, length) in lengths.enumerated() {
      canvas.text(
        "\(length)",
        at: Point(
          x: corner.x + Self.left + (Double(column) + 0.5) * cellWidth,
          y: top + cellHeight * Double(depths.count) + 15), size: 12, ink: .muted, anchor: .middle)
    }
  }

  private func drawCell(
    _ cell: NeedleGrid.Cell, _ value: Double?, _ canvas: inout SVGCanvas, at corner: Point
  ) {
    let paint = Paint(
      fill: canvas.color(.accent), fillOpacity: value.map { 0.05 + 0.95 * $0 } ?? 0,
      stroke: canvas.color(.surface), width: 1)
    let words = value.map { percent($0, digits: 1) } ?? "not measured"
    canvas.rect(
      corner, width: cellWidth, height: cellHeight, paint,
      title: "\(grouped(cell.length)) tokens, depth \(percent(cell.depth)): \(words)")
    guard let value else { return }
    canvas.text(
      fixed(value * 100, 0),
      at: Point(x: corner.x + cellWidth / 2, y: corner.y + cellHeight / 2 + 4), size: 12,
      ink: value > 0.5 ? .surface : .text, anchor: .middle)
  }
}
