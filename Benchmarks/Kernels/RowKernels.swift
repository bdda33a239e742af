import TestSupport
import Transformer

/// y = x / rms(x) ∘ w.
struct NormForward: Kernel, ~Copyable {
  private let x: Tensor
  private var y = Tensor(rows: 0, columns: 0)
  private let weight = Tensor.random(1, Reference135M.hidden, seed: 2).values

  init(_ tokens: Int) { x = .random(tokens, Reference135M.hidden, seed: 1, scale: 2) }

  var work: Work { .bytes(2 * x.byteCount) }

  mutating func run() { y = rmsNorm(x.view, weight: weight, epsilon: 1e-5) }

  func difference() -> String? {
    let expected = Oracle.rmsNorm(x.matrix, weight.map { Double($0) }, epsilon: 1e-5)
    return KernelBenchmarks.difference(y, expected, tolerance: 1e-6)
  }
}

/// dx += the gradient of the norm.
struct NormBackward: Kernel, ~Copyable {
  private let x: Tensor
  private let dy: Tensor
  private var dx: Tensor
  private let weight = Tensor.random(1, Reference135M.hidden, seed: 2).values

  init(_ tokens: Int) {
    x = .random(tokens, Reference135M.hidden, seed: 1, scale: 2)
    dy = .random(tokens, Reference135M.hidden, seed: 3)
    dx = .zeros(rows: tokens, columns: Reference135M.hidden)
  }

  /// Reads dy, x and dx, writes dx.
  var work: Work { .bytes(4 * x.byteCount) }

  mutating func run() { Self.add(dy, x, weight, to: &dx) }

  private static func add(
    _ dy: borrowing Tensor, _ x: borrowing Tensor, _ weight: [Float], to dx: inout Tensor
  ) {
    var view = dx.mutableView
    rmsNormBackward(dy.view, x: x.view, weight: weight, epsilon: 1e-5, addingTo: &view)
  }

  func difference() -> String? {
    let w = weight.map { Double($0) }
    let expected = Oracle.gradient(
      of: { Oracle.rmsNorm($0, w, epsilon: 1e-5) }, at: x.matrix, dy.matrix)
    return KernelBenchmarks.difference(dx, expected, tolerance: 1e-5)
  }
}

/// y = silu(gate) ∘ up.
struct SwiGLUForward: Kernel, ~Copyable {
  private let gate: Tensor
  private let up: Tensor
  private var y = Tensor(rows: 0, columns: 0)

  init(_ tokens: Int) {
    gate = .random(tokens, Reference135M.feedForward, seed: 1, scale: 4)
    up = .random(tokens, Reference135M.feedForward, seed: 2, scale: 2)
  }

  var work: Work { .bytes(3 * gate.byteCount) }

  mutating func run() { y = swiglu(gate: gate.view, up: up.view) }

  func difference() -> String? {
    KernelBenchmarks.difference(
      y, Oracle.swiglu(gate: gate.matrix, up: up.matrix), tolerance: 1e-6)
  }
}

/// Gate and up become their gradients.
struct SwiGLUBackward: Kernel, ~Copyable {
  private let gate: Tensor
  private let up: Tensor
  private let dy: Tensor
  private var dGate: Tensor
  private var dUp: Tensor

  init(_ tokens: Int) {
    gate = .random(tokens, Reference135M.feedForward, seed: 1, scale: 4)
    up = .random(tokens, Reference135M.feedForward, seed: 2, scale: 2)
    dy = .random(tokens, Reference135M.feedForward, seed: 3)
    dGate = gate.duplicate()
    dUp = up.duplicate()
  }

  /// Reads dy, gate and up, writes two gradients.
  var work: Work { .bytes(5 * gate.byteCount) }

  mutating func prepare() {
    dGate.assign(gate)
    dUp.assign(up)
  }

  mutating func run() { Self.replace(gate: &dGate, up: &dUp, dy) }

  private static func replace(gate: inout Tensor, up: inout Tensor, _ dy: borrowing Tensor) {
    var gateView = gate.mutableView
    var upView = up.mutableView
    swigluBackward(dy.view, gate: &gateView, up: &upView)
  }

  func difference() -> String? {
    let (g, u) = (gate.matrix, up.matrix)
    let expectedGate = Oracle.gradient(
      of: { Oracle.swiglu(gate: $0, up: u) }, at: g, dy.matrix)
    let expectedUp = Oracle.gradient(of: { Oracle.swiglu(gate: g, up: $0) }, at: u, dy.matrix)
    return KernelBenchmarks.difference(dGate, expectedGate, tolerance: 1e-5)
      ?? KernelBenchmarks.difference(dUp, expectedUp, tolerance: 1e-5)
  }
}

/// The norm and the gated unit; central differences allow few rows in the trials of gradients.
func registerRowKernels() {
  let (tokens, few) = (Reference135M.tokens, Reference135M.fewTokens)
  register("norm", small: { NormForward(few) }, large: { NormForward(tokens) })
  register("norm backward", small: { NormBackward(2) }, large: { NormBackward(tokens) })
  register("SwiGLU", small: { SwiGLUForward(few) }, large: { SwiGLUForward(tokens) })
  register("SwiGLU backward", small: { SwiGLUBackward(2) }, large: { SwiGLUBackward(tokens) })
}
