/// Gradients of streaming attention with respect to q, k and v, for all heads.
///
/// q, o, dO (queries, H·D), logSumExp (queries, H); k, v (keys, K·D). With P the softmax weights,
/// recomputed from logSumExp, and Δ = Σ dO·o per row (Dao et al. 2022):
/// dV = Pᵀ·dO, dS = P ∘ (dO·Vᵀ − Δ), dQ = dS·K/√D, dK = dSᵀ·Q/√D.
///
/// Each chunk of queries adds up its own part of dK and dV; the parts are then added in order, so that
/// the sums do not depend on the number of cores.
package func streamingAttentionBackward(
  dO: MatrixView, q: MatrixView, k: MatrixView, v: MatrixView, o: MatrixView,
  logSumExp: MatrixView, shape: AttentionShape, window: StreamingWindow, queries: RowSet,
  keys: RowSet
) -> QueryKeyValue {
  let chunks = BackwardChunk.all(queries: queries, keys: keys, window: window, limit: 256)
  let keyPanels = KeyPanels(k, rows: keys, shape: shape, heads: Array(0..<shape.keyValueHeads))
  let valuePanels = KeyPanels(v, rows: keys, shape: shape, heads: Array(0..<shape.keyValueHeads))
  let tasks = (0..<shape.keyValueHeads).flatMap { head in chunks.map { (head: head, chunk: $0) } }
  let slabRows = chunks.last.map { $0.slab.upperBound } ?? 0
  var dq = Tensor(rows: queries.count, columns: shape.queryWidth)
  // Beside one another for each key-value head: its part of dK, then of dV.
  var slabs = Tensor(rows: slabRows, columns: 2 * shape.keyWidth)
  do {
    var dqView = dq.mutableView
    var slabView = slabs.mutableView
    let dqTiles = tasks.map { Tile(rows: $0.chunk.rows, columns: shape.queryColumns($0.head)) }
    let slabTiles = tasks.map { task in
      Tile(
        rows: task.chunk.slab,
        columns: 2 * task.head * shape.headDim..<2 * (task.head + 1) * shape.headDim)
    }
    parallelTiles(&dqView, dqTiles, &slabView, slabTiles) { index, dqTile, slab in
      let (head, chunk) = tasks[index]
      let (across, rows) = (shape.queryColumns(head), chunk.rows)
      backwardChunk(
        chunk, dO: dO.slice(rows: rows, columns: across), q: q.slice(rows: rows, columns: across),
        k: k.slice(rows: 0..<k.rows, columns: shape.keyColumns(head)), keyPanels: keyPanels,
        valuePanels: valuePanels, head: head,
        o: o.slice(rows: rows, columns: across),
        logSumExp: logSumExp.slice(rows: rows, columns: shape.logColumns(head)), shape: shape,
        window: window, keys: keys, dq: &dqTile, slab: &slab)
    }
  }
  let dk = addSlabs(slabs.view, part: 0, chunks: chunks, keys: keys, shape: shape)
  let dv = addSlabs(slabs.view, part: 1, chunks: chunks, keys: keys, shape: shape)
  return QueryKeyValue(q: dq, k: dk, v: dv)
}

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
    queries: RowSet, keys: RowSet, window: StreamingWindow, limit: Int
  ) -> [BackwardChunk] {
    var next = 0
    return queries.runs.flatMap { $0.blocks(limit: limit) }.map { run in
      let (sink, window) = window.positions(seenBy: run.positions)
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

/// One chunk of one group; slab (sink + window, 2·D) holds this chunk's dK and dV.
private func backwardChunk(
  _ chunk: BackwardChunk, dO: MatrixView, q: MatrixView, k: MatrixView,
  keyPanels: borrowing KeyPanels, valuePanels: borrowing KeyPanels, head: Int, o: MatrixView,
  logSumExp: MatrixView, shape: AttentionShape, window: StreamingWindow, keys: RowSet,
  dq: inout MutableMatrixView, slab: inout MutableMatrixView
) {
  slab.fill(0)
  let visibility = Visibility.streaming(window)
  let limit = AttentionTiling.queries(shape, visibility)
  let run = RowSet.Run(firstRow: 0, positions: chunk.run.positions)
  for block in run.blocks(limit: limit) {
    var dqRows = dq.slice(rows: block.rows)
    backwardBlock(
      chunk, positions: block.positions, dO: dO.slice(rows: block.rows),
      q: q.slice(rows: block.rows), k: k, keyPanels: keyPanels, valuePanels: valuePanels,
      head: head, o: o.slice(rows: block.rows),
      logSumExp: logSumExp.slice(rows: block.rows), shape: shape, visibility: visibility,
      keys: keys, dq: &dqRows, slab: &slab)
  }
}

/// One block of queries: dO, q, o, dq (block, G·D), logSumExp (block, G).
private func backwardBlock(
  _ chunk: BackwardChunk, positions: Range<Int>, dO: MatrixView, q: MatrixView, k: MatrixView,
  keyPanels: borrowing KeyPanels, valuePanels: borrowing KeyPanels, head: Int, o: MatrixView,
  logSumExp: MatrixView, shape: AttentionShape, visibility: Visibility, keys: RowSet,
  dq: inout MutableMatrixView, slab: inout MutableMatrixView
) {
  let (group, headDim, block) = (shape.group, shape.headDim, positions.count)
  let queryStack = stackHeads(q, group: group, headDim: headDim, scale: shape.scale)
  let gradientStack = stackHeads(dO, group: group, headDim: headDim, scale: 1)
  let outputStack = stackHeads(o, group: group, headDim: headDim, scale: 1)
  let rows = group * block
  var weights = Tensor(rows: rows, columns: AttentionTiling.keys)
  var gradients = Tensor(rows: rows, columns: AttentionTiling.keys)
  var dqStack = Tensor.zeros(rows: rows, columns: headDim)
  let delta = (0..<rows).map {
    VectorMath.dot(gradientStack.view.row($0), outputStack.view.row($0))
  }
  for tile in KeyTile.tiles(
    for: positions, visibility, keys: keys, width: AttentionTiling.keys)
  {
    let keyRows = keys.rows(of: tile.positions)
    let slabRows = chunk.slabRows(tile)
    var wholeP = weights.mutableView
    var wholeS = gradients.mutableView
    var p = wholeP.slice(rows: 0..<rows, columns: 0..<keyRows.count)
    var dS = wholeS.slice(rows: 0..<rows, columns: 0..<keyRows.count)
    // 1. The weights again.
    multiply(queryStack.view, keyPanels.view(head: head, tile.positions), into: &p)
    for row in 0..<rows {
      let visible = tile.visible(to: positions.lowerBound + row % block)
      var line = p.row(row)
      VectorMath.softmax(
        &line, visible: visible, logSumExp: logSumExp.row(row % block)[row / block])
    }
    // 2. dV += Pᵀ·dO.
    do {
      var dV = slab.slice(rows: slabRows, columns: headDim..<2 * headDim)
      multiply(transposing: p.reading(), PanelView(gradientStack.view), addingTo: &dV)
    }
    // 3. dS = P ∘ (dO·Vᵀ − Δ).
    multiply(gradientStack.view, valuePanels.view(head: head, tile.positions), into: &dS)
    for row in 0..<rows {
      var line = dS.row(row)
      VectorMath.softmaxBackward(p.reading().row(row), &line, delta: delta[row])
    }
    // 4. dQ += dS·K; dK += dSᵀ·Q, in which Q carries 1/√D already.
    var dQ = dqStack.mutableView
    multiply(dS.reading(), PanelView(k.slice(rows: keyRows)), into: &dQ, adding: true)
    var dK = slab.slice(rows: slabRows, columns: 0..<headDim)
    multiply(transposing: dS.reading(), PanelView(queryStack.view), addingTo: &dK)
  }
  for row in 0..<rows {
    let (g, r) = (row / block, row % block)
    var out = dq.slice(rows: r..<r + 1, columns: g * headDim..<(g + 1) * headDim)
    var target = out.row(0)
    VectorMath.scale(dqStack.view.row(row), by: shape.scale, into: &target)
  }
}

/// Adds the chunks' parts up, chunk after chunk: dk (part 0) or dv (part 1), (keys, K·D).
private func addSlabs(
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

/// Queries (rows, H·D), keys and values (rows, K·D) of one layer, or their gradients.
package struct QueryKeyValue: ~Copyable {
  package var q: Tensor
  package var k: Tensor
  package var v: Tensor

  /// Adds another one's values.
  mutating func add(_ other: borrowing QueryKeyValue) {
    q.add(other.q)
    k.add(other.k)
    v.add(other.v)
  }
}

extension Tensor {
  /// Adds the values of a tensor of the same shape.
  fileprivate mutating func add(_ other: borrowing Tensor) {
    for r in 0..<rows {
      var view = mutableView
      var row = view.row(r)
      VectorMath.add(other.view.row(r), to: &row)
    }
  }
}
