import CVectorMath

/// Where the elements of a right side B (k, n) lie, and whose kernels read them there.
///
/// Element (p, j) is `j / 32 * panel + p * row + j % 32 * column` floats behind the first. Our own kernels take
/// panels of 32 columns (`zz_multiply`), OpenBLAS a matrix or a transposed one, in which a panel is 32
/// columns further.
struct PanelLayout {
  let kernels: ProductKernels
  let panel: Int
  let row: Int
  let column: Int

  /// Panels one behind the other, of `rows` rows each.
  static func packed(_ kernels: ProductKernels, rows: Int) -> PanelLayout {
    PanelLayout(kernels: kernels, panel: rows * PanelView.width, row: PanelView.width, column: 1)
  }

  /// Rows of a matrix, `stride` floats apart.
  static func matrix(_ kernels: ProductKernels, stride: Int) -> PanelLayout {
    PanelLayout(kernels: kernels, panel: PanelView.width, row: stride, column: 1)
  }

  /// Columns of `rows` floats one behind the other: a transposed matrix.
  static func columns(_ kernels: ProductKernels, rows: Int) -> PanelLayout {
    PanelLayout(kernels: kernels, panel: rows * PanelView.width, row: 1, column: rows)
  }
}

/// The right side B (k, n) of a product, for reading.
@safe struct PanelView: ~Escapable {
  let base: UnsafePointer<Float>
  let rows: Int
  let columns: Int
  let layout: PanelLayout

  @_lifetime(immortal)
  @unsafe init(base: UnsafePointer<Float>, rows: Int, columns: Int, layout: PanelLayout) {
    unsafe self.base = base
    self.rows = rows
    self.columns = columns
    self.layout = layout
  }

  /// A matrix as it stands.
  @_lifetime(copy matrix)
  init(_ matrix: MatrixView) {
    let view = unsafe PanelView(
      base: matrix.base, rows: matrix.rows, columns: matrix.columns,
      layout: .matrix(.current, stride: matrix.stride))
    self = unsafe _overrideLifetime(view, copying: matrix)
  }

  /// Columns of a panel.
  static var width: Int { Int(ZZ_PANEL) }
}

/// A packed right side of products, (rows, columns), that owns its panels.
///
/// For OpenBLAS, which packs on its own, they are a copy in float32.
struct PanelMatrix: ~Copyable {
  let rows: Int
  let columns: Int
  private let layout: PanelLayout
  private var panels: Tensor

  /// The transposed `matrix` (columns, rows).
  init(transposing matrix: MatrixView) {
    rows = matrix.columns
    columns = matrix.rows
    let kernels = ProductKernels.current
    if kernels == .openBLAS {
      layout = .columns(kernels, rows: rows)
      panels = Tensor(rows: columns, columns: rows)
      var view = panels.mutableView
      view.copy(matrix)
    } else {
      layout = .packed(kernels, rows: rows)
      panels = Self.panels(rows: rows, columns: columns)
      var span = panels.mutableSpan
      unsafe span.withUnsafeMutableBufferPointer { out in
        unsafe zz_pack_transposed(
          kernels.rawValue, ZZ_FLOAT32, matrix.base, matrix.rows, matrix.columns, matrix.stride,
          out.baseAddress)
      }
    }
  }

  /// The columns `wanted` of a weight W (out, in), (out, wanted), or of Wᵀ, (in, wanted).
  init(_ weight: WeightMatrix, _ operand: Operand, columns wanted: Range<Int>) {
    let (inner, outer) =
      operand == .plain ? (weight.rows, weight.columns) : (weight.columns, weight.rows)
    precondition(wanted.lowerBound >= 0 && wanted.upperBound <= outer, "\(wanted) of \(outer)")
    rows = inner
    columns = wanted.count
    let kernels = ProductKernels.current
    switch (kernels, operand) {
    case (.openBLAS, .plain):
      layout = .matrix(kernels, stride: wanted.count)
      panels = Tensor(rows: inner, columns: wanted.count)
      var view = panels.mutableView
      weight.widen(rows: 0..<inner, columns: wanted, into: &view)
    case (.openBLAS, .transposed):
      layout = .columns(kernels, rows: inner)
      panels = Tensor(rows: wanted.count, columns: inner)
      var view = panels.mutableView
      weight.widen(rows: wanted, columns: 0..<inner, into: &view)
    default:
      layout = .packed(kernels, rows: inner)
      panels = Self.panels(rows: inner, columns: wanted.count)
      pack(weight, operand, wanted)
    }
  }

  private mutating func pack(_ weight: WeightMatrix, _ operand: Operand, _ wanted: Range<Int>) {
    let (level, inner) = (layout.kernels.rawValue, rows)
    var span = panels.mutableSpan
    unsafe span.withUnsafeMutableBufferPointer { out in
      switch operand {
      case .plain:
        unsafe zz_pack(
          level, weight.kernelType, weight.address(row: 0, column: wanted.lowerBound), inner,
          wanted.count, weight.columns, out.baseAddress)
      case .transposed:
        unsafe zz_pack_transposed(
          level, weight.kernelType, weight.address(row: wanted.lowerBound), wanted.count, inner,
          weight.columns, out.baseAddress)
      }
    }
  }

  private static func panels(rows: Int, columns: Int) -> Tensor {
    let count = (columns + PanelView.width - 1) / PanelView.width
    return Tensor(rows: count, columns: rows * PanelView.width)
  }

  /// Some columns, the first of them a multiple of the panel width.
  @_lifetime(borrow self)
  func view(columns wanted: Range<Int>) -> PanelView {
    precondition(
      wanted.lowerBound % PanelView.width == 0 && wanted.lowerBound >= 0
        && wanted.upperBound <= columns, "columns \(wanted) of \(columns)")
    let matrix = panels.view
    let view = unsafe PanelView(
      base: matrix.base + wanted.lowerBound / PanelView.width * layout.panel, rows: rows,
      columns: wanted.count, layout: layout)
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
  var kernelType: zz_type {
    switch type {
    case .float32: ZZ_FLOAT32
    case .float16: ZZ_FLOAT16
    case .bfloat16: ZZ_BFLOAT16
    }
  }

  /// Where an element is stored.
  @unsafe func address(row: Int, column: Int = 0) -> UnsafeRawPointer? {
    precondition(row >= 0 && row <= rows && column >= 0 && column <= columns)
    return unsafe storage.bytes.baseAddress.map {
      unsafe $0 + byteOffset + (row * columns + column) * type.byteCount
    }
  }
}
