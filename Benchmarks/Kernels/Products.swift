import TestSupport
import Transformer

/// C = A·op(W), or C += A·op(W), on all cores.
struct Product: Kernel, ~Copyable {
  private let a: Tensor
  private let w: WeightMatrix
  private var c: Tensor
  private let start: Tensor
  private let operand: Operand
  private let adding: Bool

  /// C (rows, columns) from A (rows, inner) and W, (columns, inner) if transposed, else (inner,
  /// columns).
  init(
    _ rows: Int, _ columns: Int, _ inner: Int, _ operand: Operand, adding: Bool = false,
    type: ElementType = .float32
  ) {
    a = .random(rows, inner, seed: 1)
    w = .random(
      operand == .transposed ? columns : inner, operand == .transposed ? inner : columns, type,
      seed: 2)
    start = .random(rows, columns, seed: 3)
    c = start.duplicate()
    self.operand = operand
    self.adding = adding
  }

  /// One row is bound by fetching W, more by arithmetic.
  var work: Work {
    a.rows == 1
      ? .bytes(a.byteCount + w.rows * w.columns * w.type.byteCount + c.byteCount)
      : .operations(2 * c.rows * c.columns * a.columns)
  }

  mutating func prepare() { if adding { c.assign(start) } }

  mutating func run() { Self.multiply(a, w, operand, into: &c, adding: adding) }

  private static func multiply(
    _ a: borrowing Tensor, _ w: WeightMatrix, _ operand: Operand, into c: inout Tensor,
    adding: Bool
  ) {
    var view = c.mutableView
    matmul(a.view, w, operand, into: &view, adding: adding)
  }

  func difference() -> String? {
    var w = w.widened().matrix
    if operand == .plain { w = Oracle.transposed(w) }
    let product = Oracle.linear(a.matrix, w)
    let expected = zip(product, start.matrix).map { row, old in
      zip(row, old).map { $0 + (adding ? $1 : 0) }
    }
    return KernelBenchmarks.difference(c, expected, tolerance: 1e-5)
  }
}

extension WeightMatrix {
  /// Random weights within ±1 as they are stored in a model file, the same for the same seed.
  static func random(
    _ rows: Int, _ columns: Int, _ type: ElementType, seed: UInt64
  ) -> WeightMatrix {
    WeightMatrix(rounding: Tensor.random(rows, columns, seed: seed).matrix, to: type)
  }
}

/// The projections of the reference model, forward and backward, and one row as in decoding.
func registerProducts() {
  let (c, f) = (Reference135M.hidden, Reference135M.feedForward)
  func register(
    _ name: String, _ columns: Int, _ inner: Int, _ operand: Operand, adding: Bool = false,
    type: ElementType = .float32
  ) {
    let (rows, few) = (Reference135M.tokens, Reference135M.fewTokens)
    KernelBenchmarks.register("product, \(name)") {
      Product(few, columns, inner, operand, adding: adding, type: type)
    } large: {
      Product(rows, columns, inner, operand, adding: adding, type: type)
    }
  }
  register("q, x·Wᵀ", Reference135M.queryWidth, c, .transposed)
  register("k, x·Wᵀ", Reference135M.keyWidth, c, .transposed)
  register("up, x·Wᵀ", f, c, .transposed)
  register("up of float16, x·Wᵀ", f, c, .transposed, type: .float16)
  register("up of bfloat16, x·Wᵀ", f, c, .transposed, type: .bfloat16)
  register("down, y + x·Wᵀ", c, f, .transposed, adding: true)
  register("up backward, dy·W", c, f, .plain)
  register("down backward, dy·W", f, c, .plain)
  register("down backward of bfloat16, dy·W", f, c, .plain, type: .bfloat16)
  for type in ElementType.allCases {
    KernelBenchmarks.register("product, up of \(type.rawValue), one row") {
      Product(1, f, c, .transposed, type: type)
    } large: {
      Product(1, f, c, .transposed, type: type)
    }
  }
}
