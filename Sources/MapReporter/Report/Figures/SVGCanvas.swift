import Support

/// How a shape is painted; nil parts are left out.
struct Paint {
  var fill: String = "none"
  var fillOpacity: Double?
  var stroke: String?
  var width: Double = 1
  var dash: String?

  static func fill(_ color: String, opacity: Double? = nil) -> Paint {
    Paint(fill: color, fillOpacity: opacity)
  }

  static func stroke(_ color: String, width: Double = 1, dash: String? = nil) -> Paint {
    Paint(stroke: color, width: width, dash: dash)
  }
}

/// A point of a drawing, in user units, y downwards.
struct Point {
  var x: Double
  var y: Double
}

/// A drawing under construction: writes SVG elements, escapes all text.
///
/// Coordinates are written with at most two decimals, so the same data gives the same bytes.
struct SVGCanvas {
  let width: Double
  let height: Double
  let theme: FigureTheme
  private var body = ""

  init(width: Double, height: Double, theme: FigureTheme) {
    self.width = width
    self.height = height
    self.theme = theme
  }

  func color(_ ink: Ink) -> String { theme.color(ink) }

  mutating func rect(
    _ origin: Point, width: Double, height: Double, _ paint: Paint, radius: Double = 0,
    title: String? = nil
  ) {
    let rounding: [(String, String)] = radius > 0 ? [("rx", Self.number(radius))] : []
    add(
      "rect",
      [
        ("x", Self.number(origin.x)), ("y", Self.number(origin.y)),
        ("width", Self.number(width)), ("height", Self.number(height)),
      ] + rounding + attributes(paint), title: title)
  }

  mutating func line(_ from: Point, _ to: Point, _ paint: Paint) {
    add(
      "line",
      [
        ("x1", Self.number(from.x)), ("y1", Self.number(from.y)), ("x2", Self.number(to.x)),
        ("y2", Self.number(to.y)),
      ] + attributes(paint))
  }

  mutating func polyline(_ points: [Point], _ paint: Paint) {
    add(
      "polyline",
      [("points", Self.list(points))] + attributes(paint) + [("stroke-linejoin", "round")])
  }

  mutating func polygon(_ points: [Point], _ paint: Paint, title: String? = nil) {
    add("polygon", [("points", Self.list(points))] + attributes(paint), title: title)
  }

  mutating func circle(_ center: Point, radius: Double, _ paint: Paint, title: String? = nil) {
    add(
      "circle",
      [
        ("cx", Self.number(center.x)), ("cy", Self.number(center.y)), ("r", Self.number(radius)),
      ] + attributes(paint), title: title)
  }

  /// Where a text's point lies in it.
  enum Anchor: String { case start, middle, end }

  mutating func text(
    _ string: String, at point: Point, size: Double = 12, ink: Ink = .text,
    anchor: Anchor = .start, isBold: Bool = false, isUpright: Bool = false, hasHalo: Bool = false
  ) {
    var list = [("x", Self.number(point.x)), ("y", Self.number(point.y))]
    list += [("font-size", Self.number(size)), ("fill", color(ink))]
    if anchor != .start { list.append(("text-anchor", anchor.rawValue)) }
    if isBold { list.append(("font-weight", "600")) }
    if hasHalo {
      // The paper around the letters, so that what lies under them stays legible.
      list += [
        ("stroke", color(.surface)), ("stroke-width", "3"), ("stroke-linejoin", "round"),
        ("paint-order", "stroke"),
      ]
    }
    if isUpright {
      list.append(("transform", "rotate(-90 \(Self.number(point.x)) \(Self.number(point.y)))"))
    }
    body += "<text\(Self.written(list))>\(Self.escape(string))</text>\n"
  }

  private static let fonts = "system-ui, Segoe UI, Helvetica, Arial, sans-serif"

  /// How the first line of every drawing ends.
  static var signature: String { "\(written([("role", "img"), ("font-family", fonts)]))>" }

  /// The finished drawing; `title` and `summary` are read out by screen readers.
  func document(title: String, summary: String) -> String {
    let size = "\(Self.number(width)) \(Self.number(height))"
    let fixedSize =
      theme == .standalone
      ? [("width", Self.number(width)), ("height", Self.number(height))] : []
    let head = Self.written(
      [("xmlns", "http://www.w3.org/2000/svg"), ("viewBox", "0 0 \(size)")] + fixedSize + [
        ("role", "img"), ("font-family", Self.fonts),
      ])
    let paper =
      theme == .standalone
      ? "<rect width=\"100%\" height=\"100%\" fill=\"\(color(.surface))\"/>\n" : ""
    return "<svg\(head)>\n<title>\(Self.escape(title))</title>\n"
      + "<desc>\(Self.escape(summary))</desc>\n\(paper)\(body)</svg>\n"
  }

  private mutating func add(
    _ element: String, _ attributes: [(String, String)], title: String? = nil
  ) {
    let open = "<\(element)\(Self.written(attributes))"
    body +=
      title.map { "\(open)><title>\(Self.escape($0))</title></\(element)>\n" } ?? "\(open)/>\n"
  }

  private func attributes(_ paint: Paint) -> [(String, String)] {
    var list = [("fill", paint.fill)]
    if let opacity = paint.fillOpacity { list.append(("fill-opacity", Self.number(opacity))) }
    if let stroke = paint.stroke {
      list += [("stroke", stroke), ("stroke-width", Self.number(paint.width))]
    }
    if let dash = paint.dash { list.append(("stroke-dasharray", dash)) }
    return list
  }

  private static func written(_ attributes: [(String, String)]) -> String {
    attributes.map { " \($0)=\"\(escape($1))\"" }.joined()
  }

  private static func list(_ points: [Point]) -> String {
    points.map { "\(number($0.x)),\(number($0.y))" }.joined(separator: " ")
  }

  /// At most two decimals, without trailing zeros; 0 for what is not finite.
  static func number(_ value: Double) -> String {
    guard value.isFinite else { return "0" }
    var text = fixed(value, 2)
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text
  }

  /// Text safe inside elements and quoted attributes; control characters XML forbids are dropped.
  static func escape(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case "\n", "\t": out += " "
      case _ where scalar.value < 32 || scalar.value == 0xFFFE || scalar.value == 0xFFFF: break
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}
