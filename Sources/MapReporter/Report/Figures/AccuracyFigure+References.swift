import Support

/// Both ends as dashed lines, with names that no curve covers.
extension AccuracyFigure {
  /// Draws full attention and all streaming.
  func drawReferences(_ canvas: inout SVGCanvas, _ frame: PlotFrame) {
    var taken: [LabelBox] = []
    for (method, dash) in [(CurveMethod.full, "7 4"), (.streaming, "2 4")] {
      guard let value = point(of: method)?.estimate(metric)?.value else { continue }
      canvas.line(
        frame.point(0, value), frame.point(1, value),
        .stroke(canvas.color(.muted), width: 1.3, dash: dash))
      let label = "\(method.title) \(words(value))"
      let box = freestBox(for: label, at: frame.y(value), method, frame, taken)
      taken.append(box)
      canvas.text(
        label, at: Point(x: box.left, y: box.bottom - 3), size: 12, ink: .muted, hasHalo: true)
    }
  }

  /// Of the places above and below a line, the first in which the fewest curves and names are met.
  private func freestBox(
    for label: String, at line: Double, _ method: CurveMethod, _ frame: PlotFrame,
    _ taken: [LabelBox]
  ) -> LabelBox {
    let width = textWidth(label, size: 12)
    let ends = [frame.right - 2 - width, frame.left + 6]
    let middle = frame.left + (frame.width - width) / 2
    let lefts = (method == .full ? ends : ends.reversed()) + [middle]
    let boxes = lefts.flatMap { left in
      [line - 17, line + 3].map { LabelBox(left: left, top: $0, width: width, height: 14) }
    }
    let inside = boxes.filter { $0.top >= frame.top - 1 && $0.bottom <= frame.bottom + 1 }
    let curves = curves(in: frame)
    let counted = inside.map { box in
      (
        box: box,
        met: curves.count { box.meets($0) } + 100 * taken.count { box.meets($0) }
      )
    }
    return counted.min { $0.met < $1.met }?.box ?? boxes[0]
  }

  /// Every line of the figure in its coordinates.
  private func curves(in frame: PlotFrame) -> [[Point]] {
    lineMethods.map { method in series(method).map { frame.point($0.x, $0.y.value) } }
      + randomMethods.map { method in
        RandomSpread(series(method).map { ($0.point.requestedSparsity, $0.x, $0.y.value) })
          .steps.map { frame.point($0.x, $0.median) }
      }
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
