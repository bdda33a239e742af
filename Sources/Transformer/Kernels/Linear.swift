import CVectorMath

extension WeightMatrix {
  /// The values as float32, widened on all cores; exact.
  package func widened() -> Tensor {
    var result = Tensor(rows: rows, columns: columns)
    var view = result.mutableView
    view.parallelRows(rowsPerTask(columns)) { rows, block in
      widen(rows: rows, into: &block)
    }
    return result
  }

  /// Rows `rows` as float32.
  func widen(rows wanted: Range<Int>, into block: inout MutableMatrixView) {
    precondition(wanted.lowerBound >= 0 && wanted.upperBound <= rows, "rows \(wanted) of \(rows)")
    for r in wanted {
      var out = block.row(r - wanted.lowerBound)
      widen(row: r, into: &out)
    }
  }

  /// One row as float32.
  func widen(row: Int, into out: inout MutableSpan<Float>) {
    precondition(row >= 0 && row < rows && out.count == columns, "row \(row) of \(rows)")
    let offset = byteOffset + row * columns * type.byteCount
    unsafe out.withUnsafeMutableBufferPointer { out in
      guard let source = unsafe storage.bytes.baseAddress, let target = out.baseAddress else {
        return
      }
      let start = unsafe source + offset
      switch type {
      case .float32:
        unsafe target.update(from: start.assumingMemoryBound(to: Float.self), count: columns)
      case .float16:
        unsafe zz_widen_float16(start.assumingMemoryBound(to: UInt16.self), target, columns)
      case .bfloat16:
        unsafe zz_widen_bfloat16(start.assumingMemoryBound(to: UInt16.self), target, columns)
      }
    }
  }
}

/// A weight matrix ready for products: float32 where it lies, 16-bit types widened into a buffer.
struct PreparedMatrix: ~Copyable {
  private let weight: WeightMatrix
  private let buffer: Tensor

  init(_ weight: WeightMatrix) {
    self.weight = weight
    buffer = weight.type == .float32 ? Tensor(rows: 0, columns: 0) : weight.widened()
  }

  /// The float32 matrix, (out, in).
  var view: MatrixView {
    @_lifetime(borrow self)
    get {
      guard weight.type == .float32, let start = unsafe weight.storage.bytes.baseAddress else {
        return buffer.view
      }
      let view = unsafe MatrixView(
        base: (start + weight.byteOffset).assumingMemoryBound(to: Float.self),
        rows: weight.rows, columns: weight.columns, stride: weight.columns)
      return unsafe _overrideLifetime(view, borrowing: self)
    }
  }
}

/// y = x · Wᵀ (+ bias): x (rows, in), W (out, in), y (rows, out).
func linear(_ x: MatrixView, _ weight: borrowing PreparedMatrix, bias: [Float]? = nil) -> Tensor {
  let w = weight.view
  var y = Tensor(rows: x.rows, columns: w.rows)
  var view = y.mutableView
  matmul(x, w, .transposed, into: &view)
  if let bias { addBias(bias, to: &view) }
  return y
}

/// y += x · Wᵀ: the residual sum of a projection.
func linear(
  _ x: MatrixView, _ weight: borrowing PreparedMatrix, addingTo y: inout MutableMatrixView
) {
  matmul(x, weight.view, .transposed, into: &y, beta: 1)
}

/// dx = dy · W (or dx += with β = 1): the gradient of ``linear(_:_:bias:)`` for its input; weights are
/// frozen and get none.
func linearBackward(
  _ dy: MatrixView, _ weight: borrowing PreparedMatrix, into dx: inout MutableMatrixView,
  beta: Float = 0
) {
  matmul(dy, weight.view, .plain, into: &dx, beta: beta)
}

private func addBias(_ bias: [Float], to y: inout MutableMatrixView) {
  y.parallelRows(rowsPerTask(y.columns)) { _, block in
    for r in 0..<block.rows {
      var row = block.row(r)
      VectorMath.add(bias.span, to: &row)
    }
  }
}
