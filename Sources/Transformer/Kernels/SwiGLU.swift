/// y = silu(gate) ∘ up on one core (Shazeer 2020, arXiv 2002.05202); all (rows, F).
package func swiglu(gate: MatrixView, up: MatrixView, into y: inout MutableMatrixView) {
  precondition(gate.rows == up.rows && gate.columns == up.columns && gate.rows == y.rows)
  for r in 0..<y.rows {
    var out = y.row(r)
    VectorMath.swiglu(gate: gate.row(r), up: up.row(r), into: &out)
  }
}

/// Replaces gate and up by their gradients for dy, on one core.
///
/// With s = sigmoid(gate), dup = dy ∘ gate ∘ s and dgate = dy ∘ up ∘ s ∘ (1 + gate ∘ (1 − s)). All (rows, F).
package func swigluBackward(
  _ dy: MatrixView, gate: inout MutableMatrixView, up: inout MutableMatrixView
) {
  precondition(gate.rows == dy.rows && up.rows == dy.rows && gate.columns == dy.columns)
  for r in 0..<dy.rows {
    var g = gate.row(r)
    var u = up.row(r)
    VectorMath.swigluBackward(dy.row(r), gate: &g, up: &u)
  }
}
