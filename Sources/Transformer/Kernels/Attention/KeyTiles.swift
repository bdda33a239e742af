import BasicContainers

/// What a set of heads sees: key j of query i iff j ≤ i and (j < sink, or j ≥ `from` and j is in the window of i).
package struct Visibility {
  /// The sink and the window.
  let window: StreamingWindow
  /// No key before is seen, but for the sink's.
  let from: Int

  private init(_ window: StreamingWindow, from: Int) {
    self.window = window
    self.from = from
  }

  /// Every key up to the query.
  package static let causal = Visibility(StreamingWindow(sink: 0, recent: unbounded), from: 0)

  /// The sink and the recent keys.
  package static func streaming(_ window: StreamingWindow) -> Visibility {
    Visibility(window, from: 0)
  }

  /// The sink and every key from `from` on.
  package static func kept(sink: Int, from: Int) -> Visibility {
    Visibility(StreamingWindow(sink: sink, recent: unbounded), from: from)
  }

  /// A width that reaches every key, and from which a position can be taken.
  private static let unbounded = 1 << 40

  /// The same of `keys`: a window that reaches all of them is as wide as they are.
  func over(_ keys: RowSet) -> Visibility {
    guard window.recent == Self.unbounded else { return self }
    return Visibility(
      StreamingWindow(sink: window.sink, recent: keys.tail.upperBound), from: from)
  }

  /// The keys that some query of a contiguous block sees: of the sink, and of the window.
  ///
  /// The two never overlap: from the sink's end on, keys count as recent.
  func positions(seenBy queries: Range<Int>) -> (sink: Range<Int>, recent: Range<Int>) {
    let sinkEnd = min(window.sink, queries.upperBound)
    let start = max(window.sink, from, window.start(of: queries.lowerBound))
    return (0..<sinkEnd, start < queries.upperBound ? start..<queries.upperBound : 0..<0)
  }
}

/// A contiguous run of keys that a block of queries must look at.
///
/// Of these keys, query i sees the contiguous part ``visible(to:)``; softmax weights elsewhere in the
/// tile are zero.
struct KeyTile {
  /// Key positions; the first is a panel's first.
  let positions: Range<Int>
  /// Whether they are the sink's.
  let isSink: Bool
  /// No query sees a key before.
  private let first: Int
  private let limit: Int
  private let window: StreamingWindow

  /// The keys of the tile, counted from its start, that the query at `position` sees.
  @inline(__always)
  func visible(to position: Int) -> Range<Int> {
    let end = min(position + 1, limit, positions.upperBound)
    let start = max(window.start(of: position), first)
    guard start < end else { return 0..<0 }
    return start - positions.lowerBound..<end - positions.lowerBound
  }

  /// The tiles, of at most `width` keys, that the queries at `queries` need of those that `keys` holds.
  ///
  /// `keys` without a sink of its own may begin after keys that are seen elsewhere.
  static func tiles(
    for queries: Range<Int>, _ visibility: Visibility, keys: RowSet, width: Int
  ) -> [KeyTile] {
    let held = keys.sink == 0 ? keys.tail : 0..<keys.tail.upperBound
    let (sink, recent) = visibility.positions(seenBy: queries)
    let window = visibility.window
    let whole = StreamingWindow(sink: 0, recent: 1 << 40)
    return cut(sink.clamped(to: held), keys: keys, width: width, sinkEnd: window.sink, whole)
      + cut(recent.clamped(to: held), keys: keys, width: width, sinkEnd: nil, window)
  }

  private static func cut(
    _ range: Range<Int>, keys: RowSet, width: Int, sinkEnd: Int?, _ window: StreamingWindow
  ) -> [KeyTile] {
    if range.isEmpty { return [] }
    return stride(from: keys.panelStart(range.lowerBound), to: range.upperBound, by: width).map {
      start in
      let positions = start..<min(start + width, range.upperBound)
      return KeyTile(
        positions: positions, isSink: sinkEnd != nil, first: max(start, range.lowerBound),
        limit: sinkEnd ?? .max, window: window)
    }
  }
}

extension RowSet {
  /// The last position not after `position` that starts a panel of ``KeyPanels``.
  func panelStart(_ position: Int) -> Int {
    let origin = position < sink ? 0 : tail.lowerBound
    guard position >= origin else { return position }
    return origin + (position - origin) / PanelView.width * PanelView.width
  }
}

/// The transposed keys (or values) of all heads, packed as right sides of products.
///
/// Each run of rows starts a panel, so that the tiles of ``KeyTile`` are slices of panels.
struct KeyPanels: ~Copyable {
  private let rows: RowSet
  /// Head after head: the sink's panels, empty where the rows are one run, and the tail's.
  private var sink = UniqueArray<PanelMatrix>()
  private var tail = UniqueArray<PanelMatrix>()

  /// Packs k (keys, K·D) for the heads wanted.
  init(_ k: MatrixView, rows: RowSet, shape: AttentionShape, heads: [Int]) {
    self.rows = rows
    for head in 0..<shape.keyValueHeads {
      let columns = shape.keyColumns(head)
      let isWanted = heads.contains(head)
      sink.append(
        PanelMatrix(
          transposing: k.slice(rows: 0..<(isWanted ? rows.sink : 0), columns: columns)))
      tail.append(
        PanelMatrix(
          transposing: k.slice(
            rows: rows.sink..<(isWanted ? rows.count : rows.sink), columns: columns)))
    }
  }

  /// (D, keys) of the keys at `positions`, whose first starts a panel.
  @_lifetime(borrow self)
  func view(head: Int, _ positions: Range<Int>) -> PanelView {
    if positions.lowerBound < rows.sink {
      return sink[head].view(columns: positions)
    }
    return tail[head].view(columns: positions.shifted(by: -rows.tail.lowerBound))
  }
}
