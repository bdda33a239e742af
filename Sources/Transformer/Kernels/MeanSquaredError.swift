/// Mean of (x − target)², and its gradient for x.
package struct MeanSquaredError: ~Copyable {
  /// The mean over rows and columns.
  package let value: Double
  /// 2·(x − target)/n of the n elements, (rows, columns).
  package let gradient: Tensor

  /// Of x and target, (rows, columns) each.
  package init(_ x: MatrixView, target: MatrixView) {
    let count = Double(x.rows * x.columns)
    var difference = Tensor(rows: x.rows, columns: x.columns)
    var total = 0.0
    do {
      var view = difference.mutableView
      for r in 0..<x.rows {
        var row = view.row(r)
        VectorMath.blend(x.row(r), 1, target.row(r), -1, into: &row)
        total += Double(VectorMath.dot(row.span, row.span))
        VectorMath.scale(&row, by: Float(2 / count))
      }
    }
    value = total / count
    gradient = difference
  }
}
