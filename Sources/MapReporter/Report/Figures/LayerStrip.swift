/// A layer map as a row of blocks: tall and filled for retrieval, low and hollow for streaming, a low grey bar where a
/// layer slides a window of its own, of which no map decides.
struct LayerStrip {
  /// What a block stands for.
  enum Block {
    case retrieval, streaming, ownWindow

    /// Its share of the strip's height.
    var height: Double {
      switch self {
      case .retrieval: 1
      case .streaming: 0.42
      case .ownWindow: 0.18
      }
    }

    var title: String {
      switch self {
      case .retrieval: "retrieval, whole context"
      case .streaming: "streaming"
      case .ownWindow: "window of its own"
      }
    }

    func paint(_ canvas: SVGCanvas) -> Paint {
      switch self {
      case .retrieval:
        Paint(fill: canvas.color(.accent), stroke: canvas.color(.accent), width: 1)
      case .streaming:
        Paint(fill: canvas.color(.surface), stroke: canvas.color(.baseline), width: 1)
      case .ownWindow: .fill(canvas.color(.baseline), opacity: 0.6)
      }
    }
  }

  let blocks: [Block]

  /// The strip of `kinds`, (L), true for retrieval; `own` are the layers with windows of their own.
  init(kinds: [Bool], own: Set<Int> = []) {
    blocks = kinds.enumerated().map { layer, isFull in
      own.contains(layer) ? .ownWindow : isFull ? .retrieval : .streaming
    }
  }

  /// Draws the blocks from `origin` to the right, standing on one line.
  func draw(_ canvas: inout SVGCanvas, at origin: Point, cellWidth: Double, height: Double) {
    let gap = min(1.5, cellWidth * 0.12)
    for (layer, block) in blocks.enumerated() {
      let tall = height * block.height
      let corner = Point(
        x: origin.x + Double(layer) * cellWidth + gap / 2, y: origin.y + height - tall)
      canvas.rect(
        corner, width: cellWidth - gap, height: tall, block.paint(canvas),
        radius: min(2, cellWidth / 6), title: "layer \(layer): \(block.title)")
    }
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

  /// The key's line of windows of their own, below the other.
  static let ownKeyHeight = 18.0

  /// What the kinds of block mean; windows of their own on a line below where there are some.
  static func drawKey(_ canvas: inout SVGCanvas, at origin: Point, own: Bool = false) {
    let low = Point(x: origin.x + 190, y: origin.y)
    canvas.rect(origin, width: 11, height: 12, Block.retrieval.paint(canvas), radius: 2)
    canvas.text(
      "retrieval: whole context", at: Point(x: origin.x + 18, y: origin.y + 10),
      size: 12,
      ink: .muted)
    canvas.rect(
      Point(x: low.x, y: low.y + 7), width: 11, height: 5, Block.streaming.paint(canvas), radius: 2)
    canvas.text(
      "streaming: sink + recent", at: Point(x: low.x + 18, y: low.y + 10), size: 12,
      ink: .muted)
    guard own else { return }
    let y = origin.y + ownKeyHeight
    canvas.rect(
      Point(x: origin.x, y: y + 9), width: 11, height: 3, Block.ownWindow.paint(canvas), radius: 1)
    canvas.text(
      "window of its own: no map changes it", at: Point(x: origin.x + 18, y: y + 10), size: 12,
      ink: .muted)
  }
}

/// The strip alone, as a figure: the answer at a glance.
package struct LayerStripFigure: Sendable {
  let kinds: [Bool]
  /// The layers with windows of their own.
  let own: Set<Int>
  let title: String

  /// A strip of `layerFull`, (L), true for retrieval; `own` are the layers with windows of their own.
  package init(layerFull: [Bool], own: Set<Int> = [], title: String = "Layer map") {
    kinds = layerFull
    self.own = own
    self.title = title
  }

  /// The drawing.
  package func svg(theme: FigureTheme) -> String {
    let width = 460.0
    let cellWidth = (width - 4) / Double(max(kinds.count, 1))
    let height = 84 + (own.isEmpty ? 0 : LayerStrip.ownKeyHeight)
    var canvas = SVGCanvas(width: width, height: height, theme: theme)
    LayerStrip(kinds: kinds, own: own).draw(
      &canvas, at: Point(x: 2, y: 4), cellWidth: cellWidth, height: 34)
    LayerStrip.drawNumbers(
      &canvas, layers: kinds.count, left: 2, y: 54, cellWidth: cellWidth)
    LayerStrip.drawKey(&canvas, at: Point(x: 2, y: 66), own: !own.isEmpty)
    let full = kinds.indices.filter { kinds[$0] }.map(String.init).joined(separator: ", ")
    return canvas.document(
      title: title,
      summary: "\(kinds.count) layers; retrieval layers: \(full.isEmpty ? "none" : full)."
        + (own.isEmpty
          ? ""
          : " Layers with windows of their own: \(own.sorted().map(String.init).joined(separator: ", ")).")
    )
  }
}
