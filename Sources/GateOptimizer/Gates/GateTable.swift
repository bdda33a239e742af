import Foundation
import ModelLoader
import Support

/// DuoAttention's gate table: `full_attention_heads.tsv`.
///
/// L lines of K numbers, tabs between, no header, a newline at the end, as numpy's
/// `savetxt(…, fmt="%.18e", delimiter="\t")` writes it. A one-column table is fine. Reading takes what
/// numpy's `loadtxt` takes: any white space between numbers, comments from `#` to the end of the line,
/// empty lines, and the line ends of Unix, Windows and old Macs; a byte order mark too. What it takes as NaN or infinity is no gate.
enum GateTable {
  /// More rows or columns than this are not a model's.
  static let maximumCount = 4096
  /// What a learned gate may reach before it is clipped.
  static let allowed = -1.0...2.0

  /// Whether a text begins as a table does: with a number, behind comments at most.
  static func isTable(_ text: String) -> Bool {
    for line in Lines(text: text.unicodeScalars[...]) {
      let fields = line.prefix { $0 != "#" }.split(maxSplits: 1, whereSeparator: isBlank)
      if let first = fields.first { return Double(String(first)) != nil }
    }
    return false
  }

  /// Reads the table in `bytes`; `file` names it in errors.
  static func parse(_ bytes: Data, file: String) throws(FileError) -> GateMatrix {
    guard let text = String(data: bytes, encoding: .utf8) else {
      throw flaw(
        file, expected: "text in UTF-8",
        found: FileKind(beginning: bytes)?.name ?? "other bytes")
    }
    var values: [Double] = []
    var (rows, columns) = (0, 0)
    for (number, line) in zip(1..., Lines(text: text.unicodeScalars[...])) {
      let content = line.prefix { $0 != "#" }
      // One field more than allowed is enough to see that there are too many.
      let fields = content.split(maxSplits: maximumCount + 1, whereSeparator: isBlank)
      if fields.isEmpty { continue }
      try checkShape(fields.count, of: columns, after: rows, file: file, line: number)
      for (column, field) in zip(1..., fields) {
        values.append(try gate(Substring(field), file: file, line: number, column: column))
      }
      (rows, columns) = (rows + 1, fields.count)
    }
    guard rows > 0 else {
      throw flaw(
        file, expected: "at least one line of numbers",
        found: bytes.isEmpty
          ? "an empty file" : text.contains("#") ? "only comments" : "only white space")
    }
    return GateMatrix(layers: rows, heads: columns, values: values)
  }

  /// Lines as Python's text files have them: ended by a line feed, a carriage return, or both.
  ///
  /// A vertical tab or a form feed ends none; Swift's `isNewline` would end one there.
  private struct Lines: Sequence, IteratorProtocol {
    var text: Substring.UnicodeScalarView

    mutating func next() -> Substring.UnicodeScalarView? {
      if text.isEmpty { return nil }
      let line = text.prefix { $0 != "\n" && $0 != "\r" }
      text = text[line.endIndex...]
      let end = text.popFirst()
      if end == "\r", text.first == "\n" { text = text.dropFirst() }
      return line
    }
  }

  /// What Python's `str.isspace` is true for: white space, and the separators of ASCII.
  private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || ("\u{1C}"..."\u{1F}").contains(scalar)
  }

  private static func checkShape(
    _ count: Int, of columns: Int, after rows: Int, file: String, line: Int
  ) throws(FileError) {
    if rows > 0 && count != columns {
      throw flaw(
        file, line, expected: "\(columns) numbers as in the lines above",
        found: "\(count)")
    }
    if count > maximumCount || rows == maximumCount {
      throw flaw(
        file, line, expected: "at most \(maximumCount) layers and as many heads", found: "more")
    }
  }

  private static func gate(
    _ field: Substring, file: String, line: Int, column: Int
  ) throws(FileError) -> Double {
    let isDecimal = field.utf8.allSatisfy { "0123456789+-.eE".utf8.contains($0) }
    guard isDecimal, let value = Double(field) else {
      let shown = field.count > 40 ? field.prefix(40) + "…" : field
      throw flaw(
        file, line, column, expected: "a finite decimal number",
        found: "\"\(shown)\"")
    }
    guard allowed.contains(value) else {
      throw flaw(
        file, line, column, expected: "a gate in 0…1 or slightly outside",
        found: String(field))
    }
    return value
  }

  private static func flaw(
    _ file: String, _ line: Int? = nil, _ column: Int? = nil, expected: String, found: String
  ) -> FileError {
    let place = [line.map { "line \($0)" }, column.map { "column \($0)" }].compactMap { $0 }
    return .invalid(
      path: file, place: place.isEmpty ? "the file" : place.joined(separator: ", "),
      expected: expected, found: found,
      fix: "a gate table has one line per layer and one tab-separated number per key-value head")
  }
}

