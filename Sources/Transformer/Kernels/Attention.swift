import Foundation

/// The sizes of grouped-query attention.
package struct AttentionShape {
  let queryHeads: Int
  let keyValueHeads: Int
  let headDim: Int

  package init(_ configuration: ModelConfiguration) {
    queryHeads = configuration.queryHeads
    keyValueHeads = configuration.keyValueHeads
    headDim = configuration.headDim
  }

  /// Query heads per key-value head, G.
  var group: Int { queryHeads / keyValueHeads }
  /// Width of q and o, H·D.
  var queryWidth: Int { queryHeads * headDim }
  /// Width of k and v, K·D.
  var keyWidth: Int { keyValueHeads * headDim }
  /// 1/√D.
  var scale: Float { 1 / Float(headDim).squareRoot() }

  /// Columns of q and o that belong to the group of a key-value head.
  func queryColumns(_ keyValueHead: Int) -> Range<Int> {
    keyValueHead * group * headDim..<(keyValueHead + 1) * group * headDim
  }

  /// Columns of k and v of a key-value head.
  func keyColumns(_ keyValueHead: Int) -> Range<Int> {
    keyValueHead * headDim..<(keyValueHead + 1) * headDim
  }

  /// Columns of log-sum-exp (rows, H) that belong to the group of a key-value head.
  func logColumns(_ keyValueHead: Int) -> Range<Int> {
    keyValueHead * group..<(keyValueHead + 1) * group
  }
}

/// Tile sizes: G·queries rows by `keys` columns of scores stay in the second-level cache.
enum AttentionTiling {
  static let keys = 256
  /// Queries of one block; narrow windows get narrow blocks, or most of a tile would be masked.
  static func queries(_ shape: AttentionShape, _ visibility: Visibility) -> Int {
    let fitting = max(16, 192 / shape.group)
    guard case .streaming(let window) = visibility else { return fitting }
    return min(fitting, max(32, window.recent / 2))
  }
}

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

/// One block of queries of one group: q, o (block, G·D), logSumExp (block, G); v (keys, D).
private func attentionBlock(
  q: MatrixView, k: borrowing KeyPanels, v: MatrixView, head: Int, shape: AttentionShape,
  positions: Range<Int>,
  visibility: Visibility, keys: RowSet, into o: inout MutableMatrixView,
  logSumExp: inout MutableMatrixView
) {
  let (group, headDim) = (shape.group, shape.headDim)
  let stacked = stackHeads(q, group: group, headDim: headDim, scale: shape.scale)  // (G·block, D)
  var scores = Tensor(rows: stacked.rows, columns: AttentionTiling.keys)
  var sum = Tensor.zeros(rows: stacked.rows, columns: headDim)
  var maxima = [Float](repeating: -.infinity, count: stacked.rows)
  var totals = [Float](repeating: 0, count: stacked.rows)
  for tile in KeyTile.tiles(
    for: positions, visibility, keys: keys, width: AttentionTiling.keys)
  {
    let keyRows = keys.rows(of: tile.positions)
    var s = scores.mutableView
    var weights = s.slice(rows: 0..<stacked.rows, columns: 0..<keyRows.count)
    var output = sum.mutableView
    // 1. Scores of the tile.
    multiply(stacked.view, k.view(head: head, tile.positions), into: &weights)
    // 2. Their weights, under the maximum so far.
    for row in 0..<stacked.rows {
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
    multiply(weights.reading(), PanelView(v.slice(rows: keyRows)), into: &output, adding: true)
  }
  for row in 0..<stacked.rows {
    let (g, r) = (row / positions.count, row % positions.count)
    var out = o.slice(rows: r..<r + 1, columns: g * headDim..<(g + 1) * headDim)
    var target = out.row(0)
    VectorMath.scale(sum.view.row(row), by: 1 / totals[row], into: &target)
    var log = logSumExp.row(r)
    log[g] = maxima[row] + Foundation.log(totals[row])
  }
}

/// The G heads of a block of queries under one another, scaled: (block, G·D) to (G·block, D).
func stackHeads(_ x: MatrixView, group: Int, headDim: Int, scale: Float) -> Tensor {
  var stacked = Tensor(rows: group * x.rows, columns: headDim)
  var view = stacked.mutableView
  for g in 0..<group {
    for r in 0..<x.rows {
      let source = x.slice(rows: r..<r + 1, columns: g * headDim..<(g + 1) * headDim)
      var target = view.row(g * x.rows + r)
      VectorMath.scale(source.row(0), by: scale, into: &target)
    }
  }
  return stacked
}
