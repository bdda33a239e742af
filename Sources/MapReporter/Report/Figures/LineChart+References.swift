extension LineChart {
  /// A value to compare lines with: a dashed line with its name.
  struct Reference {
    let value: Double
    let label: String
    var dash = "7 4"
    var end = End.right

    /// Where its name stands.
    enum End {
      /// In front of the lines, clear of them, at this end where that is possible.
      case left, right
      /// Behind the lines, at the right.
      case behind
    }
  }

  /// Draws a reference that lies behind the lines.
  func drawBehind(_ reference: Reference, _ canvas: inout SVGCanvas, _ frame: PlotFrame) {
    let y = drawLine(of: reference, &canvas, frame)
    let range = frame.yRange
    let isHigh =
      reference.value > range.lowerBound + 0.97 * (range.upperBound - range.lowerBound)
    canvas.text(
      reference.label, at: Point(x: frame.right - 2, y: y + (isHigh ? 14 : -6)), ink: .muted,
      anchor: .end)
  }

  /// Draws the other ones, with names that no line covers.
  func drawReferences(_ canvas: inout SVGCanvas, _ frame: PlotFrame) {
    var taken: [LabelBox] = []
    for reference in references where reference.end != .behind {
      let y = drawLine(of: reference, &canvas, frame)
      let box = freestBox(for: reference, at: y, frame, taken)
      taken.append(box)
      canvas.text(
        reference.label, at: Point(x: box.left, y: box.bottom - 3), ink: .muted, hasHalo: true)
    }
  }

  /// Draws the line alone, and tells how high it lies.
  private func drawLine(
    of reference: Reference, _ canvas: inout SVGCanvas, _ frame: PlotFrame
  ) -> Double {
    let y = frame.y(reference.value)
    canvas.line(
      Point(x: frame.left, y: y), Point(x: frame.right, y: y),
      .stroke(canvas.color(.muted), width: 1.3, dash: reference.dash))
    return y
  }

  /// Of the places above and below a line, the first in which the fewest curves and names are met.
  private func freestBox(
    for reference: Reference, at line: Double, _ frame: PlotFrame, _ taken: [LabelBox]
  ) -> LabelBox {
    let width = textWidth(reference.label, size: 12)
    let ends = [frame.right - 2 - width, frame.left + 6]
    let middle = frame.left + (frame.width - width) / 2
    let lefts = (reference.end == .right ? ends : ends.reversed()) + [middle]
    let boxes = lefts.flatMap { left in
      [line - 17, line + 3].map { LabelBox(left: left, top: $0, width: width, height: 14) }
    }
    let inside = boxes.filter { $0.top >= frame.top - 1 && $0.bottom <= frame.bottom + 1 }
    let curves = layers.joined().map { $0.line(in: frame) }
    let counted = inside.map { box in
      (
        box: box,
        met: curves.count { box.meets($0) } + 100 * taken.count { box.meets($0) }
      )
    }
    return counted.min { $0.met < $1.met }?.box ?? boxes[0]
  }
}

/// Where a name stands, y downwards.
private struct LabelBox {
  let left: Double
  let top: Double
  let width: Double
  let height: Double

  var right: Double { left + width }
  var bottom: Double { top + height }

  func meets(_ other: LabelBox) -> Bool {
    left < other.right && other.left < right && top < other.bottom && other.top < bottom
  }

  /// Whether a line, from left to right, or one of its marks comes into the box.
  func meets(_ line: [Point]) -> Bool {
    line.contains(where: holds)
      || zip(line, line.dropFirst()).contains { start, end in
        (0...32).contains { step in
          let share = Double(step) / 32
          return holds(
            Point(
              x: start.x + share * (end.x - start.x), y: start.y + share * (end.y - start.y)))
        }
      }
  }

  private func holds(_ point: Point) -> Bool {
    // Marks have a radius of 4 at most.
    (left - 4...right + 4).contains(point.x) && (top - 2...bottom + 2).contains(point.y)
  }
}
