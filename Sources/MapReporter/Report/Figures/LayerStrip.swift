/// A layer map as a row of blocks: tall and filled for retrieval, low and hollow for streaming.
struct LayerStrip {
  let kinds: [Bool]

  /// Draws the blocks from `origin` to the right, standing on one line.
  func draw(_ canvas: inout SVGCanvas, at origin: Point, cellWidth: Double, height: Double) {
    let gap = min(1.5, cellWidth * 0.12)
    for (layer, isFull) in kinds.enumerated() {
      let tall = isFull ? height : height * 0.42
      let corner = Point(
        x: origin.x + Double(layer) * cellWidth + gap / 2, y: origin.y + height - tall)
      canvas.rect(
        corner, width: cellWidth - gap, height: tall, Self.paint(isFull, canvas),
        radius: min(2, cellWidth / 6),
        title: "layer \(layer): \(isFull ? "retrieval, whole context" : "streaming")")
    }
  }

  static func paint(_ isFull: Bool, _ canvas: SVGCanvas) -> Paint {
    isFull
      ? Paint(fill: canvas.color(.accent), stroke: canvas.color(.accent), width: 1)
      : Paint(fill: canvas.color(.surface), stroke: canvas.color(.baseline), width: 1)
  }

  /// Layer numbers under cells, as many as fit.
  static func drawNumbers(
    _ canvas: inout SVGCanvas, layers: Int, left: Double, y: Double, cellWidth: Double
  ) {
    let needed = textWidth("\(layers)", size: 12) + 5
    let step = [1, 2, 5, 10, 20].first { Double($0) * cellWidth >= needed } ?? 50
    for layer in stride(from: 0, to: layers, by: step) {
      canvas.text(
        "\(layer)", at: Point(x: left + (Double(layer) + 0.5) * cellWidth, y: y), size: 12,
        ink: .muted, anchor: .middle)
    }
  }

  /// What the two kinds of block mean.
  static func drawKey(_ canvas: inout SVGCanvas, at origin: Point) {
    let low = Point(x: origin.x + 190, y: origin.y)
    canvas.rect(origin, width: 11, height: 12, paint(true, canvas), radius: 2)
    canvas.text(
      "retrieval: whole context", at: Point(x: origin.x + 18, y: origin.y + 10),
      size: 12,
      ink: .muted)
    canvas.rect(
      Point(x: low.x, y: low.y + 7), width: 11, height: 5, paint(false, canvas), radius: 2)
    canvas.text(
      "streaming: sink + recent", at: Point(x: low.x + 18, y: low.y + 10), size: 12,
      ink: .muted)
  }
}

/// The strip alone, as a figure: the answer at a glance.
package struct LayerStripFigure: Sendable {
  let kinds: [Bool]
  let title: String

  /// A strip of `layerFull`, (L), true for retrieval.
  package init(layerFull: [Bool], title: String = "Layer map") {
    kinds = layerFull
    self.title = title
  }

  /// The drawing.
  package func svg(theme: FigureTheme) -> String {
    let width = 460.0
    let cellWidth = (width - 4) / Double(max(kinds.count, 1))
    var canvas = SVGCanvas(width: width, height: 84, theme: theme)
    LayerStrip(kinds: kinds).draw(
      &canvas, at: Point(x: 2, y: 4), cellWidth: cellWidth, height: 34)
    LayerStrip.drawNumbers(
      &canvas, layers: kinds.count, left: 2, y: 54, cellWidth: cellWidth)
    LayerStrip.drawKey(&canvas, at: Point(x: 2, y: 66))
    let full = kinds.indices.filter { kinds[$0] }.map(String.init).joined(separator: ", ")
    return canvas.document(
      title: title,
      summary: "\(kinds.count) layers; retrieval layers: \(full.isEmpty ? "none" : full).")
  }
}
