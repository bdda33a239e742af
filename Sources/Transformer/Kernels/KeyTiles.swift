/// What a set of heads sees.
package enum Visibility {
  /// Every key up to the query.
  case causal
  /// The sink and the recent keys.
  case streaming(StreamingWindow)
}

/// A contiguous run of keys that a block of queries must look at.
///
/// Of these keys, query i sees the contiguous part ``visible(to:)``; softmax weights elsewhere in the
/// tile are zero.
struct KeyTile {
  /// Key positions.
  let positions: Range<Int>
  private let limit: Int
  private let recent: Int

  /// The keys of the tile, counted from its start, that the query at `position` sees.
  @inline(__always)
  func visible(to position: Int) -> Range<Int> {
    let end = min(position + 1, limit, positions.upperBound)
    let start = max(position - recent + 1, positions.lowerBound)
    guard start < end else { return 0..<0 }
    return start - positions.lowerBound..<end - positions.lowerBound
  }

  /// The tiles, of at most `width` keys, that the queries at `queries` need.
  static func tiles(
    for queries: Range<Int>, _ visibility: Visibility, width: Int
  ) -> [KeyTile] {
    switch visibility {
    case .causal:
      return cut(0..<queries.upperBound, width: width, limit: .max, recent: .max)
    case .streaming(let window):
      // The sink and the window never overlap: from the sink's end on, keys count as recent.
      let sinkEnd = min(window.sink, queries.upperBound)
      let start = max(window.sink, queries.lowerBound - window.recent + 1)
      let recent = start < queries.upperBound ? start..<queries.upperBound : 0..<0
      return cut(0..<sinkEnd, width: width, limit: window.sink, recent: .max)
        + cut(recent, width: width, limit: .max, recent: window.recent)
    }
  }

  private static func cut(
    _ range: Range<Int>, width: Int, limit: Int, recent: Int
  ) -> [KeyTile] {
    stride(from: range.lowerBound, to: range.upperBound, by: width).map { start in
      let positions = start..<min(start + width, range.upperBound)
      // `position − recent + 1` must not overflow.
      return KeyTile(positions: positions, limit: limit, recent: min(recent, 1 << 40))
    }
  }
}
