/// The student's attention output, a·o_full + (1 − a)·o_stream per key-value head.
///
/// DuoAttention, arXiv 2410.10819, §3.2. full and stream are (rows, H·D); gates (K), each for the G·D columns of its group.
package func mix(full: MatrixView, stream: MatrixView, gates: [Float]) -> Tensor {
  precondition(full.rows == stream.rows && full.columns == stream.columns)
  let width = full.columns / gates.count
  var mixed = Tensor(rows: full.rows, columns: full.columns)
  var view = mixed.mutableView
  view.parallelRows(rowsPerTask(full.columns)) { rows, block in
    for r in rows {
      for (head, gate) in gates.enumerated() {
        let columns = head * width..<(head + 1) * width
        let (f, s) = (
          full.slice(rows: r..<r + 1, columns: columns).row(0),
          stream.slice(rows: r..<r + 1, columns: columns).row(0)
        )
        var one = block.slice(rows: r - rows.lowerBound..<r - rows.lowerBound + 1, columns: columns)
        var out = one.row(0)
        VectorMath.blend(f, gate, s, 1 - gate, into: &out)
      }
    }
  }
  return mixed
}

/// The gradient of ``mix(full:stream:gates:)``.
///
/// Returns da (K) = Σ_rows ⟨dO, o_full − o_stream⟩ and turns dO into (1 − a)·dO, the gradient for
/// o_stream; o_full is the teacher's, a constant.
package func mixBackward(
  _ dO: inout MutableMatrixView, full: MatrixView, stream: MatrixView, gates: [Float]
) -> [Double] {
  precondition(dO.rows == full.rows && dO.rows == stream.rows && dO.columns == full.columns)
  let width = full.columns / gates.count
  let pieces = EqualPieces(dO.rows, limit: 64)
  var partial = Tensor(rows: pieces.pieces, columns: gates.count)
  do {
    var sums = partial.mutableView
    let blocks = (0..<pieces.pieces).map { Tile(rows: pieces[$0], columns: 0..<full.columns) }
    let sumTiles = (0..<pieces.pieces).map {
      Tile(rows: $0..<$0 + 1, columns: 0..<gates.count)
    }
    parallelTiles(&dO, blocks, &sums, sumTiles) { index, block, sum in
      for (head, gate) in gates.enumerated() {
        let columns = head * width..<(head + 1) * width
        var total = 0.0
        for (i, r) in pieces[index].enumerated() {
          let (f, s) = (
            full.slice(rows: r..<r + 1, columns: columns).row(0),
            stream.slice(rows: r..<r + 1, columns: columns).row(0)
          )
          var one = block.slice(rows: i..<i + 1, columns: columns)
          total += Double(VectorMath.dot(one.reading().row(0), f, minus: s))
          var gradient = one.row(0)
          VectorMath.scale(&gradient, by: 1 - gate)
        }
        var row = sum.row(0)
        row[head] = Float(total)
      }
    }
  }
  return gates.indices.map { head in
    (0..<pieces.pieces).reduce(0) { $0 + Double(partial.view.row($1)[head]) }
  }
}
