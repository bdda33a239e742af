import TestSupport
import Transformer

/// C = A·op(B) + β·C on all cores.
///
/// All that depends on the signature of `matmul` is in this file.
struct Product: Kernel, ~Copyable {
  private let a: Tensor
  private let b: Tensor
  private var c: Tensor
  private let start: Tensor
  private let operand: Operand
  private let beta: Float

  /// C (rows, columns) from A (rows, inner) and B, a weight's shape (columns, inner) if transposed, else
  /// (inner, columns).
  init(_ rows: Int, _ columns: Int, _ inner: Int, _ operand: Operand, beta: Float = 0) {
    a = .random(rows, inner, seed: 1)
    let isTransposed = operand == .transposed
    b = .random(isTransposed ? columns : inner, isTransposed ? inner : columns, seed: 2)
    start = .random(rows, columns, seed: 3)
    c = start.duplicate()
    self.operand = operand
    self.beta = beta
  }

  /// One row is bound by fetching B, more by arithmetic.
  var work: Work {
    a.rows == 1
      ? .bytes(a.byteCount + b.byteCount + c.byteCount)
      : .operations(2 * c.rows * c.columns * a.columns)
  }

  mutating func prepare() { if beta != 0 { c.assign(start) } }

  mutating func run() { Self.multiply(a, b, operand, into: &c, beta: beta) }

  private static func multiply(
    _ a: borrowing Tensor, _ b: borrowing Tensor, _ operand: Operand, into c: inout Tensor,
    beta: Float
  ) {
    var view = c.mutableView
    matmul(a.view, b.view, operand, into: &view, beta: beta)
  }

  func difference() -> String? {
    var w = b.matrix
    if operand == .plain { w = (0..<b.columns).map { c in w.map { $0[c] } } }
    let product = Oracle.linear(a.matrix, w)
    let expected = zip(product, start.matrix).map { row, old in
      zip(row, old).map { $0 + Double(beta) * $1 }
    }
    return KernelBenchmarks.difference(c, expected, tolerance: 1e-5)
  }
}

/// The projections of the reference model, forward and backward, and one row as in decoding.
func registerProducts() {
  let (c, f) = (Reference135M.hidden, Reference135M.feedForward)
  func register(
    _ name: String, _ columns: Int, _ inner: Int, _ operand: Operand, beta: Float = 0
  ) {
    let (rows, few) = (Reference135M.tokens, Reference135M.fewTokens)
    KernelBenchmarks.register("product, \(name)") {
      Product(few, columns, inner, operand, beta: beta)
    } large: {
      Product(rows, columns, inner, operand, beta: beta)
    }
  }
  register("q, x·Wᵀ", Reference135M.queryWidth, c, .transposed)
  register("k, x·Wᵀ", Reference135M.keyWidth, c, .transposed)
  register("up, x·Wᵀ", f, c, .transposed)
  register("down, y + x·Wᵀ", c, f, .transposed, beta: 1)
  register("up backward, dy·W", c, f, .plain)
  register("down backward, dy·W", f, c, .plain)
  KernelBenchmarks.register("product, up, one row") {
    Product(1, f, c, .transposed)
  } large: {
    Product(1, f, c, .transposed)
  }
}
