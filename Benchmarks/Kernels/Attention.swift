import TestSupport
import Transformer

/// q, k, v and the places of the results of one layer's attention over all positions.
struct AttentionOperands: ~Copyable {
  let q: Tensor
  let k: Tensor
  let v: Tensor
  var o: Tensor
  var logSumExp: Tensor
  /// What is seen; nil for all keys up to the query.
  let window: StreamingWindow?

  init(_ tokens: Int, _ window: StreamingWindow?) {
    q = .random(tokens, Reference135M.queryWidth, seed: 1, scale: 2)
    k = .random(tokens, Reference135M.keyWidth, seed: 2, scale: 2)
    v = .random(tokens, Reference135M.keyWidth, seed: 3)
    o = Tensor(rows: tokens, columns: Reference135M.queryWidth)
    logSumExp = Tensor(rows: tokens, columns: Reference135M.configuration.queryHeads)
    self.window = window
  }

  mutating func forward() { Self.forward(q, k, v, window, into: &o, &logSumExp) }

  private static func forward(
    _ q: borrowing Tensor, _ k: borrowing Tensor, _ v: borrowing Tensor, _ window: StreamingWindow?,
    into o: inout Tensor, _ logSumExp: inout Tensor
  ) {
    var oView = o.mutableView
    var logView = logSumExp.mutableView
    attention(
      q: q.view, k: k.view, v: v.view, shape: AttentionShape(Reference135M.configuration),
      heads: Array(0..<Reference135M.configuration.keyValueHeads),
      visibility: window.map { .streaming($0) } ?? .causal,
      queries: .all(q.rows), keys: .all(q.rows), into: &oView, logSumExp: &logView)
  }

  func sees(_ head: Int, _ query: Int, _ key: Int) -> Bool {
    window?.sees(query: query, key: key) ?? (key <= query)
  }

  /// Operations of `products` products of every visible query and key.
  func operations(products: Int) -> Int {
    let pairs = (0..<q.rows).reduce(0) { sum, query in
      guard let window else { return sum + query + 1 }
      return sum + min(query + 1, window.sink + min(window.recent, max(0, query + 1 - window.sink)))
    }
    return pairs * products * 2 * Reference135M.queryWidth
  }
}

/// o = softmax(q·kᵀ/√D)·v, all heads.
struct AttentionForward: Kernel, ~Copyable {
  private var operands: AttentionOperands

  init(_ tokens: Int, _ window: StreamingWindow?) {
    operands = AttentionOperands(tokens, window)
  }

  /// q·kᵀ and P·v.
  var work: Work { .operations(operands.operations(products: 2)) }

  mutating func run() { operands.forward() }

  func difference() -> String? {
    let expected = Oracle.attention(
      operands.q.matrix, operands.k.matrix, operands.v.matrix, headDim: Reference135M.headDim
    ) { operands.sees($0, $1, $2) }
    return KernelBenchmarks.difference(operands.o, expected, tolerance: 1e-5)
  }
}

/// dq, dk and dv of streaming attention.
struct StreamingBackward: Kernel, ~Copyable {
  private var operands: AttentionOperands
  private var gradients: QueryKeyValue
  private let dO: Tensor
  private let window: StreamingWindow

  init(_ tokens: Int, _ window: StreamingWindow) {
    operands = AttentionOperands(tokens, window)
    operands.forward()
    dO = .random(tokens, Reference135M.queryWidth, seed: 4)
    self.window = window
    gradients = Self.gradients(operands, dO, window)
  }

  /// q·kᵀ again, dO·vᵀ, Pᵀ·dO, dS·k and dSᵀ·q.
  var work: Work { .operations(operands.operations(products: 5)) }

  mutating func run() { gradients = Self.gradients(operands, dO, window) }

  private static func gradients(
    _ operands: borrowing AttentionOperands, _ dO: borrowing Tensor, _ window: StreamingWindow
  ) -> QueryKeyValue {
    attentionBackward(
      dO: dO.view, q: operands.q.view, k: operands.k.view, v: operands.v.view, o: operands.o.view,
      logSumExp: operands.logSumExp.view, shape: AttentionShape(Reference135M.configuration),
      visibility: .streaming(window), queries: .all(dO.rows), keys: .all(dO.rows))
  }

  func difference() -> String? {
    let expected = Oracle.attentionBackward(
      dO.matrix, operands.q.matrix, operands.k.matrix, operands.v.matrix,
      headDim: Reference135M.headDim
    ) { operands.sees($0, $1, $2) }
    return KernelBenchmarks.difference(gradients.q, expected.q, tolerance: 1e-5)
      ?? KernelBenchmarks.difference(gradients.k, expected.k, tolerance: 1e-5)
      ?? KernelBenchmarks.difference(gradients.v, expected.v, tolerance: 1e-5)
  }
}

/// Full and streaming attention; the trials cross the edges of tiles.
func registerAttention() {
  let window = StreamingWindow(sink: 64, recent: 256)
  for tokens in [1024, 4096] {
    register("attention, full, \(tokens)") {
      AttentionForward(300, nil)
    } large: {
      AttentionForward(tokens, nil)
    }
    register("attention, streaming, \(tokens)") {
      AttentionForward(400, StreamingWindow(sink: 20, recent: 70))
    } large: {
      AttentionForward(tokens, window)
    }
    register("attention, streaming backward, \(tokens)") {
      StreamingBackward(400, StreamingWindow(sink: 20, recent: 70))
    } large: {
      StreamingBackward(tokens, window)
    }
  }
}
