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

/// act = silu(x·Wgᵀ) ∘ (x·Wuᵀ).
struct GatedUnitForward: Kernel, ~Copyable {
  private let x: Tensor
  private let gate = WeightMatrix.random(
    Reference135M.feedForward, Reference135M.hidden, .float32, seed: 2)
  private let up = WeightMatrix.random(
    Reference135M.feedForward, Reference135M.hidden, .float32, seed: 3)
  private var act = Tensor(rows: 0, columns: 0)

  init(_ tokens: Int) { x = .random(tokens, Reference135M.hidden, seed: 1, scale: 0.2) }

  /// Both products.
  var work: Work { .operations(4 * x.rows * gate.rows * gate.columns) }

  mutating func run() { act = gatedUnit(x.view, gate: gate, up: up, .silu) }

  func difference() -> String? {
    let (g, u) = (gate.widened().matrix, up.widened().matrix)
    let expected = Oracle.swiglu(
      gate: Oracle.linear(x.matrix, g), up: Oracle.linear(x.matrix, u))
    return KernelBenchmarks.difference(act, expected, tolerance: 1e-5)
  }
}

/// Gate and up become their gradients for dy behind the down projection.
struct GatedUnitBackward: Kernel, ~Copyable {
  private let gate: Tensor
  private let up: Tensor
  private let dy: Tensor
  private let down = WeightMatrix.random(
    Reference135M.hidden, Reference135M.feedForward, .float32, seed: 4)
  private var dGate: Tensor
  private var dUp: Tensor

  init(_ tokens: Int) {
    gate = .random(tokens, Reference135M.feedForward, seed: 1, scale: 4)
    up = .random(tokens, Reference135M.feedForward, seed: 2, scale: 2)
    dy = .random(tokens, Reference135M.hidden, seed: 3, scale: 0.1)
    dGate = gate.duplicate()
    dUp = up.duplicate()
  }

  /// dy·W.
  var work: Work { .operations(2 * dy.rows * down.rows * down.columns) }

  mutating func prepare() {
    dGate.assign(gate)
    dUp.assign(up)
  }

  mutating func run() { Self.replace(gate: &dGate, up: &dUp, dy, down) }

  private static func replace(
    gate: inout Tensor, up: inout Tensor, _ dy: borrowing Tensor, _ down: WeightMatrix
  ) {
    gatedUnitBackward(dy.view, down: down, gate: &gate, up: &up, .silu)
  }

  func difference() -> String? {
    let (g, u) = (gate.matrix, up.matrix)
    let dAct = Oracle.linear(dy.matrix, Oracle.transposed(down.widened().matrix))
    let expectedGate = Oracle.gradient(of: { Oracle.swiglu(gate: $0, up: u) }, at: g, dAct)
    let expectedUp = Oracle.gradient(of: { Oracle.swiglu(gate: g, up: $0) }, at: u, dAct)
    return KernelBenchmarks.difference(dGate, expectedGate, tolerance: 1e-5)
      ?? KernelBenchmarks.difference(dUp, expectedUp, tolerance: 1e-5)
  }
}

/// The norm and the gated unit; central differences allow few rows in the trials of gradients.
func registerRowKernels() {
  let (tokens, few) = (Reference135M.tokens, Reference135M.fewTokens)
  register("norm", small: { NormForward(few) }, large: { NormForward(tokens) })
  register("norm backward", small: { NormBackward(2) }, large: { NormBackward(tokens) })
  register("gated unit") {
    GatedUnitForward(few)
  } large: {
    GatedUnitForward(tokens)
  }
  register("gated unit backward") {
    GatedUnitBackward(2)
  } large: {
    GatedUnitBackward(tokens)
  }
}
