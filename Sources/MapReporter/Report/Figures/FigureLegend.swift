/// Samples of lines or dots with their names, in as many rows as they need.
struct FigureLegend {
  struct Entry {
    enum Kind {
      case line(LineStyle)
      case dot(Ink)
    }

    let label: String
    let kind: Kind
  }

  private let places: [(entry: Entry, offset: Point)]
  /// Height of all rows.
  let height: Double

  private static let rowHeight = 20.0
  private static let sample = 30.0
  private static let size = 12.0

  init(entries: [Entry], width: Double) {
    let widest = entries.map { textWidth($0.label, size: Self.size) }.max() ?? 0
    let columnWidth = Self.sample + widest + 12
    let columns = max(1, Int(width / columnWidth))
    places = entries.enumerated().map { index, entry in
      let offset = Point(
        x: Double(index % columns) * (width / Double(columns)),
        y: Double(index / columns) * Self.rowHeight)
      return (entry, offset)
    }
    height = Double((entries.count + columns - 1) / columns) * Self.rowHeight
  }

  /// Draws the rows below `origin`.
  func draw(_ canvas: inout SVGCanvas, at origin: Point) {
    for (entry, offset) in places {
      let start = Point(x: origin.x + offset.x, y: origin.y + offset.y + 8)
      let end = Point(x: start.x + Self.sample - 8, y: start.y)
      let middle = Point(x: (start.x + end.x) / 2, y: start.y)
      switch entry.kind {
      case .line(let style):
        if case .spread(let isFirst) = style {
          canvas.rect(
            Point(x: start.x, y: start.y - 6), width: end.x - start.x, height: 12,
            .fill(canvas.color(style.ink), opacity: isFirst ? 0.28 : 0.16))
        }
        canvas.line(start, end, style.paint(on: canvas))
        if case .series = style { style.mark(&canvas, at: middle, title: nil) }
      case .dot(let ink):
        canvas.circle(middle, radius: 4, .fill(canvas.color(ink)))
      }
      canvas.text(entry.label, at: Point(x: end.x + 8, y: start.y + 4), size: Self.size)
    }
  }
}
