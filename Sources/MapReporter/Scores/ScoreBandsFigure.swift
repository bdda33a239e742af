import GateOptimizer
import Support

/// The heads of a model by several scores on one scale: a band for each, layers across and key-value heads down.
///
/// A cell is as dark as the head's rank among all: scores of different methods have no unit in common.
struct ScoreBandsFigure {
  let title: String
  let scores: [NamedScores]

  private static let width = 460.0
  private static let left = 150.0
  private static let top = 38.0
  private static let gap = 6.0

  private var layers: Int { scores.first?.gates.layers ?? 0 }
  private var heads: Int { scores.first?.gates.heads ?? 0 }
  private var cellWidth: Double { (Self.width - Self.left - 10) / Double(max(layers, 1)) }
  private var cellHeight: Double { min(9, max(2, 32 / Double(max(heads, 1)))) }
  private var bandHeight: Double { max(cellHeight * Double(heads), 13) + Self.gap }

  func svg(theme: FigureTheme) -> String {
    let bottom = Self.top + bandHeight * Double(scores.count)
    var canvas = SVGCanvas(width: Self.width, height: bottom + 34, theme: theme)
    canvas.heading(title)
    for (index, entry) in scores.enumerated() {
      draw(entry, &canvas, y: Self.top + Double(index) * bandHeight)
    }
    LayerStrip.drawNumbers(
      &canvas, layers: layers, left: Self.left, y: bottom + 12, cellWidth: cellWidth)
    canvas.text(
      "layer", at: Point(x: Self.left - 6, y: bottom + 12), size: 12, ink: .muted, anchor: .end)
    return canvas.document(
      title: title,
      summary: "Ranks of \(heads) key-value heads in \(layers) layers by "
        + scores.map(\.name).joined(separator: ", ") + "; darker is higher.")
  }

  private func draw(_ entry: NamedScores, _ canvas: inout SVGCanvas, y: Double) {
    let gates = entry.gates
    let ranks = ScoreAgreement.ranks(gates.globalValues)
    let last = Double(max(ranks.count - 1, 1))
    canvas.text(
      entry.name.shortened(to: 24),
      at: Point(x: Self.left - 6, y: y + cellHeight * Double(heads) / 2 + 4), size: 11,
      anchor: .end)
    for (place, rank) in ranks.enumerated() {
      let (layer, head) = (gates.globalLayers[place / heads], place % heads)
      canvas.rect(
        Point(
          x: Self.left + Double(layer) * cellWidth, y: y + Double(head) * cellHeight),
        width: cellWidth, height: cellHeight,
        Paint(
          fill: canvas.color(.accent), fillOpacity: 0.03 + 0.97 * rank / last,
          stroke: canvas.color(.surface), width: cellWidth > 8 ? 0.6 : 0.2),
        title: "\(entry.name), layer \(layer), head \(head): "
          + "above \(percent(rank / last)) of the heads")
    }
  }
}
