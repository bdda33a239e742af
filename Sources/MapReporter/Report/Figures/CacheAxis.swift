import Support

/// The second axis of a curve: the size of the KV cache, which falls evenly with the sparsity.
struct CacheAxis {
  /// Bytes at sparsity 0.
  let full: Int
  /// Bytes at sparsity 1.
  let streaming: Int
  /// Length in tokens for which they hold.
  let context: Int

  /// Labels above the frame at the sparsities of the axis below.
  func draw(_ canvas: inout SVGCanvas, _ frame: PlotFrame, at sparsities: [Double]) {
    for sparsity in sparsities {
      let bytes = Double(full) + sparsity * Double(streaming - full)
      canvas.line(
        Point(x: frame.x(sparsity), y: frame.top - 4), Point(x: frame.x(sparsity), y: frame.top),
        .stroke(canvas.color(.baseline)))
      canvas.text(
        Self.text(bytes),
        // The last one ends with the figure, which has little room right of the frame.
        at: Point(x: frame.x(sparsity) + (sparsity == 1 ? 20 : 0), y: frame.top - 9), size: 12,
        ink: .muted, anchor: sparsity == 1 ? .end : .middle)
    }
    canvas.text(
      "KV cache at \(grouped(context)) tokens, 16-bit",
      at: Point(x: frame.left + frame.width / 2, y: frame.top - 27), size: 12, ink: .muted,
      anchor: .middle)
  }

  /// Bytes with about three digits: 3.46 MB, 23.6 MB, 512 kB.
  static func text(_ bytes: Double) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"]
    var (value, unit) = (bytes, 0)
    while value >= 999.5 && unit + 1 < units.count {
      value /= 1000
      unit += 1
    }
    let digits = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
    return "\(fixed(value, digits))\u{a0}\(units[unit])"
  }
}
