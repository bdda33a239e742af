import CVectorMath

/// The kernels that matrix products run on, chosen for the CPU when the program starts.
public enum ProductKernels {
  /// Their name, for logs and records.
  public static var name: String {
    switch zz_product_level() {
    case 2: "AVX-512 kernels"
    case 1: "AVX2 kernels"
    default: "portable kernels"
    }
  }
}

/// The right side B (k, n) of a product in panels of 32 columns, for reading; see `zz_multiply`.
@safe struct PanelView: ~Escapable {
  let base: UnsafePointer<Float>
  let rows: Int
  let columns: Int
  /// Floats from one panel's start to the next one's, and from one row's to the next one's.
  let panelStride: Int
  let rowStride: Int

  @_lifetime(immortal)
  @unsafe init(
    base: UnsafePointer<Float>, rows: Int, columns: Int, panelStride: Int, rowStride: Int
  ) {
    unsafe self.base = base
    self.rows = rows
    self.columns = columns
    self.panelStride = panelStride
    self.rowStride = rowStride
  }

  /// A matrix as it stands.
  @_lifetime(copy matrix)
  init(_ matrix: MatrixView) {
    let view = unsafe PanelView(
      base: matrix.base, rows: matrix.rows, columns: matrix.columns, panelStride: Self.width,
      rowStride: matrix.stride)
    self = unsafe _overrideLifetime(view, copying: matrix)
  }

  /// Columns of a panel.
  static var width: Int { Int(ZZ_PANEL) }
}

/// A packed right side of products, (rows, columns), that owns its panels.
struct PanelMatrix: ~Copyable {
  let rows: Int
  let columns: Int
  private var panels: Tensor

  private init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    let panelCount = (columns + PanelView.width - 1) / PanelView.width
    panels = Tensor(rows: panelCount, columns: rows * PanelView.width)
  }

  /// The transposed `matrix` (columns, rows).
  init(transposing matrix: MatrixView) {
    self.init(rows: matrix.columns, columns: matrix.rows)
    var span = panels.mutableSpan
    unsafe span.withUnsafeMutableBufferPointer { out in
      unsafe zz_pack_transposed(
        ZZ_FLOAT32, matrix.base, matrix.rows, matrix.columns, matrix.stride, out.baseAddress)
    }
  }

  /// The columns `wanted` of a weight W (out, in), (out, wanted), or of Wᵀ, (in, wanted).
  init(_ weight: WeightMatrix, _ operand: Operand, columns wanted: Range<Int>) {
    let (inner, outer) =
      operand == .plain ? (weight.rows, weight.columns) : (weight.columns, weight.rows)
    precondition(wanted.lowerBound >= 0 && wanted.upperBound <= outer, "\(wanted) of \(outer)")
    self.init(rows: inner, columns: wanted.count)
    var span = panels.mutableSpan
    unsafe span.withUnsafeMutableBufferPointer { out in
      switch operand {
      case .plain:
        unsafe zz_pack(
          weight.kernelType, weight.address(row: 0, column: wanted.lowerBound), inner,
          wanted.count, weight.columns, out.baseAddress)
      case .transposed:
        unsafe zz_pack_transposed(
          weight.kernelType, weight.address(row: wanted.lowerBound), wanted.count, inner,
          weight.columns, out.baseAddress)
      }
    }
  }

  /// Some columns, the first of them a multiple of the panel width.
  @_lifetime(borrow self)
  func view(columns wanted: Range<Int>) -> PanelView {
    precondition(
      wanted.lowerBound % PanelView.width == 0 && wanted.lowerBound >= 0
        && wanted.upperBound <= columns, "columns \(wanted) of \(columns)")
    let matrix = panels.view
    let view = unsafe PanelView(
      base: matrix.base + wanted.lowerBound * rows, rows: rows, columns: wanted.count,
      panelStride: rows * PanelView.width, rowStride: PanelView.width)
    return unsafe _overrideLifetime(view, borrowing: self)
  }

  /// All of it.
  var view: PanelView {
    @_lifetime(borrow self)
    get { view(columns: 0..<columns) }
  }
}

extension WeightMatrix {
  /// The type's name in the kernels.
  fileprivate var kernelType: zz_type {
    switch type {
    case .float32: ZZ_FLOAT32
    case .float16: ZZ_FLOAT16
    case .bfloat16: ZZ_BFLOAT16
    }
  }

  /// Where an element is stored.
  @unsafe fileprivate func address(row: Int, column: Int = 0) -> UnsafeRawPointer? {
    precondition(row >= 0 && row <= rows && column >= 0 && column <= columns)
    return unsafe storage.bytes.baseAddress.map {
      unsafe $0 + byteOffset + (row * columns + column) * type.byteCount
    }
  }
}

/// C = A·B, or C += A·B, on one core: A (m, k), B (k, n), C (m, n).
///
/// An element's bits depend on its row of A, its column of B and the CPU's kernels alone, not on how a
/// product is cut.
func multiply(
  _ a: MatrixView, _ b: PanelView, into c: inout MutableMatrixView, adding: Bool = false
) {
  precondition(
    a.columns == b.rows && c.rows == a.rows && c.columns == b.columns,
    "\(a.rows)×\(a.columns) by \(b.rows)×\(b.columns) into \(c.rows)×\(c.columns)")
  unsafe zz_multiply(
    c.rows, c.columns, b.rows, a.base, a.stride, 1, b.base, b.panelStride, b.rowStride, c.base,
    c.stride, adding ? 1 : 0)
}

/// C += Aᵀ·B on one core: A (k, m), B (k, n), C (m, n).
func multiply(
  transposing a: MatrixView, _ b: PanelView, addingTo c: inout MutableMatrixView
) {
  precondition(
    a.rows == b.rows && c.rows == a.columns && c.columns == b.columns,
    "(\(a.rows)×\(a.columns))ᵀ by \(b.rows)×\(b.columns) into \(c.rows)×\(c.columns)")
  unsafe zz_multiply(
    c.rows, c.columns, b.rows, a.base, 1, a.stride, b.base, b.panelStride, b.rowStride, c.base,
    c.stride, 1)
}

/// C = X·Wᵀ, or C +=, on one core for a few rows of X: each weight is read once, as it is stored.
func multiplyRows(
  _ x: MatrixView, _ weight: WeightMatrix, rows wanted: Range<Int>,
  into c: inout MutableMatrixView, adding: Bool
) {
  precondition(
    x.columns == weight.columns && c.rows == x.rows && c.columns == wanted.count
      && wanted.upperBound <= weight.rows)
  unsafe zz_multiply_rows(
    weight.kernelType, weight.address(row: wanted.lowerBound), wanted.count, weight.columns,
    weight.columns, x.base, x.stride, x.rows, c.base, c.stride, adding ? 1 : 0)
}

/// C = X·Wᵀ on one core for a few rows of X, and W a float32 matrix (n, k).
func multiplyRows(_ x: MatrixView, _ w: MatrixView, into c: inout MutableMatrixView) {
  precondition(x.columns == w.columns && c.rows == x.rows && c.columns == w.rows)
  unsafe zz_multiply_rows(
    ZZ_FLOAT32, w.base, w.rows, w.columns, w.stride, x.base, x.stride, x.rows, c.base, c.stride, 0)
}
