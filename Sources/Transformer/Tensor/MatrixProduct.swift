import CVectorMath

/// C = A·B, or C += A·B, on one core: A (m, k), B (k, n), C (m, n).
///
/// With the kernels of this package an element's bits depend on its row of A, its column of B and the CPU
/// alone, not on how a product is cut. OpenBLAS has other sums for some sizes and places of a tile.
func multiply(
  _ a: MatrixView, _ b: PanelView, into c: inout MutableMatrixView, adding: Bool = false
) {
  precondition(
    a.columns == b.rows && c.rows == a.rows && c.columns == b.columns,
    "\(a.rows)×\(a.columns) by \(b.rows)×\(b.columns) into \(c.rows)×\(c.columns)")
  unsafe multiply(a.base, row: a.stride, column: 1, b, into: &c, adding: adding)
}

/// C += Aᵀ·B on one core: A (k, m), B (k, n), C (m, n).
func multiply(
  transposing a: MatrixView, _ b: PanelView, addingTo c: inout MutableMatrixView
) {
  precondition(
    a.rows == b.rows && c.rows == a.columns && c.columns == b.columns,
    "(\(a.rows)×\(a.columns))ᵀ by \(b.rows)×\(b.columns) into \(c.rows)×\(c.columns)")
  unsafe multiply(a.base, row: 1, column: a.stride, b, into: &c, adding: true)
}

/// Element (i, p) of A is `i * row + p * column` floats behind `a`.
@unsafe private func multiply(
  _ a: UnsafePointer<Float>, row: Int, column: Int, _ b: PanelView,
  into c: inout MutableMatrixView, adding: Bool
) {
  let (layout, isAdding): (PanelLayout, Int32) = (b.layout, adding ? 1 : 0)
  if layout.kernels == .openBLAS {
    unsafe zz_blas_multiply(
      c.rows, c.columns, b.rows, a, row, column, b.base, layout.row, layout.column, c.base,
      c.stride, isAdding)
  } else {
    unsafe zz_multiply(
      layout.kernels.rawValue, c.rows, c.columns, b.rows, a, row, column, b.base, layout.panel,
      layout.row, c.base, c.stride, isAdding)
  }
}

/// C = X·Wᵀ, or C +=, on one core for a few rows of X: each weight is read once, as it is stored.
func multiplyRows(
  _ x: MatrixView, _ weight: WeightMatrix, rows wanted: Range<Int>,
  into c: inout MutableMatrixView, adding: Bool
) {
  precondition(
    x.columns == weight.columns && c.rows == x.rows && c.columns == wanted.count
      && wanted.upperBound <= weight.rows)
  let (kernels, isAdding): (ProductKernels, Int32) = (.current, adding ? 1 : 0)
  let first = unsafe weight.address(row: wanted.lowerBound)
  switch (kernels, weight.type) {
  case (.openBLAS, .float32):
    unsafe zz_blas_multiply_rows(
      first?.assumingMemoryBound(to: Float.self), wanted.count, weight.columns, weight.columns,
      x.base, x.stride, x.rows, c.base, c.stride, isAdding)
  case (.openBLAS, _): multiplyWidenedRows(x, weight, rows: wanted, into: &c, adding: adding)
  default:
    unsafe zz_multiply_rows(
      kernels.rawValue, weight.kernelType, first, wanted.count, weight.columns, weight.columns,
      x.base, x.stride, x.rows, c.base, c.stride, isAdding)
  }
}

/// The same of 16-bit weights by OpenBLAS: as many rows at a time are widened as stay in the cache.
private func multiplyWidenedRows(
  _ x: MatrixView, _ weight: WeightMatrix, rows wanted: Range<Int>,
  into c: inout MutableMatrixView, adding: Bool
) {
  let pieces = EqualPieces(wanted.count, limit: max(1, 32_768 / max(weight.columns, 1)))
  var wide = Tensor(rows: pieces.size, columns: weight.columns)
  for piece in pieces.ranges {
    var whole = wide.mutableView
    var rows = whole.slice(rows: 0..<piece.count)
    weight.widen(
      rows: piece.shifted(by: wanted.lowerBound), columns: 0..<weight.columns, into: &rows)
    var out = c.slice(rows: 0..<c.rows, columns: piece)
    multiplyRows(x, rows.reading(), into: &out, adding: adding)
  }
}

/// C = X·Wᵀ, or C +=, on one core for a few rows of X, and W a float32 matrix (n, k).
func multiplyRows(
  _ x: MatrixView, _ w: MatrixView, into c: inout MutableMatrixView, adding: Bool = false
) {
  precondition(x.columns == w.columns && c.rows == x.rows && c.columns == w.rows)
  let (kernels, isAdding): (ProductKernels, Int32) = (.current, adding ? 1 : 0)
  if kernels == .openBLAS {
    unsafe zz_blas_multiply_rows(
      w.base, w.rows, w.columns, w.stride, x.base, x.stride, x.rows, c.base, c.stride, isAdding)
  } else {
    unsafe zz_multiply_rows(
      kernels.rawValue, ZZ_FLOAT32, w.base, w.rows, w.columns, w.stride, x.base, x.stride, x.rows,
      c.base, c.stride, isAdding)
  }
}
