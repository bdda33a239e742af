import Support

/// How much the layer sets of every two runs have in common, as a table of shaded cells.
struct OverlapFigure {
  let title: String
  let names: [String]
  /// |A ∩ B| / |A ∪ B| of every two runs, (runs, runs).
  let overlaps: [[Double]]

  /// More runs than this cannot be read.
  static let maximumRuns = 40
  private static let width = 460.0
  private static let top = 54.0

  func svg(theme: FigureTheme) -> String {
    var canvas = SVGCanvas(
      width: Self.width, height: Self.top + Double(names.count) * cell + 12, theme: theme)
    canvas.text(title, at: Point(x: 12, y: 20), size: 14, isBold: true)
    for (row, name) in names.enumerated() {
      let y = Self.top + (Double(row) + 0.5) * cell
      canvas.text(
        "\(name.shortened(to: 22)) \(row + 1)", at: Point(x: left - 6, y: y + 4),
        size: min(12, cell), anchor: .end)
      canvas.text(
        "\(row + 1)", at: Point(x: left + (Double(row) + 0.5) * cell, y: Self.top - 6),
        size: min(12, cell), ink: .muted, anchor: .middle)
      for (column, value) in overlaps[row].enumerated() {
        draw(value, &canvas, row: row, column: column)
      }
    }
    return canvas.document(
      title: title,
      summary: "Shared retrieval layers of every two runs, as a share of those in either.")
  }

  private var left: Double {
    min((names.map { textWidth($0, size: 12) }.max() ?? 0) + 22, 158) + 12
  }

  private var cell: Double { min(34, (Self.width - left - 10) / Double(max(names.count, 1))) }

  private func draw(_ value: Double, _ canvas: inout SVGCanvas, row: Int, column: Int) {
    let corner = Point(x: left + Double(column) * cell, y: Self.top + Double(row) * cell)
    // A third is what two random halves have in common.
    let strength = max(0, (value - 1.0 / 3) * 1.5)
    canvas.rect(
      corner, width: cell - 1, height: cell - 1,
      .fill(canvas.color(.accent), opacity: 0.04 + 0.51 * strength),
      title: "\(names[row]) and \(names[column]): \(fixed(value, 2))")
    guard cell >= 19, row != column else { return }
    let text = value > 0.995 ? "1" : "." + fixed(value * 100, 0)
    canvas.text(
      text, at: Point(x: corner.x + cell / 2 - 0.5, y: corner.y + cell / 2 + 4), size: 11,
      anchor: .middle)
  }
}
