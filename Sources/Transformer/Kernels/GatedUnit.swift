/// The two products of the feed-forward block before its activation, (rows, F), kept for its backward.
struct GatedUnit: ~Copyable {
  var gate: Tensor
  var up: Tensor

  /// Undefined products.
  init(rows: Int, columns: Int) {
    gate = Tensor(rows: rows, columns: columns)
    up = Tensor(rows: rows, columns: columns)
  }

  /// Computes both products of x (rows, C) and returns the activation, (rows, F).
  mutating func fill(
    _ x: MatrixView, gate wGate: WeightMatrix, up wUp: WeightMatrix, _ activation: Activation
  ) -> Tensor {
    gatedUnit(x, gate: wGate, up: wUp, activation, keepingGate: &gate, up: &up)
  }
}

/// act = activation(x·Wgᵀ) ∘ (x·Wuᵀ), the feed-forward block's first half: x (rows, C), Wg and Wu (F, C),
/// act (rows, F).
///
/// `gate` and `up`, (rows, F), receive the products, for the backward.
func gatedUnit(
  _ x: MatrixView, gate wGate: WeightMatrix, up wUp: WeightMatrix, _ activation: Activation,
  keepingGate gate: inout Tensor, up: inout Tensor
) -> Tensor {
  var act = Tensor(rows: x.rows, columns: wGate.rows)
  var actView = act.mutableView
  var gate = gate.mutableView
  var up = up.mutableView
  guard x.rows > ProductTiling.few else {
    matmul(x, wGate, .transposed, into: &gate)
    matmul(x, wUp, .transposed, into: &up)
    gated(activation, gate: gate.reading(), up: up.reading(), into: &actView)
    return act
  }
  let across = ProductTiling.columns(wGate.rows)
  let rows = ProductTiling.rows(x.rows, across: across)
  parallelTiles(&actView, &gate, &up, rows: rows, columns: across) { tile, act, gate, up in
    let weights = GatedColumns(
      gate: wGate, up: wUp, activation, columns: tile.columns)
    for block in EqualPieces(tile.rows.count, limit: ProductTiling.rows).ranges {
      var actBlock = act.slice(rows: block)
      var gateBlock = gate.slice(rows: block)
      var upBlock = up.slice(rows: block)
      weights.apply(
        x.slice(rows: block.shifted(by: tile.rows.lowerBound)), gate: &gateBlock, up: &upBlock,
        act: &actBlock)
    }
  }
  return act
}

/// ``gatedUnit(_:gate:up:_:keepingGate:up:)`` where the products are not wanted later.
package func gatedUnit(
  _ x: MatrixView, gate wGate: WeightMatrix, up wUp: WeightMatrix, _ activation: Activation
) -> Tensor {
  var act = Tensor(rows: x.rows, columns: wGate.rows)
  var view = act.mutableView
  guard x.rows > ProductTiling.few else {
    gatedUnitOfFewRows(x, gate: wGate, up: wUp, activation, into: &view)
    return act
  }
  let across = ProductTiling.columns(wGate.rows)
  view.parallelTiles(rows: ProductTiling.rows(x.rows, across: across), columns: across) {
    rows, columns, act in
    let weights = GatedColumns(gate: wGate, up: wUp, activation, columns: columns)
    var gateScratch = Tensor(rows: ProductTiling.rows, columns: columns.count)
    var upScratch = Tensor(rows: ProductTiling.rows, columns: columns.count)
    for block in EqualPieces(rows.count, limit: ProductTiling.rows).ranges {
      var actBlock = act.slice(rows: block)
      var gate = gateScratch.mutableView
      var up = upScratch.mutableView
      var gateBlock = gate.slice(rows: 0..<block.count)
      var upBlock = up.slice(rows: 0..<block.count)
      weights.apply(
        x.slice(rows: block.shifted(by: rows.lowerBound)), gate: &gateBlock, up: &upBlock,
        act: &actBlock)
    }
  }
  return act
}

/// Some columns of both weights, packed.
private struct GatedColumns: ~Copyable {
  let gate: PanelMatrix
  let up: PanelMatrix
  let activation: Activation

