import BasicContainers
import Foundation

/// o = softmax(q·kᵀ/√D)·v for the query heads that share the key-value heads `heads`.
///
/// Tiled with a running softmax (Dao et al. 2022, arXiv 2205.14135): no T×T matrix exists at any
/// time. q (queries, H·D); k, v (keys, K·D); o (queries, H·D) and logSumExp (queries, H) are written in the
/// columns of `heads` only. The G query heads of a group are stacked into one product.
package func attention(
  q: MatrixView, k: MatrixView, v: MatrixView, shape: AttentionShape, heads: [Int],
  visibility: Visibility, queries: RowSet, keys: RowSet, into o: inout MutableMatrixView,
  logSumExp: inout MutableMatrixView
) {
  precondition(q.rows == queries.count && k.rows == keys.count && v.rows == keys.count)
  let limit = AttentionTiling.queries(shape, visibility)
  // The longest blocks first, so that no core is left with one at the end.
  let blocks = queries.runs.flatMap { $0.blocks(limit: limit) }.reversed()
  let tasks = blocks.flatMap { block in heads.map { (head: $0, block: block) } }
  let panels = KeyPanels(k, rows: keys, shape: shape, heads: heads)
  let oTiles = tasks.map { Tile(rows: $0.block.rows, columns: shape.queryColumns($0.head)) }
  let logTiles = tasks.map { Tile(rows: $0.block.rows, columns: shape.logColumns($0.head)) }
  parallelTiles(&o, oTiles, &logSumExp, logTiles) { index, oTile, logTile in
    let (head, block) = tasks[index]
    attentionBlock(
      q: q.slice(rows: block.rows, columns: shape.queryColumns(head)), k: panels,
      v: v.slice(rows: 0..<keys.count, columns: shape.keyColumns(head)), head: head, shape: shape,
      positions: block.positions, visibility: visibility, keys: keys, into: &oTile,
      logSumExp: &logTile)
  }
}

/// The gradients of ``attention(q:k:v:shape:heads:visibility:queries:keys:into:logSumExp:)`` for q,
/// k and v, in all heads.
///
/// q, o, dO (queries, H·D), logSumExp (queries, H); k, v (keys, K·D). With P the softmax weights,
/// recomputed from logSumExp, and Δ = Σ dO·o per row (Dao et al. 2022):
/// dV = Pᵀ·dO, dS = P ∘ (dO·Vᵀ − Δ), dQ = dS·K/√D, dK = dSᵀ·Q/√D.
///
/// Each chunk of queries adds up its own part of dK and dV; the parts are then added in order, so that
/// the sums do not depend on the number of cores.
package func attentionBackward(
  dO: MatrixView, q: MatrixView, k: MatrixView, v: MatrixView, o: MatrixView,
  logSumExp: MatrixView, shape: AttentionShape, visibility: Visibility, queries: RowSet,
  keys: RowSet
) -> QueryKeyValue {
  let visibility = visibility.over(keys)
  let chunks = BackwardChunk.all(queries: queries, keys: keys, visibility, limit: 256)
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
        visibility: visibility, keys: keys, dq: &dqTile, slab: &slab)
    }
  }
  let dk = addSlabs(slabs.view, part: 0, chunks: chunks, keys: keys, shape: shape)
  let dv = addSlabs(slabs.view, part: 1, chunks: chunks, keys: keys, shape: shape)
  return QueryKeyValue(q: dq, k: dk, v: dv)
}

