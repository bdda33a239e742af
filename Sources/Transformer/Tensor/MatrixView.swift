/// A rectangle of a float32 matrix, for reading; cannot outlive what it looks at.
@safe package struct MatrixView: ~Escapable {
  let base: UnsafePointer<Float>
  /// Number of rows.
  package let rows: Int
  /// Number of columns.
  package let columns: Int
  /// Floats from one row's start to the next one's.
  package let stride: Int

  @_lifetime(immortal)
  @unsafe init(base: UnsafePointer<Float>, rows: Int, columns: Int, stride: Int) {
    unsafe self.base = base
    self.rows = rows
    self.columns = columns
    self.stride = stride
  }

  /// Row `index`.
  @_lifetime(copy self)
  package func row(_ index: Int) -> Span<Float> {
    precondition(index >= 0 && index < rows, "row \(index) of \(rows)")
    let span = unsafe Span(_unsafeStart: base + index * stride, count: columns)
    return unsafe _overrideLifetime(span, copying: self)
  }

  /// The rectangle of `rows` and `columns` (all columns if nil).
  @_lifetime(copy self)
  package func slice(rows range: Range<Int>, columns wanted: Range<Int>? = nil) -> MatrixView {
    let across = wanted ?? 0..<columns
    precondition(
      range.lowerBound >= 0 && range.upperBound <= rows && across.lowerBound >= 0
        && across.upperBound <= columns,
      "slice \(range) × \(across) of \(rows)×\(columns)")
    let view = unsafe MatrixView(
      base: base + range.lowerBound * stride + across.lowerBound, rows: range.count,
      columns: across.count, stride: stride)
    return unsafe _overrideLifetime(view, copying: self)
  }
}

/// A rectangle of a float32 matrix, for writing; cannot outlive what it looks at.
@safe package struct MutableMatrixView: ~Copyable, ~Escapable {
  let base: UnsafeMutablePointer<Float>
  /// Number of rows.
  package let rows: Int
  /// Number of columns.
  package let columns: Int
  /// Floats from one row's start to the next one's.
  package let stride: Int

  @_lifetime(immortal)
  @unsafe init(base: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int) {
    unsafe self.base = base
    self.rows = rows
    self.columns = columns
    self.stride = stride
  }

  /// Row `index`.
  @_lifetime(&self)
  package mutating func row(_ index: Int) -> MutableSpan<Float> {
    precondition(index >= 0 && index < rows, "row \(index) of \(rows)")
    let span = unsafe MutableSpan(_unsafeStart: base + index * stride, count: columns)
    return unsafe _overrideLifetime(span, mutating: &self)
  }

  /// The rectangle of `rows` and `columns` (all columns if nil).
  @_lifetime(&self)
  package mutating func slice(
    rows range: Range<Int>, columns wanted: Range<Int>? = nil
  ) -> MutableMatrixView {
    let across = wanted ?? 0..<columns
    precondition(
      range.lowerBound >= 0 && range.upperBound <= rows && across.lowerBound >= 0
        && across.upperBound <= columns,
      "slice \(range) × \(across) of \(rows)×\(columns)")
    let view = unsafe MutableMatrixView(
      base: base + range.lowerBound * stride + across.lowerBound, rows: range.count,
      columns: across.count, stride: stride)
    return unsafe _overrideLifetime(view, mutating: &self)
  }

  /// The same rectangle, for reading.
  @_lifetime(borrow self)
  package func reading() -> MatrixView {
    let view = unsafe MatrixView(
      base: UnsafePointer(base), rows: rows, columns: columns, stride: stride)
    return unsafe _overrideLifetime(view, borrowing: self)
  }
}

extension MutableMatrixView {
  /// Copies all of `source`, of the same shape.
  mutating func copy(_ source: MatrixView) {
    precondition(
      source.rows == rows && source.columns == columns,
      "\(source.rows)×\(source.columns) into \(rows)×\(columns)")
    for r in 0..<rows {
      unsafe (base + r * stride).update(from: source.base + r * source.stride, count: columns)
    }
  }

  /// Sets everything to `value`.
  mutating func fill(_ value: Float) {
    for r in 0..<rows {
      unsafe (base + r * stride).update(repeating: value, count: columns)
    }
  }
}

extension MatrixView {
  /// The same values as rows of `width`: (rows, n·width) becomes (rows·n, width).
  ///
  /// The rows must lie one behind the other.
  @_lifetime(copy self)
  func split(_ width: Int) -> MatrixView {
    precondition(stride == columns && columns % width == 0, "\(columns) columns by \(width)")
    let view = unsafe MatrixView(
      base: base, rows: rows * columns / width, columns: width, stride: width)
    return unsafe _overrideLifetime(view, copying: self)
  }
}

extension MutableMatrixView {
  /// The same values as rows of `width`; see ``MatrixView/split(_:)``.
  @_lifetime(&self)
  mutating func split(_ width: Int) -> MutableMatrixView {
    precondition(stride == columns && columns % width == 0, "\(columns) columns by \(width)")
    let view = unsafe MutableMatrixView(
      base: base, rows: rows * columns / width, columns: width, stride: width)
    return unsafe _overrideLifetime(view, mutating: &self)
  }
}