  init(gate: WeightMatrix, up: WeightMatrix, _ activation: Activation, columns: Range<Int>) {
    self.activation = activation
    self.gate = PanelMatrix(gate, .transposed, columns: columns)
    self.up = PanelMatrix(up, .transposed, columns: columns)
  }

  /// Both products of a block of rows and their activation, while they are in the cache.
  func apply(
    _ x: MatrixView, gate gateOut: inout MutableMatrixView, up upOut: inout MutableMatrixView,
    act: inout MutableMatrixView
  ) {
    multiply(x, gate.view, into: &gateOut)
    multiply(x, up.view, into: &upOut)
    gated(activation, gate: gateOut.reading(), up: upOut.reading(), into: &act)
  }
}

private func gatedUnitOfFewRows(
  _ x: MatrixView, gate wGate: WeightMatrix, up wUp: WeightMatrix, _ activation: Activation,
  into act: inout MutableMatrixView
) {
  let across = ProductTiling.columnsOfFewRows(wGate)
  act.parallelTiles(rows: EqualPieces(act.rows, limit: act.rows), columns: across) {
    _, columns, act in
    var gateScratch = Tensor(rows: act.rows, columns: columns.count)
    var upScratch = Tensor(rows: act.rows, columns: columns.count)
    var gate = gateScratch.mutableView
    var up = upScratch.mutableView
    multiplyRows(x, wGate, rows: columns, into: &gate, adding: false)
    multiplyRows(x, wUp, rows: columns, into: &up, adding: false)
    gated(activation, gate: gate.reading(), up: up.reading(), into: &act)
  }
}

/// The gradients of gate and up, (rows, F), in their places, from dy (rows, C) behind the down projection
/// W (C, F): dAct = dy·W, taken while it is in the cache.
package func gatedUnitBackward(
  _ dy: MatrixView, down weight: WeightMatrix, gate: inout Tensor, up: inout Tensor,
  _ activation: Activation
) {
  var gateView = gate.mutableView
  var upView = up.mutableView
  let tiles = ProductTiling.tiles(dy.rows, weight, .plain)
  parallelTiles(&gateView, tiles, &upView, tiles) { index, gate, up in
    let tile = tiles[index]
    let panels = PanelMatrix(weight, .plain, columns: tile.columns)
    var dAct = Tensor(rows: ProductTiling.rows, columns: tile.columns.count)
    for block in EqualPieces(tile.rows.count, limit: ProductTiling.rows).ranges {
      var whole = dAct.mutableView
      var dActBlock = whole.slice(rows: 0..<block.count)
      var gateBlock = gate.slice(rows: block)
      var upBlock = up.slice(rows: block)
      let input = dy.slice(rows: block.shifted(by: tile.rows.lowerBound))
      multiply(input, panels.view, into: &dActBlock)
      gatedBackward(activation, dActBlock.reading(), gate: &gateBlock, up: &upBlock)
    }
  }
}

/// y = activation(gate) ∘ up on one core (Shazeer 2020, arXiv 2002.05202); all (rows, F).
package func gated(
  _ activation: Activation, gate: MatrixView, up: MatrixView, into y: inout MutableMatrixView
) {
  precondition(gate.rows == up.rows && gate.columns == up.columns && gate.rows == y.rows)
  for r in 0..<y.rows {
    var out = y.row(r)
    VectorMath.gated(activation, gate: gate.row(r), up: up.row(r), into: &out)
  }
}

/// Replaces gate and up by their gradients for dy, on one core.
///
/// Both activations are gate ∘ s with s = sigmoid(a(gate)), so that dup = dy ∘ gate ∘ s and
/// dgate = dy ∘ up ∘ s ∘ (1 + gate ∘ (1 − s) ∘ a′(gate)); a is the identity for SiLU. All (rows, F).
package func gatedBackward(
  _ activation: Activation, _ dy: MatrixView, gate: inout MutableMatrixView,
  up: inout MutableMatrixView
) {
  precondition(gate.rows == dy.rows && up.rows == dy.rows && gate.columns == dy.columns)
  for r in 0..<dy.rows {
    var g = gate.row(r)
    var u = up.row(r)
    VectorMath.gatedBackward(activation, dy.row(r), gate: &g, up: &u)
  }
}
