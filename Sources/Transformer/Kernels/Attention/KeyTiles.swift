import BasicContainers

/// What a set of heads sees.
package enum Visibility {
  /// Every key up to the query.
  case causal
  /// The sink and the recent keys.
  case streaming(StreamingWindow)

  /// The window that sees the same of `keys`: without one, as long as they reach.
  func window(over keys: RowSet) -> StreamingWindow {
    switch self {
    case .causal: StreamingWindow(sink: 0, recent: keys.tail.upperBound)
    case .streaming(let window): window
    }
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
  private let recent: Int

  /// The keys of the tile, counted from its start, that the query at `position` sees.
  @inline(__always)
  func visible(to position: Int) -> Range<Int> {
    let end = min(position + 1, limit, positions.upperBound)
    let start = max(position - recent + 1, first)
    guard start < end else { return 0..<0 }
    return start - positions.lowerBound..<end - positions.lowerBound
  }

  /// The tiles, of at most `width` keys, that the queries at `queries` need of those that `keys` holds.
  static func tiles(
    for queries: Range<Int>, _ visibility: Visibility, keys: RowSet, width: Int
  ) -> [KeyTile] {
    switch visibility {
    case .causal:
      return cut(0..<queries.upperBound, keys: keys, width: width, sinkEnd: nil, recent: .max)
    case .streaming(let window):
      let (sink, recent) = window.positions(seenBy: queries)
      return cut(sink, keys: keys, width: width, sinkEnd: window.sink, recent: .max)
        + cut(recent, keys: keys, width: width, sinkEnd: nil, recent: window.recent)
    }
  }

  private static func cut(
    _ range: Range<Int>, keys: RowSet, width: Int, sinkEnd: Int?, recent: Int
  ) -> [KeyTile] {
    stride(from: keys.panelStart(range.lowerBound), to: range.upperBound, by: width).map { start in
      let positions = start..<min(start + width, range.upperBound)
      // `position − recent + 1` must not overflow.
      return KeyTile(
        positions: positions, isSink: sinkEnd != nil, first: max(start, range.lowerBound),
        limit: sinkEnd ?? .max, recent: min(recent, 1 << 40))
    }
  }
}

extension StreamingWindow {
  /// The keys that some query of a contiguous block sees: of the sink, and of the window.
  ///
  /// The two never overlap: from the sink's end on, keys count as recent.
  func positions(seenBy queries: Range<Int>) -> (sink: Range<Int>, recent: Range<Int>) {
    let sinkEnd = min(sink, queries.upperBound)
    let start = max(sink, queries.lowerBound - recent + 1)
    return (0..<sinkEnd, start < queries.upperBound ? start..<queries.upperBound : 0..<0)
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
