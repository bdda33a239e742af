import TestSupport
import Transformer

/// Rotary embedding of the queries, in place.
struct Rotation: Kernel, ~Copyable {
  private let start: Tensor
  private var x: Tensor
  private let table: RotaryTable

  init(_ tokens: Int) {
    start = .random(tokens, Reference135M.queryWidth, seed: 1)
    x = start.duplicate()
    table = RotaryTable(Reference135M.configuration, positions: tokens)
  }

  var work: Work { .bytes(2 * x.byteCount) }

  mutating func prepare() { x.assign(start) }

  mutating func run() { Self.turn(&x, table) }

  private static func turn(_ x: inout Tensor, _ table: borrowing RotaryTable) {
    var view = x.mutableView
    table.rotate(&view, rows: .all(view.rows), layer: 0)
  }

  func difference() -> String? {
    let expected = Oracle.rotate(
      start.matrix, headDim: Reference135M.headDim, theta: Reference135M.theta)
    // Angles are formed in float32, as by Hugging Face: a position of 70 costs 2⁻²⁴ · 70.
    return KernelBenchmarks.difference(x, expected, tolerance: 1e-5)
  }
}

/// o = a·full + (1 − a)·stream.
struct MixForward: Kernel, ~Copyable {
  private let full: Tensor
  private let stream: Tensor
  private var mixed = Tensor(rows: 0, columns: 0)

  init(_ tokens: Int) {
    full = .random(tokens, Reference135M.queryWidth, seed: 1)
    stream = .random(tokens, Reference135M.queryWidth, seed: 2)
  }

  static let gates: [Float] = [0.25, 0.5, 0.875]

  var work: Work { .bytes(3 * full.byteCount) }

  mutating func run() { mixed = mix(full: full.view, stream: stream.view, gates: Self.gates) }

  func difference() -> String? {
    let expected = Oracle.mix(
      full: full.matrix, stream: stream.matrix, gates: Self.gates.map { Double($0) })
    return KernelBenchmarks.difference(mixed, expected, tolerance: 1e-6)
  }
}

/// The gradients of gates and of the streaming output, the latter in place of dO.
struct MixBackward: Kernel, ~Copyable {
  private let full: Tensor
  private let stream: Tensor
  private let dO: Tensor
  private var dStream: Tensor
  private var dGates: [Double] = []

  init(_ tokens: Int) {
    full = .random(tokens, Reference135M.queryWidth, seed: 1)
    stream = .random(tokens, Reference135M.queryWidth, seed: 2)
    dO = .random(tokens, Reference135M.queryWidth, seed: 3)
    dStream = dO.duplicate()
  }

  /// Reads dO, full and stream, writes the gradient.
  var work: Work { .bytes(4 * full.byteCount) }

  mutating func prepare() { dStream.assign(dO) }

  mutating func run() { dGates = Self.gradients(&dStream, full, stream) }

  private static func gradients(
    _ dO: inout Tensor, _ full: borrowing Tensor, _ stream: borrowing Tensor
  ) -> [Double] {
    var view = dO.mutableView
    return mixBackward(&view, full: full.view, stream: stream.view, gates: MixForward.gates)
  }

  func difference() -> String? {
    let gates = MixForward.gates.map { Double($0) }
    let (f, s, d) = (full.matrix, stream.matrix, dO.matrix)
    let expectedGates = Oracle.gradient(
      of: { Oracle.mix(full: f, stream: s, gates: $0[0]) }, at: [gates], d)
    let expectedStream = Oracle.gradient(
      of: { Oracle.mix(full: f, stream: $0, gates: gates) }, at: s, d)
    return TestSupport.difference(
      dGates.map { Float($0) }, expectedGates[0], tolerance: 1e-5)
      ?? KernelBenchmarks.difference(dStream, expectedStream, tolerance: 1e-5)
  }
}

/// Rotary embedding and gate mix.
func registerHeadKernels() {
  let (tokens, few) = (Reference135M.tokens, Reference135M.fewTokens)
  register("rotary", small: { Rotation(few) }, large: { Rotation(tokens) })
  register("gate mix", small: { MixForward(few) }, large: { MixForward(tokens) })
  register("gate mix backward", small: { MixBackward(2) }, large: { MixBackward(tokens) })
}