/// Attention of sequences that each go on from a prompt, whose keys and values are known.
///
/// q (rows, H·D), k and v (rows, K·D) hold the rows of all sequences under one another; o (streams' rows, H·D)
/// gets those of each of `streams`. Several streams may have the same rows of q, k and v, and differ in what
/// their heads see.
func attention(
  q: MatrixView, k: MatrixView, v: MatrixView, shape: AttentionShape, streams: [PromptedStream],
  into o: inout MutableMatrixView
) {
  var sources: [Int: Int] = [:]
  var panels = UniqueArray<KeyPanels>()
  let heads = Array(0..<shape.keyValueHeads)
  for stream in streams where sources[stream.source.lowerBound] == nil {
    sources[stream.source.lowerBound] = panels.count
    panels.append(
      KeyPanels(k.slice(rows: stream.source), rows: stream.rows, shape: shape, heads: heads))
  }
  let tasks = streams.flatMap { stream in
    heads.flatMap { head in
      let limit = AttentionTiling.queries(shape, stream.visibility[head])
      return stream.rows.runs.flatMap { $0.blocks(limit: limit) }.map { block in
        PromptedTask(
          stream: stream, head: head, block: block,
          panels: sources[stream.source.lowerBound] ?? 0)
      }
    }
  }
  var logSumExp = Tensor(rows: o.rows, columns: shape.queryHeads)
  var logView = logSumExp.mutableView
  let oTiles = tasks.map { task in
    Tile(
      rows: task.block.rows.shifted(by: task.stream.target.lowerBound),
      columns: shape.queryColumns(task.head))
  }
  let logTiles = zip(tasks, oTiles).map { Tile(rows: $1.rows, columns: shape.logColumns($0.head)) }
  parallelTiles(&o, oTiles, &logView, logTiles) { index, oTile, logTile in
    let task = tasks[index]
    let (stream, head) = (task.stream, task.head)
    let source = stream.source.lowerBound
    let columns = shape.keyColumns(head)
    attentionBlock(
      q: q.slice(
        rows: task.block.rows.shifted(by: source), columns: shape.queryColumns(head)),
      prompt: stream.prompt, k: panels[task.panels],
      v: v.slice(rows: stream.source, columns: columns), head: head, shape: shape,
      positions: task.block.positions, visibility: stream.visibility[head], keys: stream.rows,
      into: &oTile, logSumExp: &logTile)
  }
}

/// The keys and values of a prompt in one layer.
///
/// Thread-safe: nothing in it changes.
@safe package final class PromptLayer: @unchecked Sendable {
  /// The rows of the prompt that are held.
  let rows: RowSet
  /// The rotated keys of all heads.
  let keys: KeyPanels
  /// The values, (rows, K·D).
  let values: Tensor

  /// Takes over rotated keys, (rows, K·D), and values.
  init(rows: RowSet, k: borrowing Tensor, v: consuming Tensor, shape: AttentionShape) {
    self.rows = rows
    keys = KeyPanels(k.view, rows: rows, shape: shape, heads: Array(0..<shape.keyValueHeads))
    values = v
  }
}

/// The rows of one sequence after its prompt, and what its heads see.
struct PromptedStream {
  /// The prompt's keys and values.
  let prompt: PromptLayer
  /// Positions of the rows: the prompt's end and what follows.
  let rows: RowSet
  /// Where its rows are in q, k and v.
  let source: Range<Int>
  /// Where they go in o.
  let target: Range<Int>
  /// What each key-value head sees, (K).
  let visibility: [Visibility]
}

/// Some rows of one stream in one head; `panels` are those of its own keys.
private struct PromptedTask {
  let stream: PromptedStream
  let head: Int
  let block: RowSet.Run
  let panels: Int
}

/// One block of queries of one group: q, o (block, G·D), logSumExp (block, G); v (keys, D).
///
/// With a `prompt` its keys come first.
private func attentionBlock(
  q: MatrixView, prompt: PromptLayer? = nil, k: borrowing KeyPanels, v: MatrixView, head: Int,
  shape: AttentionShape, positions: Range<Int>, visibility: Visibility, keys: RowSet,
  into o: inout MutableMatrixView, logSumExp: inout MutableMatrixView
) {
  let (group, headDim) = (shape.group, shape.headDim)
  let stacked = stackHeads(q, group: group, headDim: headDim, scale: shape.scale)  // (G·block, D)
  var state = RunningSoftmax(rows: stacked.rows, headDim: headDim)
  if let prompt {
    attend(
      stacked.view, prompt.keys, prompt.values, columns: shape.keyColumns(head), head: head,
      positions: positions, visibility: visibility, keys: prompt.rows, &state)
  }
  attend(
    stacked.view, k, v, head: head, positions: positions, visibility: visibility, keys: keys,
    &state)
  for row in 0..<stacked.rows {
    let (g, r) = (row / positions.count, row % positions.count)
    if let sinks = shape.sinks { state.addSink(sinks[head * group + g], to: row) }
    var out = o.slice(rows: r..<r + 1, columns: g * headDim..<(g + 1) * headDim)
    var target = out.row(0)
    VectorMath.scale(state.sum.view.row(row), by: 1 / state.totals[row], into: &target)
    var log = logSumExp.row(r)
    log[g] = state.maxima[row] + Foundation.log(state.totals[row])
  }
}

