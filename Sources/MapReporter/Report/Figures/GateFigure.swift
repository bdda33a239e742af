import Support

/// Gates as a heat map, layers across and key-value heads down, with the strip of a layer map below.
package struct GateFigure: Sendable {
  /// Gates, (L, K), 0…1.
  let gates: [[Double]]
  /// Heads a per-head cut keeps, (L, K); nil draws no marks.
  let kept: [[Bool]]?
  /// Retrieval layers of the map below, (L); nil draws no strip.
  let layerFull: [Bool]?
  /// The layers with windows of their own, which have no gates.
  let own: Set<Int>
  let title: String

  private static let width = 460.0
  private static let left = 52.0

  /// A figure of `gates`; all arrays have L rows, those of heads K columns.
  package init(
    gates: [[Double]], kept: [[Bool]]? = nil, layerFull: [Bool]? = nil, own: Set<Int> = [],
    title: String = "Gates by layer and key-value head"
  ) {
    self.gates = gates
    self.kept = kept
    self.layerFull = layerFull
    self.own = own
    self.title = title
  }

  private var layers: Int { gates.count }
  private let top = 38.0
  private var heads: Int { gates.first?.count ?? 0 }
  private var cellWidth: Double { (Self.width - Self.left - 10) / Double(max(layers, 1)) }
  private var cellHeight: Double { min(22, max(9, 200 / Double(max(heads, 1)))) }
  private var gridBottom: Double { top + cellHeight * Double(heads) }
  private var stripTop: Double { gridBottom + 12 }
  private var stripHeight: Double { layerFull == nil ? -12 : 18 }
  private var axisY: Double { stripTop + stripHeight + 15 }

  /// The drawing.
  package func svg(theme: FigureTheme) -> String {
    let height = axisY + 66 + (own.isEmpty ? 0 : LayerStrip.ownKeyHeight)
    var canvas = SVGCanvas(width: Self.width, height: height, theme: theme)
    canvas.text(title, at: Point(x: 12, y: 22), size: 14, isBold: true)
    drawCells(&canvas)
    drawHeadNames(&canvas)
    drawStrip(&canvas)
    drawLayerNames(&canvas)
    drawKey(&canvas)
    return canvas.document(title: title, summary: summary)
  }

  private var summary: String {
    "\(layers) layers by \(heads) key-value heads; darker is closer to 1, full attention."
      + (own.isEmpty ? "" : " \(own.count) layers slide windows of their own and have no gates.")
  }

  private func place(_ layer: Int, _ y: Double) -> Point {
    Point(x: Self.left + Double(layer) * cellWidth, y: y)
  }

  private func drawCells(_ canvas: inout SVGCanvas) {
    for (layer, row) in gates.enumerated() {
      if own.contains(layer) {
        drawOwnWindow(&canvas, layer)
        continue
      }
      for (head, gate) in row.enumerated() {
        let corner = place(layer, top + Double(head) * cellHeight)
        let isKept = kept.map { $0[layer][head] }
        let fate = isKept.map { $0 ? ", kept" : ", dropped" } ?? ""
        let cell = Paint(
          fill: canvas.color(.accent), fillOpacity: 0.04 + 0.96 * min(max(gate, 0), 1),
          stroke: canvas.color(.surface), width: cellWidth > 8 ? 1 : 0.5)
        canvas.rect(
          corner, width: cellWidth, height: cellHeight, cell,
          title: "layer \(layer), head \(head): gate \(fixed(gate, 3))\(fate)")
        if isKept == true { drawKeptMark(&canvas, corner) }
      }
    }
  }

  /// A grey column without cells.
  private func drawOwnWindow(_ canvas: inout SVGCanvas, _ layer: Int) {
    canvas.rect(
      place(layer, top), width: cellWidth, height: cellHeight * Double(heads),
      Paint(
        fill: canvas.color(.baseline), fillOpacity: 0.25, stroke: canvas.color(.surface),
        width: cellWidth > 8 ? 1 : 0.5), title: "layer \(layer): window of its own, no gate")
  }

  private func drawKeptMark(_ canvas: inout SVGCanvas, _ corner: Point) {
    canvas.circle(
      Point(x: corner.x + cellWidth / 2, y: corner.y + cellHeight / 2),
      radius: min(cellWidth, cellHeight) * 0.17,
      Paint(fill: canvas.color(.surface), stroke: canvas.color(.text), width: 0.8))
  }

  private func drawHeadNames(_ canvas: inout SVGCanvas) {
    let step = cellHeight < 11 ? 4 : 1
    for head in stride(from: 0, to: heads, by: step) {
      canvas.text(
        step == 1 && heads <= 12 ? "head \(head)" : "\(head)",
        at: Point(x: Self.left - 6, y: top + (Double(head) + 0.5) * cellHeight + 4), size: 12,
        ink: .muted, anchor: .end)
    }
  }

  private func drawStrip(_ canvas: inout SVGCanvas) {
    guard let layerFull else { return }
    LayerStrip(kinds: layerFull, own: own).draw(
      &canvas, at: Point(x: Self.left, y: stripTop), cellWidth: cellWidth, height: stripHeight)
    canvas.text(
      "map", at: Point(x: Self.left - 6, y: stripTop + stripHeight / 2 + 4), size: 12, ink: .muted,
      anchor: .end)
  }

  private func drawLayerNames(_ canvas: inout SVGCanvas) {
    LayerStrip.drawNumbers(
      &canvas, layers: layers, left: Self.left, y: axisY, cellWidth: cellWidth)
    canvas.text(
      "layer", at: Point(x: Self.left - 6, y: axisY), size: 12, ink: .muted, anchor: .end)
  }

  private func drawKey(_ canvas: inout SVGCanvas) {
    let y = axisY + 22
    let steps = 12
    for step in 0..<steps {
      canvas.rect(
        Point(x: Self.left + Double(step) * 8, y: y), width: 8, height: 11,
        .fill(
          canvas.color(.accent), opacity: 0.04 + 0.96 * Double(step) / Double(steps - 1)))
    }
    let end = Self.left + Double(steps) * 8
    canvas.text("gate 0 to 1", at: Point(x: end + 8, y: y + 10), size: 12, ink: .muted)
    if kept != nil {
      canvas.circle(
        Point(x: end + 92, y: y + 5.5), radius: 3.4,
        Paint(fill: canvas.color(.surface), stroke: canvas.color(.text), width: 0.8))
      canvas.text(
        "kept by the per-head cut", at: Point(x: end + 101, y: y + 10), size: 12, ink: .muted)
    }
    if layerFull != nil {
      LayerStrip.drawKey(&canvas, at: Point(x: Self.left, y: y + 20), own: !own.isEmpty)
    }
  }
}
