/// Where a figure is shown.
package enum FigureTheme: Sendable {
  /// A file of its own: fixed colours on white, fit for a paper.
  case standalone
  /// Inside the page: colours are the page's CSS variables and follow light and dark.
  case page

  func color(_ ink: Ink) -> String {
    let shade = FigurePalette.shade(ink)
    return self == .standalone ? shade.light : "var(--\(shade.name))"
  }
}

/// What a colour is for.
enum Ink {
  case text, muted, grid, surface, accent, baseline
  /// A series, by place in ``FigurePalette/series``.
  case series(Int)
}

/// The colours of figures and page, in light and dark.
///
/// Series colours start from Okabe and Ito's set, darkened where they would vanish on white; markers
/// and dashes tell series apart without colour.
enum FigurePalette {
  struct Shade {
    let name: String
    let light: String
    let dark: String
  }

  static let text = Shade(name: "text", light: "#1c2127", dark: "#e6e9ed")
  static let muted = Shade(name: "muted", light: "#5b6570", dark: "#9aa5b1")
  static let grid = Shade(name: "grid", light: "#e1e5ea", dark: "#2f363e")
  static let surface = Shade(name: "surface", light: "#ffffff", dark: "#171a1f")
  static let accent = Shade(name: "accent", light: "#0b5fa5", dark: "#5cb3f0")
  static let baseline = Shade(name: "baseline", light: "#7d8791", dark: "#8b959f")
  static let series = [
    Shade(name: "s0", light: "#0072b2", dark: "#4aa8e0"),
    Shade(name: "s1", light: "#d55e00", dark: "#f5894a"),
    Shade(name: "s2", light: "#009e73", dark: "#2fc39a"),
    Shade(name: "s3", light: "#aa3377", dark: "#e07fb4"),
    Shade(name: "s4", light: "#a87400", dark: "#e6b13c"),
    Shade(name: "s5", light: "#332288", dark: "#a79bf5"),
    Shade(name: "s6", light: "#3f474f", dark: "#cfd5db"),
    Shade(name: "s7", light: "#6b7d00", dark: "#b9cc45"),
    Shade(name: "s8", light: "#8c4a2f", dark: "#d3a184"),
    Shade(name: "s9", light: "#1f9bb8", dark: "#7fd6e8"),
  ]

  static func shade(_ ink: Ink) -> Shade {
    switch ink {
    case .text: text
    case .muted: muted
    case .grid: grid
    case .surface: surface
    case .accent: accent
    case .baseline: baseline
    case .series(let index): series[index % series.count]
    }
  }

  /// The CSS variables, one declaration per shade.
  static func variables(dark: Bool) -> String {
    ([text, muted, grid, surface, accent, baseline] + series)
      .map { "--\($0.name):\(dark ? $0.dark : $0.light)" }.joined(separator: ";")
  }
}

/// How a series is drawn: colour, marker and dash, the same in every figure of every run.
struct SeriesStyle {
  let index: Int

  private static let known = [
    "layer:balance", "head-mixed", "layer:max", "layer:lost", "layer:weighted", "layer:count",
    "layer:layer-gate", "layer:weighted-count",
  ]

  /// What baselines take where it is free, so that they look alike in all figures.
  private static let preferred = [
    "alternating-layers": 3, "lazy-layers": 4, "first-layers": 8, "streaming": 6, "last-layers": 7,
  ]

  /// The styles of `methods`: known ones have their own, others take what is free, in order.
  static func styles(for methods: [CurveMethod]) -> [CurveMethod: SeriesStyle] {
    var free = Array(FigurePalette.series.indices)
    var styles: [CurveMethod: SeriesStyle] = [:]
    for index in [{ known.firstIndex(of: $0) }, { preferred[$0] }] as [(String) -> Int?] {
      for method in methods where styles[method] == nil {
        guard let index = index(method.family), free.contains(index) else { continue }
        free.removeAll { $0 == index }
        styles[method] = SeriesStyle(index: index)
      }
    }
    for method in methods where styles[method] == nil {
      let index =
        free.isEmpty ? styles.count % FigurePalette.series.count : free.removeFirst()
      styles[method] = SeriesStyle(index: index)
    }
    return styles
  }

  var ink: Ink { .series(index) }

  var dash: String? { Self.dashes[index % Self.dashes.count] }

  private static let dashes = [
    nil, nil, nil, "6 3", "2 3", "8 3 2 3", "1 3", "4 2", "10 2", "3 2 1 2",
  ]

  /// Draws the marker around `center`.
  func mark(_ canvas: inout SVGCanvas, at center: Point, radius r: Double, title: String?) {
    let paint = Paint.fill(canvas.color(ink))
    switch index % 4 {
    case 0: canvas.circle(center, radius: r, paint, title: title)
    case 1:
      canvas.rect(
        Point(x: center.x - r * 0.9, y: center.y - r * 0.9), width: r * 1.8, height: r * 1.8, paint,
        title: title)
    case 2:
      canvas.polygon(
        corners(of: center, [(0, -1.2), (1.15, 0.9), (-1.15, 0.9)], r), paint, title: title)
    default:
      canvas.polygon(
        corners(of: center, [(0, -1.35), (1.35, 0), (0, 1.35), (-1.35, 0)], r), paint, title: title)
    }
  }

  private func corners(of center: Point, _ offsets: [(Double, Double)], _ r: Double) -> [Point] {
    offsets.map { Point(x: center.x + $0.0 * r, y: center.y + $0.1 * r) }
  }
}