extension GateMatrix {
  /// Reads a gate table in DuoAttention's format.
  ///
  /// - Throws: `FileError` with the line and column of what is not a gate.
  public init(contentsOf path: String) throws(FileError) {
    self = try GateTable.parse(
      TextFile.bytes(at: path, what: "table of gates", limit: FileLimit.gates), file: path)
  }

  /// Reads a gate table from text in DuoAttention's format; `file` names it in errors.
  ///
  /// - Throws: `FileError` with the line and column of what is not a gate.
  public init(tsv: String, file: String) throws(FileError) {
    self = try GateTable.parse(Data(tsv.utf8), file: file)
  }

  /// The table in DuoAttention's format, the raw gates with 19 significant digits.
  ///
  /// Reading it back gives the same bits; the decimal point does not depend on the locale.
  public var tsv: String {
    (0..<layers).map { layer in
      self[layer: layer]
        .map { String(format: "%.18e", $0) }
        .joined(separator: "\t") + "\n"
    }.joined()
  }

  /// Writes ``tsv`` to `path`, under a temporary name first, so that no reader sees half a table.
  ///
  /// - Throws: `FileError`.
  public func write(to path: String) throws(FileError) {
    try AtomicFile.write(tsv, to: path)
  }
}

/// One gate per layer and key-value head, (L, K): 1 is full attention, 0 streaming.
///
/// Values are kept as they were read or learned, so that a table survives a round trip; a learned
/// gate can lie slightly outside [0, 1]. What decides anything uses ``clipped``.
public struct GateMatrix: Sendable, Equatable {
  /// Layers, L ≥ 1.
  public let layers: Int
  /// Key-value heads of a layer, K ≥ 1; 1 where a layer was learned as one number.
  public let heads: Int
  /// The gates, row-major (L, K).
  public private(set) var values: [Double]
  /// The layers that have gates, ascending: the global ones.
  ///
  /// The rows of the others are zeros.
  public let globalLayers: [Int]

  /// A matrix of `values`, row-major (L, K), in which every layer has gates.
  public init(layers: Int, heads: Int, values: [Double]) {
    self.init(layers: layers, heads: heads, values: values, globalLayers: Array(0..<layers))
  }

  private init(layers: Int, heads: Int, values: [Double], globalLayers: [Int]) {
    precondition(
      layers > 0 && heads > 0 && values.count == layers * heads,
      "\(values.count) gates for \(layers) layers × \(heads) heads")
    self.layers = layers
    self.heads = heads
    self.values = values
    self.globalLayers = globalLayers
  }

  /// The same gates in the layers that `space` decides on, of as many layers, and zeros in the others.
  ///
  /// Whole layers that were learned as one number each keep it.
  public func within(_ space: MapSpace) -> GateMatrix {
    precondition(space.layers == layers, "gates of \(layers) layers for \(space.layers)")
    let isGlobal = space.isGlobal
    return GateMatrix(
      layers: layers, heads: heads,
      values: values.indices.map { isGlobal[$0 / heads] ? values[$0] : 0 },
      globalLayers: space.globalLayers)
  }

  /// Other gates of the same layers and heads.
  func with(_ values: [Double]) -> GateMatrix {
    GateMatrix(layers: layers, heads: heads, values: values, globalLayers: globalLayers)
  }

  /// The gates of the global layers, in their order.
  package var globalValues: [Double] { globalLayers.flatMap { Array(self[layer: $0]) } }

  /// How many gates there are: those of the global layers.
  public var gateCount: Int { globalLayers.count * heads }

  /// The global layers' place among all.
  public var space: MapSpace {
    MapSpace(layers: layers, heads: heads, globalLayers: globalLayers)
  }

  /// A matrix in which every gate is `value`.
  public init(layers: Int, heads: Int, repeating value: Double) {
    self.init(
      layers: layers, heads: heads, values: Array(repeating: value, count: layers * heads))
  }

  /// The gate of key-value head `head` in layer `layer`.
  public subscript(layer: Int, head: Int) -> Double {
    get { values[index(layer, head)] }
    set { values[index(layer, head)] = newValue }
  }

  /// The gates of one layer, (K).
  public subscript(layer layer: Int) -> ArraySlice<Double> {
    let start = index(layer, 0)
    return values[start..<start + heads]
  }

  /// The gates of every layer, (L, K).
  public var rows: [[Double]] { (0..<layers).map { Array(self[layer: $0]) } }

  /// The same gates, each moved into [0, 1].
  public var clipped: GateMatrix { with(values.map { min(max($0, 0), 1) }) }

  /// Every gate the mean of its layer's.
  public var layerMeans: GateMatrix {
    let means = (0..<layers).map { self[layer: $0].reduce(0, +) / Double(heads) }
    return with(values.indices.map { means[$0 / heads] })
  }

  private func index(_ layer: Int, _ head: Int) -> Int {
    precondition(
      (0..<layers).contains(layer) && (0..<heads).contains(head),
      "gate (\(layer), \(head)) of a (\(layers), \(heads)) matrix")
    return layer * heads + head
  }
}
