/// The rectangle data is drawn in, with its scales.
struct PlotFrame {
  let left: Double
  let top: Double
  let width: Double
  let height: Double
  let xRange: ClosedRange<Double>
  let yRange: ClosedRange<Double>

  var right: Double { left + width }
  var bottom: Double { top + height }

  func x(_ value: Double) -> Double {
    left + width * Self.share(of: value, in: xRange)
  }

  func y(_ value: Double) -> Double {
    bottom - height * Self.share(of: value, in: yRange)
  }

  func point(_ x: Double, _ y: Double) -> Point { Point(x: self.x(x), y: self.y(y)) }

  private static func share(of value: Double, in range: ClosedRange<Double>) -> Double {
    let span = range.upperBound - range.lowerBound
    return span > 0 ? (value - range.lowerBound) / span : 0.5
  }

  /// Horizontal lines with labels left of them.
  func drawRows(_ canvas: inout SVGCanvas, at values: [Double], label: (Double) -> String) {
    for value in values {
      canvas.line(
        Point(x: left, y: y(value)), Point(x: right, y: y(value)), .stroke(canvas.color(.grid)))
      canvas.text(
        label(value), at: Point(x: left - 7, y: y(value) + 4), size: 12, ink: .muted, anchor: .end
      )
    }
  }

  /// Labels below the frame, with a tick each.
  func drawColumns(_ canvas: inout SVGCanvas, at values: [Double], label: (Double) -> String) {
    for value in values {
      canvas.line(
        Point(x: x(value), y: bottom), Point(x: x(value), y: bottom + 4),
        .stroke(canvas.color(.baseline)))
      canvas.text(
        label(value), at: Point(x: x(value), y: bottom + 17), size: 12, ink: .muted,
        anchor: .middle)
    }
  }

  /// Round values that cover `range` in about `count` steps of 1, 2 or 5 times a power of ten.
  static func ticks(_ range: ClosedRange<Double>, count: Int) -> [Double] {
    let span = range.upperBound - range.lowerBound
    guard span > 0, span.isFinite, count > 0 else { return [range.lowerBound] }
    let rough = span / Double(count)
    var power = 1.0
    while power * 10 <= rough { power *= 10 }
    while power > rough { power /= 10 }
    let step = [1.0, 2, 5, 10].map { $0 * power }.first { $0 >= rough * 0.999 } ?? power * 10
    let first = (range.lowerBound / step).rounded(.up)
    let last = (range.upperBound / step + 1e-9).rounded(.down)
    return stride(from: first, through: last, by: 1).map { $0 * step }
  }

  /// Decimals that tell the ticks apart.
  static func digits(of ticks: [Double]) -> Int {
    guard ticks.count > 1 else { return 2 }
    var step = abs(ticks[1] - ticks[0])
    var digits = 0
    while step < 0.999 && digits < 8 {
      step *= 10
      digits += 1
    }
    return digits
  }
}

extension SVGCanvas {
  /// Draws the title of a figure, small enough to end inside it.
  mutating func heading(_ title: String) {
    let size = min(14, 14 * (width - 24) / (textWidth(title, size: 14) * 1.1))
    text(title, at: Point(x: 12, y: 22), size: size, isBold: true)
  }
}

/// A guess at how wide a text is: sans-serif letters average 0.52 of the font size.
func textWidth(_ text: String, size: Double) -> Double {
  Double(text.count) * size * 0.52
}
