/// A run of queries, the keys they see, and where their part of dK and dV lies.
struct BackwardChunk {
  let run: RowSet.Run
  /// Key positions: the sink, and the window's.
  let sink: Range<Int>
  let recent: Range<Int>
  /// Rows of the slab: the sink's keys, then the window's.
  let slab: Range<Int>

  var rows: Range<Int> { run.rows }

  static func all(
    queries: RowSet, keys: RowSet, _ visibility: Visibility, limit: Int
  ) -> [BackwardChunk] {
    var next = 0
    return queries.runs.flatMap { $0.blocks(limit: limit) }.map { run in
      let (sink, window) = visibility.positions(seenBy: run.positions)
      // Tiles start with a panel.
      let recent = keys.panelStart(window.lowerBound)..<window.upperBound
      let slab = next..<next + sink.count + recent.count
      next = slab.upperBound
      return BackwardChunk(run: run, sink: sink, recent: recent, slab: slab)
    }
  }

  /// Rows of this chunk's slab (counted from its start) for the keys of a tile.
  func slabRows(_ tile: KeyTile) -> Range<Int> {
    tile.positions.shifted(by: tile.isSink ? 0 : sink.count - recent.lowerBound)
  }

  /// The two parts of the slab, with the keys they stand for.
  var parts: [(positions: Range<Int>, rows: Range<Int>)] {
    [(sink, 0..<sink.count), (recent, sink.count..<sink.count + recent.count)]
  }
}

/// Adds the chunks' parts up, chunk after chunk: dk (part 0) or dv (part 1), (keys, K·D).
func addSlabs(
  _ slabs: MatrixView, part: Int, chunks: [BackwardChunk], keys: RowSet, shape: AttentionShape
) -> Tensor {
  let headDim = shape.headDim
  var sum = Tensor.zeros(rows: keys.count, columns: shape.keyWidth)
  var view = sum.mutableView
  let heads = EqualPieces(shape.keyWidth, limit: headDim)
  view.parallelTiles(
    rows: EqualPieces(keys.count, limit: max(keys.count, 1)), columns: heads
  ) { _, columns, target in
    let first = 2 * columns.lowerBound + part * headDim
    for chunk in chunks {
      let slab = slabs.slice(rows: chunk.slab, columns: first..<first + headDim)
      for (positions, rows) in chunk.parts where !positions.isEmpty {
        for (to, from) in zip(keys.rows(of: positions), rows) {
          var row = target.row(to)
          VectorMath.add(slab.row(from), to: &row)
        }
      }
    }
  }
  return sum
}
