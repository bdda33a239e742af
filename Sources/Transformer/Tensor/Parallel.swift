import Foundation

/// Whether parallel loops run on one core, in order; results are the same.
package enum Parallelism {
  /// True within `$isSerial.withValue(true) { … }`.
  @TaskLocal package static var isSerial = false
  /// The environment variable that says how many threads compute, ``threads`` if it is a number.
  package static let variable = "ZIGZAG_THREADS"
  /// The numbers of threads that can be asked for.
  package static let threads = 1...1024
  /// Cores that may be at work at a time: those the process may use, or as many as are asked for.
  ///
  /// No result depends on it: work is cut by what is computed, never by a sum.
  package static let cores: Int = {
    let wanted = ProcessInfo.processInfo.environment[variable].flatMap { Int($0) }
    return wanted.flatMap { threads.contains($0) ? $0 : nil }
      ?? ProcessInfo.processInfo.activeProcessorCount
  }()
}

/// Runs `body(0)` … `body(iterations - 1)` on all cores and returns when all are done.
///
/// Iterations must write to places of their own. One should be worth at least 10 µs.
func parallel(_ iterations: Int, _ body: (Int) -> Void) {
  if iterations > 1, !Parallelism.isSerial, runOnAllCores(iterations, body) { return }
  for index in 0..<iterations { body(index) }
}

/// ``WorkerPool/run(_:_:)`` with the kernels that a test asks for on this thread.
private func runOnAllCores(_ iterations: Int, _ body: (Int) -> Void) -> Bool {
  guard let forced = ProductKernels.forced else { return WorkerPool.shared.run(iterations, body) }
  return WorkerPool.shared.run(iterations) { index in
    ProductKernels.$forced.withValue(forced) { body(index) }
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

  /// All pieces in order.
  var ranges: [Range<Int>] { (0..<pieces).map { self[$0] } }
}

extension Range<Int> {
  /// As long a range that starts `offset` later.
  package func shifted(by offset: Int) -> Range<Int> { lowerBound + offset..<upperBound + offset }
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
      let place = Tile(
        rows: rowPieces[index / columnPieces.pieces],
        columns: columnPieces[index % columnPieces.pieces])
      var tile = unsafe MutableMatrixView(base: base, tile: place, stride: stride)
      body(place.rows, place.columns, &tile)
    }
  }

  /// Calls `body` on all cores for the rectangles `tiles`, which must not overlap.
  mutating func parallelTiles(
    _ tiles: [Tile], _ body: (Tile, inout MutableMatrixView) -> Void
  ) {
    let (base, stride) = unsafe (base, stride)
    for tile in tiles { precondition(contains(tile), "\(tile) of \(rows)×\(columns)") }
    parallel(tiles.count) { index in
      var tile = unsafe MutableMatrixView(base: base, tile: tiles[index], stride: stride)
      body(tiles[index], &tile)
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
    var first = unsafe MutableMatrixView(base: aBase, tile: aTiles[index], stride: aStride)
    var second = unsafe MutableMatrixView(base: bBase, tile: bTiles[index], stride: bStride)
    body(index, &first, &second)
  }
}

/// Calls `body` on all cores with the rectangles of three matrices one after the other: which matrix
/// it is, where in it, and the rectangle.
func parallelTiles(
  _ a: inout MutableMatrixView, _ aTiles: [Tile], _ b: inout MutableMatrixView, _ bTiles: [Tile],
  _ c: inout MutableMatrixView, _ cTiles: [Tile],
  _ body: (Int, Tile, inout MutableMatrixView) -> Void
) {
  let bases = unsafe (a.base, b.base, c.base)
  let strides = (a.stride, b.stride, c.stride)
  for tile in aTiles { precondition(a.contains(tile), "\(tile) of \(a.rows)×\(a.columns)") }
  for tile in bTiles { precondition(b.contains(tile), "\(tile) of \(b.rows)×\(b.columns)") }
  for tile in cTiles { precondition(c.contains(tile), "\(tile) of \(c.rows)×\(c.columns)") }
  let tiles = aTiles + bTiles + cTiles
  parallel(tiles.count) { index in
    let which = index < aTiles.count ? 0 : index < aTiles.count + bTiles.count ? 1 : 2
    let (base, stride) = unsafe [
      (bases.0, strides.0), (bases.1, strides.1), (bases.2, strides.2),
    ][which]
    var tile = unsafe MutableMatrixView(base: base, tile: tiles[index], stride: stride)
    body(which, tiles[index], &tile)
  }
}

/// Calls `body` on all cores with the rectangles of three matrices of one shape, cut alike.
func parallelTiles(
  _ a: inout MutableMatrixView, _ b: inout MutableMatrixView, _ c: inout MutableMatrixView,
  rows: EqualPieces, columns: EqualPieces,
  _ body: (
    Tile, inout MutableMatrixView, inout MutableMatrixView, inout MutableMatrixView
  ) -> Void
) {
  precondition(a.rows == b.rows && a.rows == c.rows && a.columns == b.columns)
  precondition(a.columns == c.columns && rows.count == a.rows && columns.count == a.columns)
  let (aBase, bBase, cBase) = unsafe (a.base, b.base, c.base)
  let strides = (a.stride, b.stride, c.stride)
  parallel(rows.pieces * columns.pieces) { index in
    let tile = Tile(rows: rows[index / columns.pieces], columns: columns[index % columns.pieces])
    var first = unsafe MutableMatrixView(base: aBase, tile: tile, stride: strides.0)
    var second = unsafe MutableMatrixView(base: bBase, tile: tile, stride: strides.1)
    var third = unsafe MutableMatrixView(base: cBase, tile: tile, stride: strides.2)
    body(tile, &first, &second, &third)
  }
}

extension MutableMatrixView {
  /// A rectangle of the matrix that starts at `base`.
  @_lifetime(immortal)
  @unsafe fileprivate init(base: UnsafeMutablePointer<Float>, tile: Tile, stride: Int) {
    unsafe self.init(
      base: base + tile.rows.lowerBound * stride + tile.columns.lowerBound, rows: tile.rows.count,
      columns: tile.columns.count, stride: stride)
  }

  fileprivate func contains(_ tile: Tile) -> Bool {
    tile.rows.lowerBound >= 0 && tile.rows.upperBound <= rows && tile.columns.lowerBound >= 0
      && tile.columns.upperBound <= columns
  }
}
