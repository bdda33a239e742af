/// What becomes of the attention weights that a key gets from some queries.
package enum WeightReduction: Sendable {
  /// Their mean over the queries.
  case mean
  /// The largest.
  case largest
}

/// The attention weights of some queries on each key, reduced over the queries: (H, keys).
///
/// Weights are recomputed from logSumExp tile by tile, so that memory grows with the keys alone. A key that no query
/// sees has 0.
///
/// - Parameters:
///   - q: Rotated queries, (queries, H·D).
///   - k: Rotated keys, (keys, K·D).
///   - logSumExp: Of the queries' scores over all keys that they see, (queries, H).
///   - shape: The sizes of the attention.
///   - visibility: What the heads see.
///   - queries: Positions of the queries.
///   - keys: Positions of the keys.
///   - reduction: What becomes of a key's weights.
/// - Returns: The reduced weights.
func attentionColumns(
  q: MatrixView, k: MatrixView, logSumExp: MatrixView, shape: AttentionShape,
  visibility: Visibility, queries: RowSet, keys: RowSet, reduction: WeightReduction
) -> Tensor {
  precondition(q.rows == queries.count && k.rows == keys.count && logSumExp.rows == q.rows)
  let heads = Array(0..<shape.keyValueHeads)
  let panels = KeyPanels(k, rows: keys, shape: shape, heads: heads)
  let tiles = KeyTile.tiles(
    for: queries.tail, visibility, keys: keys, width: AttentionTiling.keys)
  let across = tiles.map { keys.rows(of: $0.positions) }
  let blocks = queries.runs.flatMap {
    $0.blocks(limit: AttentionTiling.queries(shape, visibility))
  }
  var columns = Tensor.zeros(rows: shape.queryHeads, columns: keys.count)
  var view = columns.mutableView
  let places = heads.flatMap { head in
    across.map { Tile(rows: shape.logColumns(head), columns: $0) }
  }
  view.parallelTiles(places) { place, out in
    let head = place.rows.lowerBound / shape.group
    guard let index = across.firstIndex(of: place.columns) else { return }
    let tile = tiles[index]
    for block in blocks {
      reduceTile(
        q.slice(rows: block.rows, columns: shape.queryColumns(head)),
        panels.view(head: head, tile.positions), tile, at: block.positions,
        logSumExp: logSumExp.slice(rows: block.rows, columns: shape.logColumns(head)), shape,
        reduction, queries: queries.count, into: &out)
    }
  }
  return columns
}

/// One block of queries (block, G·D) on one tile of keys (D, keys), taken into out (G, keys).
private func reduceTile(
  _ q: MatrixView, _ k: PanelView, _ tile: KeyTile, at positions: Range<Int>,
  logSumExp: MatrixView, _ shape: AttentionShape, _ reduction: WeightReduction, queries: Int,
  into out: inout MutableMatrixView
) {
  let stacked = stackHeads(q, group: shape.group, headDim: shape.headDim, scale: shape.scale)
  var weights = Tensor(rows: stacked.rows, columns: tile.positions.count)
  var view = weights.mutableView
  multiply(stacked.view, k, into: &view)
  for row in 0..<stacked.rows {
    let (g, r) = (row / positions.count, row % positions.count)
    var line = view.row(row)
    VectorMath.softmax(
      &line, visible: tile.visible(to: positions.lowerBound + r),
      logSumExp: logSumExp.row(r)[g])
    var target = out.row(g)
    switch reduction {
    case .mean: VectorMath.add(view.reading().row(row), times: 1 / Float(queries), to: &target)
    case .largest: VectorMath.keepLarger(view.reading().row(row), in: &target)
    }
  }
}
