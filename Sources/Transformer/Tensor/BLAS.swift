import COpenBLAS

/// Whether a matrix takes part in a product as it stands or transposed.
package enum Operand {
  case plain
  case transposed
}

/// C = α·A·op(B) + β·C on one core: A (M, N'), B (N', N) or transposed (N, N'), C (M, N).
func gemm(
  _ a: MatrixView, _ b: MatrixView, _ operand: Operand = .plain, into c: inout MutableMatrixView,
  alpha: Float = 1, beta: Float = 0
) {
  let inner = operand == .plain ? b.rows : b.columns
  let outer = operand == .plain ? b.columns : b.rows
  precondition(
    a.columns == inner && c.rows == a.rows && c.columns == outer,
    "\(a.rows)×\(a.columns) by \(inner)×\(outer) into \(c.rows)×\(c.columns)")
  guard c.rows > 0 && c.columns > 0 else { return }
  unsafe cblas_sgemm(
    CblasRowMajor, CblasNoTrans, operand == .plain ? CblasNoTrans : CblasTrans, blasint(c.rows),
    blasint(c.columns), blasint(inner), alpha, a.base, blasint(a.stride), b.base,
    blasint(b.stride), beta, c.base, blasint(c.stride))
}

/// C += Aᵀ·B on one core: A (M, P), B (M, N), C (P, N).
func gemmTransposedLeft(_ a: MatrixView, _ b: MatrixView, addingTo c: inout MutableMatrixView) {
  precondition(
    a.rows == b.rows && c.rows == a.columns && c.columns == b.columns,
    "(\(a.rows)×\(a.columns))ᵀ by \(b.rows)×\(b.columns) into \(c.rows)×\(c.columns)")
  guard c.rows > 0 && c.columns > 0 && a.rows > 0 else { return }
  unsafe cblas_sgemm(
    CblasRowMajor, CblasTrans, CblasNoTrans, blasint(c.rows), blasint(c.columns), blasint(a.rows),
    1, a.base, blasint(a.stride), b.base, blasint(b.stride), 1, c.base, blasint(c.stride))
}

/// C = A·op(B) + β·C on all cores, cut into tiles that depend on the shapes alone.
///
/// Many rows are cut into blocks of whole rows, a multiple of four of them: OpenBLAS copies both
/// operands of every call into its own layout, and a block that spans all columns copies A only
/// once. Few rows are cut by columns.
package func matmul(
  _ a: MatrixView, _ b: MatrixView, _ operand: Operand, into c: inout MutableMatrixView,
  beta: Float = 0
) {
  let isTall = c.rows > 256
  let blocks = (c.rows + 1023) / 1024 * 4
  let rows = EqualPieces(
    c.rows, limit: isTall ? max(1, (c.rows + blocks - 1) / blocks) : max(c.rows, 1))
  let columns = EqualPieces(
    c.columns, limit: isTall ? max(c.columns, 1) : max(64, c.columns / 8), multiple: 16)
  c.parallelTiles(rows: rows, columns: columns) { rows, columns, tile in
    let left = a.slice(rows: rows)
    let right =
      operand == .plain
      ? b.slice(rows: 0..<b.rows, columns: columns) : b.slice(rows: columns)
    gemm(left, right, operand, into: &tile, beta: beta)
  }
}
