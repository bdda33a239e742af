import Support

/// Layer maps of several runs below each other; what differs from the first one is marked.
struct LayerSetsFigure {
  struct Row {
    let name: String
    /// (L), true for retrieval.
    let kinds: [Bool]
    /// Nil for the first row, and where the model has other layers.
    let overlap: LayerOverlap?
    /// The layers with windows of their own.
    var own: Set<Int> = []
  }

  let title: String
  let rows: [Row]

  private static let width = 460.0
  private static let rowHeight = 24.0
  private static let top = 36.0
  private static let right = 44.0

  func svg(theme: FigureTheme) -> String {
    let bottom = Self.top + Double(rows.count) * Self.rowHeight
    var canvas = SVGCanvas(
      width: Self.width, height: bottom + 54 + (hasOwn ? LayerStrip.ownKeyHeight : 0), theme: theme)
    canvas.text(title, at: Point(x: 12, y: 20), size: 14, isBold: true)
    for (index, row) in rows.enumerated() {
      draw(row, &canvas, y: Self.top + Double(index) * Self.rowHeight)
    }
    LayerStrip.drawNumbers(
      &canvas, layers: layers, left: left, y: bottom + 10, cellWidth: cellWidth(layers))
    LayerStrip.drawKey(&canvas, at: Point(x: 12, y: bottom + 30), own: hasOwn)
    drawMark(&canvas, at: Point(x: 377, y: bottom + 37))
    canvas.text("differs", at: Point(x: 387, y: bottom + 40), size: 12, ink: .muted)
    return canvas.document(title: title, summary: summary)
  }

  private var hasOwn: Bool { rows.contains { !$0.own.isEmpty } }

  private var layers: Int { rows.map(\.kinds.count).max() ?? 0 }

  private func cellWidth(_ layers: Int) -> Double {
    (Self.width - left - Self.right) / Double(max(layers, 1))
  }

  /// Room for the names, as many letters as leave the strips two thirds of the figure.
  private var left: Double {
    min(rows.map { textWidth($0.name, size: 12) }.max() ?? 0, 136) + 20
  }

  private func draw(_ row: Row, _ canvas: inout SVGCanvas, y: Double) {
    let cell = cellWidth(row.kinds.count)
    canvas.text(
      row.name.shortened(to: 22), at: Point(x: left - 8, y: y + 14), size: 12, anchor: .end)
    LayerStrip(kinds: row.kinds, own: row.own).draw(
      &canvas, at: Point(x: left, y: y), cellWidth: cell, height: Self.rowHeight - 7)
    guard let overlap = row.overlap else { return }
    for layer in overlap.gained + overlap.lost {
      drawMark(
        &canvas,
        at: Point(
          x: left + (Double(layer) + 0.5) * cell,
          y: y + Self.rowHeight - 7 - (Self.rowHeight - 7) * 0.21))
    }
    canvas.text(
      fixed(overlap.jaccard, 2), at: Point(x: Self.width - 8, y: y + 14), size: 12, ink: .muted,
      anchor: .end)
  }

  /// A disc that shows on both kinds of block.
  private func drawMark(_ canvas: inout SVGCanvas, at center: Point) {
    canvas.circle(
      center, radius: min(3, max(1.6, cellWidth(layers) * 0.3)),
      Paint(fill: canvas.color(.series(1)), stroke: canvas.color(.surface), width: 0.8))
  }

  private var summary: String {
    rows.map { row in
      let full = row.kinds.indices.filter { row.kinds[$0] }.map(String.init)
      return
        "\(row.name): retrieval layers \(full.isEmpty ? "none" : full.joined(separator: ", "))."
    }.joined(separator: " ")
  }
}

extension String {
  /// At most `count` characters, the last of them an ellipsis where some are left out.
  func shortened(to count: Int) -> String {
    self.count > count ? prefix(count - 1) + "…" : self
  }
}
