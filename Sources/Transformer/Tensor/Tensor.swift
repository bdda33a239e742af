/// A row-major matrix of float32 that owns its 64-byte aligned storage.
///
/// A new tensor's values are undefined until written, unless it is made with ``zeros(rows:columns:)``.
/// Storage comes from, and goes back to, a pool, so that the buffers of one step are the buffers of
/// the next.
@safe package struct Tensor: ~Copyable, @unchecked Sendable {
  /// Number of rows.
  package let rows: Int
  /// Number of columns.
  package let columns: Int
  private let block: BlockPool.Block

  /// A tensor of undefined values.
  package init(rows: Int, columns: Int) {
    precondition(rows >= 0 && columns >= 0, "tensor of \(rows)×\(columns)")
    self.rows = rows
    self.columns = columns
    block = BlockPool.shared.take(floats: rows * columns)
  }

  /// A tensor of zeros.
  package static func zeros(rows: Int, columns: Int) -> Tensor {
    let tensor = Tensor(rows: rows, columns: columns)
    unsafe tensor.block.start.initialize(repeating: 0, count: rows * columns)
    return tensor
  }

  /// A tensor of the given values, row-major.
  package init(rows: Int, columns: Int, values: [Float]) {
    precondition(values.count == rows * columns, "\(values.count) values for \(rows)×\(columns)")
    self.init(rows: rows, columns: columns)
    unsafe values.withUnsafeBufferPointer { source in
      guard let start = source.baseAddress else { return }
      unsafe block.start.update(from: start, count: source.count)
    }
  }

  deinit { BlockPool.shared.give(back: block) }

  /// All values, row after row.
  package var span: Span<Float> {
    @_lifetime(borrow self)
    get {
      unsafe _overrideLifetime(
        Span(_unsafeStart: UnsafePointer(block.start), count: rows * columns), borrowing: self)
    }
  }

  /// All values, row after row, for writing.
  package var mutableSpan: MutableSpan<Float> {
    @_lifetime(&self)
    mutating get {
      unsafe _overrideLifetime(
        MutableSpan(_unsafeStart: block.start, count: rows * columns), mutating: &self)
    }
  }

  /// The matrix, for reading.
  package var view: MatrixView {
    @_lifetime(borrow self)
    get {
      let view = unsafe MatrixView(
        base: UnsafePointer(block.start), rows: rows, columns: columns, stride: columns)
      return unsafe _overrideLifetime(view, borrowing: self)
    }
  }

  /// The matrix, for writing.
  package var mutableView: MutableMatrixView {
    @_lifetime(&self)
    mutating get {
      let view = unsafe MutableMatrixView(
        base: block.start, rows: rows, columns: columns, stride: columns)
      return unsafe _overrideLifetime(view, mutating: &self)
    }
  }

  /// A copy of the values, row after row.
  package var values: [Float] {
    let span = span
    return unsafe [Float](unsafeUninitializedCapacity: span.count) { buffer, count in
      for i in span.indices { unsafe buffer[i] = span[i] }
      count = span.count
    }
  }

  /// Another tensor of the same values, in the same or another shape of as many elements.
  func copy(rows: Int? = nil, columns: Int? = nil) -> Tensor {
    let copy = Tensor(rows: rows ?? self.rows, columns: columns ?? self.columns)
    let count = self.rows * self.columns
    precondition(copy.rows * copy.columns == count, "\(copy.rows)×\(copy.columns)")
    unsafe copy.block.start.update(from: block.start, count: count)
    return copy
  }

  /// A copy of some rows, in their order.
  package func gathering(_ wanted: [Int]) -> Tensor {
    var result = Tensor(rows: wanted.count, columns: columns)
    for (target, source) in wanted.enumerated() { result.setRow(target, view.row(source)) }
    return result
  }

  /// Replaces the rows from `first` on by those of `other`.
  package mutating func setRows(from first: Int, _ other: borrowing Tensor) {
    for row in 0..<other.rows { setRow(first + row, other.view.row(row)) }
  }

  /// Replaces one row.
  mutating func setRow(_ index: Int, _ values: Span<Float>) {
    precondition(index >= 0 && index < rows && values.count == columns, "row \(index) of \(rows)")
    for i in values.indices { unsafe block.start[index * columns + i] = values[i] }
  }
}

extension Tensor {
  /// For each of `rows`, Σ (x − y)² and Σ y², x being this matrix and y `other`.
  package func squaredDistances(
    to other: borrowing Tensor, rows: [Int]
  ) -> [(distance: Double, square: Double)] {
    var difference = Tensor(rows: 1, columns: columns)
    var found: [(distance: Double, square: Double)] = []
    for row in rows {
      var view = difference.mutableView
      var target = view.row(0)
      VectorMath.blend(self.view.row(row), 1, other.view.row(row), -1, into: &target)
      let square = VectorMath.dot(other.view.row(row), other.view.row(row))
      found.append((Double(VectorMath.dot(target.span, target.span)), Double(square)))
    }
    return found
  }
}
