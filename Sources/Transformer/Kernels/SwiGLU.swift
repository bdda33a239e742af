/// y = silu(gate) ∘ up (Shazeer 2020, arXiv 2002.05202); all (rows, F).
package func swiglu(gate: MatrixView, up: MatrixView) -> Tensor {
  precondition(gate.rows == up.rows && gate.columns == up.columns)
  var y = Tensor(rows: gate.rows, columns: gate.columns)
  var view = y.mutableView
  view.parallelRows(rowsPerTask(gate.columns)) { rows, block in
    for r in rows {
      var out = block.row(r - rows.lowerBound)
      VectorMath.swiglu(gate: gate.row(r), up: up.row(r), into: &out)
    }
  }
  return y
}

/// Replaces gate and up by their gradients for dy.
///
/// With s = sigmoid(gate), dup = dy ∘ gate ∘ s and dgate = dy ∘ up ∘ s ∘ (1 + gate ∘ (1 − s)). All (rows, F).
package func swigluBackward(
  _ dy: MatrixView, gate: inout MutableMatrixView, up: inout MutableMatrixView
) {
  precondition(gate.rows == dy.rows && up.rows == dy.rows && gate.columns == dy.columns)
  let pieces = EqualPieces(dy.rows, limit: rowsPerTask(dy.columns))
  let tiles = (0..<pieces.pieces).map { Tile(rows: pieces[$0], columns: 0..<dy.columns) }
  parallelTiles(&gate, tiles, &up, tiles) { index, gateBlock, upBlock in
    for (i, r) in pieces[index].enumerated() {
      var g = gateBlock.row(i)
      var u = upBlock.row(i)
      VectorMath.swigluBackward(dy.row(r), gate: &g, up: &u)
    }
  }
}