/// What a running softmax over one set of keys after the other knows of each row.
private struct RunningSoftmax: ~Copyable {
  /// Scores of one tile, then their weights, (rows, keys of a tile).
  var scores: Tensor
  /// Weighted values, (rows, D).
  var sum: Tensor
  var maxima: [Float]
  var totals: [Float]

  init(rows: Int, headDim: Int) {
    scores = Tensor(rows: rows, columns: AttentionTiling.keys)
    sum = Tensor.zeros(rows: rows, columns: headDim)
    maxima = [Float](repeating: -.infinity, count: rows)
    totals = [Float](repeating: 0, count: rows)
  }
}

extension RunningSoftmax {
  /// Takes in a logit without a value.
  fileprivate mutating func addSink(_ logit: Float, to row: Int) {
    let maximum = max(maxima[row], logit)
    let correction = exp(maxima[row] - maximum)
    totals[row] = totals[row] * correction + exp(logit - maximum)
    maxima[row] = maximum
    if correction != 1 {
      var view = sum.mutableView
      var values = view.row(row)
      VectorMath.scale(&values, by: correction)
    }
  }
}

/// Takes in those of `keys`, with their values v (keys, D), that the stacked queries q (G·block, D) see.
private func attend(
  _ q: MatrixView, _ k: borrowing KeyPanels, _ v: MatrixView, head: Int, positions: Range<Int>,
  visibility: Visibility, keys: RowSet, _ state: inout RunningSoftmax
) {
  for tile in KeyTile.tiles(
    for: positions, visibility, keys: keys, width: AttentionTiling.keys)
  {
    attendTile(
      q, k.view(head: head, tile.positions), v.slice(rows: keys.rows(of: tile.positions)), tile,
      at: positions, scores: &state.scores, sum: &state.sum, maxima: &state.maxima,
      totals: &state.totals)
  }
}

/// The same with some columns of the values v.
private func attend(
  _ q: MatrixView, _ k: borrowing KeyPanels, _ v: borrowing Tensor, columns: Range<Int>, head: Int,
  positions: Range<Int>, visibility: Visibility, keys: RowSet, _ state: inout RunningSoftmax
) {
  attend(
    q, k, v.view.slice(rows: 0..<v.rows, columns: columns), head: head, positions: positions,
    visibility: visibility, keys: keys, &state)
}

/// One tile of a running softmax: q (G·block, D), k (D, keys), v (keys, D).
private func attendTile(
  _ q: MatrixView, _ k: PanelView, _ v: MatrixView, _ tile: KeyTile, at positions: Range<Int>,
  scores: inout Tensor, sum: inout Tensor, maxima: inout [Float], totals: inout [Float]
) {
  var s = scores.mutableView
  var weights = s.slice(rows: 0..<q.rows, columns: 0..<v.rows)
  var output = sum.mutableView
  // 1. Scores of the tile.
  multiply(q, k, into: &weights)
  // 2. Their weights, under the maximum so far.
  for row in 0..<q.rows {
    let visible = tile.visible(to: positions.lowerBound + row % positions.count)
    var line = weights.row(row)
    let correction = VectorMath.softmaxTile(
      &line, visible: visible, max: &maxima[row], sum: &totals[row])
    if correction != 1 {
      var old = output.row(row)
      VectorMath.scale(&old, by: correction)
    }
  }
  // 3. The weighted values.
  multiply(weights.reading(), PanelView(v), into: &output, adding: true)
}

/// One chunk of one group; slab (sink + window, 2·D) holds this chunk's dK and dV.
private func backwardChunk(
  _ chunk: BackwardChunk, dO: MatrixView, q: MatrixView, k: MatrixView,
  keyPanels: borrowing KeyPanels, valuePanels: borrowing KeyPanels, head: Int, o: MatrixView,
  logSumExp: MatrixView, shape: AttentionShape, visibility: Visibility, keys: RowSet,
  dq: inout MutableMatrixView, slab: inout MutableMatrixView
) {
  slab.fill(0)
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
