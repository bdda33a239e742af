import Dispatch

/// Whether parallel loops run on one core, in order; results are the same.
package enum Parallelism {
  /// True within `$isSerial.withValue(true) { … }`.
  @TaskLocal package static var isSerial = false
}

/// Runs `body(0)` … `body(iterations - 1)` on all cores and returns when all are done.
///
/// Iterations must write to places of their own. One should be worth at least 10 µs.
func parallel(_ iterations: Int, _ body: (Int) -> Void) {
  guard iterations > 1 && !Parallelism.isSerial else {
    for index in 0..<iterations { body(index) }
    return
  }
  withoutActuallyEscaping(body) { body in
    // Safe: concurrentPerform returns after the last iteration.
    nonisolated(unsafe) let shared = body
    DispatchQueue.concurrentPerform(iterations: iterations) { index in unsafe shared(index) }
  }
}

/// `0..<count` cut into the fewest pieces of at most `limit`, as equal as multiples of `multiple` allow.
///
/// The cut depends on the numbers alone, never on the machine, so that results do not either.
struct EqualPieces {
  let count: Int
  let size: Int
  var pieces: Int { size == 0 ? 0 : (count + size - 1) / size }

  init(_ count: Int, limit: Int, multiple: Int = 1) {
    self.count = count
    let fewest = max(1, (count + limit - 1) / limit)
    let even = (count + fewest - 1) / fewest
    size = count == 0 ? 0 : (even + multiple - 1) / multiple * multiple
  }

  subscript(index: Int) -> Range<Int> { index * size..<min(count, (index + 1) * size) }
}

extension MutableMatrixView {
  /// Calls `body` on all cores for rectangles that cover the matrix, each with its first row and
  /// column; every rectangle belongs to one call alone.
  mutating func parallelTiles(
    rows rowPieces: EqualPieces, columns columnPieces: EqualPieces,
    _ body: (Range<Int>, Range<Int>, inout MutableMatrixView) -> Void
  ) {
    let (base, stride) = unsafe (base, stride)
    parallel(rowPieces.pieces * columnPieces.pieces) { index in
      let rows = rowPieces[index / columnPieces.pieces]
      let columns = columnPieces[index % columnPieces.pieces]
      var tile = unsafe MutableMatrixView(
        base: base + rows.lowerBound * stride + columns.lowerBound, rows: rows.count,
        columns: columns.count, stride: stride)
      body(rows, columns, &tile)
    }
  }

  /// Calls `body` on all cores for blocks of whole rows; rows stay in `body`'s hands alone.
  mutating func parallelRows(
    _ limit: Int, _ body: (Range<Int>, inout MutableMatrixView) -> Void
  ) {
    let all = EqualPieces(columns, limit: max(columns, 1))
    parallelTiles(rows: EqualPieces(rows, limit: limit), columns: all) { rows, _, block in
      body(rows, &block)
    }
  }
}

/// One rectangle of a matrix.
struct Tile {
  let rows: Range<Int>
  let columns: Range<Int>
}

/// Calls `body` on all cores with the i-th rectangle of `a` and the i-th of `b`.
///
/// The rectangles of one matrix must not overlap: each belongs to one call alone.
func parallelTiles(
  _ a: inout MutableMatrixView, _ aTiles: [Tile], _ b: inout MutableMatrixView, _ bTiles: [Tile],
  _ body: (Int, inout MutableMatrixView, inout MutableMatrixView) -> Void
) {
  precondition(aTiles.count == bTiles.count, "\(aTiles.count) and \(bTiles.count) tiles")
  let (aBase, aStride, bBase, bStride) = unsafe (a.base, a.stride, b.base, b.stride)
  for tile in aTiles { precondition(a.contains(tile), "\(tile) of \(a.rows)×\(a.columns)") }
  for tile in bTiles { precondition(b.contains(tile), "\(tile) of \(b.rows)×\(b.columns)") }
  parallel(aTiles.count) { index in
    let (s, t) = (aTiles[index], bTiles[index])
    var first = unsafe MutableMatrixView(
      base: aBase + s.rows.lowerBound * aStride + s.columns.lowerBound, rows: s.rows.count,
      columns: s.columns.count, stride: aStride)
    var second = unsafe MutableMatrixView(
      base: bBase + t.rows.lowerBound * bStride + t.columns.lowerBound, rows: t.rows.count,
      columns: t.columns.count, stride: bStride)
    body(index, &first, &second)
  }
}

extension MutableMatrixView {
  fileprivate func contains(_ tile: Tile) -> Bool {
    tile.rows.lowerBound >= 0 && tile.rows.upperBound <= rows && tile.columns.lowerBound >= 0
      && tile.columns.upperBound <= columns
  }
}
