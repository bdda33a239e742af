import Transformer

extension WeightMatrix {
  /// All values as float32, (rows, columns).
  package func widened() -> Tensor {
    var result = Tensor(rows: rows, columns: columns)
    var view = result.mutableView
    for r in 0..<rows {
      var out = view.row(r)
      widen(row: r, into: &out)
    }
    return result
  }
}
