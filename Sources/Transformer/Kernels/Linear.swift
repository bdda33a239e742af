import CVectorMath

extension WeightMatrix {
  /// One row as float32; exact.
  package func widen(row: Int, into out: inout MutableSpan<Float>) {
    precondition(row >= 0 && row < rows && out.count == columns, "row \(row) of \(rows)")
    unsafe out.withUnsafeMutableBufferPointer { out in
      guard let target = out.baseAddress else { return }
      unsafe widen(row: row, column: 0, count: columns, into: target)
    }
  }

  /// A rectangle as float32; exact.
  func widen(rows wanted: Range<Int>, columns across: Range<Int>, into out: inout MutableMatrixView)
  {
    precondition(out.rows == wanted.count && out.columns == across.count)
    for (index, row) in wanted.enumerated() {
      unsafe widen(
        row: row, column: across.lowerBound, count: across.count,
        into: out.base + index * out.stride)
    }
  }

  @unsafe private func widen(
    row: Int, column: Int, count: Int, into target: UnsafeMutablePointer<Float>
  ) {
    guard let start = unsafe address(row: row, column: column) else { return }
    switch type {
    case .float32:
      unsafe target.update(from: start.assumingMemoryBound(to: Float.self), count: count)
    case .float16:
      unsafe zz_widen_float16(start.assumingMemoryBound(to: UInt16.self), target, count)
    case .bfloat16:
      unsafe zz_widen_bfloat16(start.assumingMemoryBound(to: UInt16.self), target, count)
    }
  }
}

/// Whether a weight takes part in a product as it stands, (out, in), or transposed.
package enum Operand {
  case plain
  case transposed
}

/// How the product of many rows and a weight is cut: each task packs some columns of the right side
/// once, into the second-level cache, and multiplies its rows by them.
///
/// With the kernels of this package a cut changes no result, and suits the number of cores. With OpenBLAS it
/// changes last bits, and depends on the sizes alone.
enum ProductTiling {
  /// Rows multiplied before the next ones, where something is done with the result while it is hot.
  static let rows = 112
  /// At most so many rows are multiplied straight from the stored weights.
  static let few = 8

  /// Room for `count` rows that are to have the same bits in whatever company.
  ///
  /// Few rows have products of their own, of other last bits, so that rows of zeros make them many.
  static func room(_ count: Int, columns: Int) -> Tensor {
    count > few
      ? Tensor(rows: count, columns: columns) : .zeros(rows: few + 1, columns: columns)
  }

  private static var isFixed: Bool { ProductKernels.current == .openBLAS }

  /// Wide pieces use what is copied or fetched of A more often; six tasks for each core end together.
  static func columns(_ count: Int) -> EqualPieces {
    let even = min(max(count / (6 * Parallelism.cores), 96), 384)
    let width = isFixed ? 384 : even
    return EqualPieces(count, limit: width, multiple: PanelView.width)
  }

  /// Pieces of the rows: one, unless the columns alone do not keep all cores at work to the end.
  ///
  /// Every task packs anew, so that fewer are better.
  static func rows(_ count: Int, across: EqualPieces) -> EqualPieces {
    if isFixed { return EqualPieces(count, limit: 256) }
    let wanted = (3 * Parallelism.cores + across.pieces - 1) / max(across.pieces, 1)
    let pieces = max(1, min(wanted, count / rows))
    return EqualPieces(count, limit: max(1, (count + pieces - 1) / pieces))
  }

  /// The columns of x·Wᵀ where x has few rows, so that the time is that of reading W: pieces worth a
  /// task, but no more than four for each core.
  static func columnsOfFewRows(_ weight: WeightMatrix) -> EqualPieces {
    let bytes = weight.columns * weight.type.byteCount
    let tasks = isFixed ? 64 : 4 * Parallelism.cores
    return EqualPieces(
      weight.rows, limit: max(131_072 / max(bytes, 1), (weight.rows + tasks - 1) / tasks, 16),
      multiple: 4)
  }

