/// y = x / √(mean x² + ε) ∘ w, row by row (Zhang & Sennrich 2019, arXiv 1910.07467).
///
/// x and y are (rows, C), w is (C).
package func rmsNorm(_ x: MatrixView, weight: [Float], epsilon: Float) -> Tensor {
  var y = Tensor(rows: x.rows, columns: x.columns)
  var view = y.mutableView
  view.parallelRows(rowsPerTask(x.columns)) { rows, block in
    for r in rows {
      var out = block.row(r - rows.lowerBound)
      VectorMath.rmsNorm(x.row(r), weight: weight.span, epsilon: epsilon, into: &out)
    }
  }
  return y
}

/// dx += rstd · (w ∘ dy) − x · rstd³/C · Σ w·dy·x, with rstd recomputed from x.
///
/// dy, x and dx are (rows, C).
package func rmsNormBackward(
  _ dy: MatrixView, x: MatrixView, weight: [Float], epsilon: Float,
  addingTo dx: inout MutableMatrixView
) {
  precondition(dx.rows == x.rows && dy.rows == x.rows, "\(dy.rows), \(x.rows), \(dx.rows) rows")
  dx.parallelRows(rowsPerTask(x.columns)) { rows, block in
    for r in rows {
      var out = block.row(r - rows.lowerBound)
      VectorMath.rmsNormBackward(
        dy.row(r), x: x.row(r), weight: weight.span, epsilon: epsilon, addingTo: &out)
    }
  }
}

/// Rows of `columns` floats that make about 20 µs of element-wise work.
func rowsPerTask(_ columns: Int) -> Int { max(1, 65_536 / max(columns, 1)) }