  /// The tasks of the product of `rowCount` rows and a weight.
  static func tiles(_ rowCount: Int, _ weight: WeightMatrix, _ operand: Operand) -> [Tile] {
    let columnCount = operand == .plain ? weight.columns : weight.rows
    let isFew = operand == .transposed && rowCount <= few
    let across = isFew ? columnsOfFewRows(weight) : columns(columnCount)
    let down =
      isFew ? EqualPieces(rowCount, limit: few) : ProductTiling.rows(rowCount, across: across)
    return down.ranges.flatMap { rows in across.ranges.map { Tile(rows: rows, columns: $0) } }
  }
}

/// C = A·op(W), or C +=, on all cores: A (rows, in) and Wᵀ (in, out), or A (rows, out) and W (out, in).
package func matmul(
  _ a: MatrixView, _ weight: WeightMatrix, _ operand: Operand, into c: inout MutableMatrixView,
  adding: Bool = false
) {
  let tiles = ProductTiling.tiles(a.rows, weight, operand)
  c.parallelTiles(tiles) { tile, out in
    multiply(a, weight, operand, tile, into: &out, adding: adding)
  }
}

/// One task of a product: the rectangle `tile` of A·op(W).
func multiply(
  _ a: MatrixView, _ weight: WeightMatrix, _ operand: Operand, _ tile: Tile,
  into c: inout MutableMatrixView, adding: Bool = false
) {
  if operand == .transposed && a.rows <= ProductTiling.few {
    multiplyRows(a, weight, rows: tile.columns, into: &c, adding: adding)
  } else {
    let block = PanelMatrix(weight, operand, columns: tile.columns)
    multiply(a.slice(rows: tile.rows), block.view, into: &c, adding: adding)
  }
}

/// Three products in one parallel loop: q = queries·Wqᵀ, k = keys·Wkᵀ and v = keys·Wvᵀ, with their
/// biases; queries (output, C), keys (input, C).
func linear(queries: MatrixView, keys: MatrixView, _ layer: LayerWeights) -> QueryKeyValue {
  var q = Tensor(rows: queries.rows, columns: layer.wq.rows)
  var k = Tensor(rows: keys.rows, columns: layer.wk.rows)
  var v = Tensor(rows: keys.rows, columns: layer.wv.rows)
  do {
    var qView = q.mutableView
    var kView = k.mutableView
    var vView = v.mutableView
    parallelTiles(
      &qView, ProductTiling.tiles(queries.rows, layer.wq, .transposed),
      &kView, ProductTiling.tiles(keys.rows, layer.wk, .transposed),
      &vView, ProductTiling.tiles(keys.rows, layer.wv, .transposed)
    ) { which, tile, out in
      switch which {
      case 0: multiply(queries, layer.wq, .transposed, tile, into: &out)
      case 1: multiply(keys, layer.wk, .transposed, tile, into: &out)
      default: multiply(keys, layer.wv, .transposed, tile, into: &out)
      }
    }
    if let biases = layer.biases {
      addBias(biases.q, to: &qView)
      addBias(biases.k, to: &kView)
      addBias(biases.v, to: &vView)
    }
  }
  return QueryKeyValue(q: q, k: k, v: v)
}

/// y = x · Wᵀ: x (rows, in), W (out, in), y (rows, out).
func linear(_ x: MatrixView, _ weight: WeightMatrix) -> Tensor {
  var y = Tensor(rows: x.rows, columns: weight.rows)
  var view = y.mutableView
  matmul(x, weight, .transposed, into: &view)
  return y
}

/// y += x · Wᵀ: the residual sum of a projection.
func linear(_ x: MatrixView, _ weight: WeightMatrix, addingTo y: inout MutableMatrixView) {
  matmul(x, weight, .transposed, into: &y, adding: true)
}

/// dx = dy · W, or dx +=: the gradient of ``linear(_:_:)`` for its input; weights are frozen and get
/// none.
func linearBackward(
  _ dy: MatrixView, _ weight: WeightMatrix, into dx: inout MutableMatrixView, adding: Bool = false
) {
  matmul(dy, weight, .plain, into: &dx, adding: adding)
}

/// y += bias, row by row.
func addBias(_ bias: [Float], to y: inout MutableMatrixView) {
  y.parallelRows(rowsPerTask(y.columns)) { _, block in
    for r in 0..<block.rows {
      var row = block.row(r)
      VectorMath.add(bias.span, to: &row)
    }
  }
}
