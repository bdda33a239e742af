import CVectorMath
import Foundation
import TestSupport
import Testing
import Transformer

@Suite struct KernelTests {
  @Test func exponentialIsGoodToOneUnit() {
    let x = (0..<20_001).map { -87 + 175 * Float($0) / 20_000 }
    var y = [Float](repeating: 0, count: x.count)
    unsafe zz_exp(x, &y, x.count)
    for (a, b) in zip(x, y) {
      #expect(abs(Double(b) / exp(Double(a)) - 1) < 3e-7, "exp(\(a))")
    }
    let special: [Float] = [-.infinity, -1000, 0]
    var out = [Float](repeating: 7, count: 3)
    unsafe zz_exp(special, &out, 3)
    #expect(out == [0, 0, 1])
  }

  /// A row in two tiles, some scores invisible: the weights of one softmax.
  @Test(arguments: [1, 15, 16, 17, 50]) func runningSoftmaxIsOneSoftmax(_ count: Int) {
    var random = TestRandom(seed: 3)
    let scores = (0..<2 * count).map { _ in 20 * random.unit() }
    let (low, high) = (count / 3, count - count / 4)
    var (first, second) = (scores[..<count].map(Float.init), scores[count...].map(Float.init))
    var (maximum, sum) = (-Float.infinity, Float(0))
    #expect(unsafe zz_softmax_tile(&first, count, low, count, &maximum, &sum) == 0)
    let correction = unsafe zz_softmax_tile(&second, count, 0, high, &maximum, &sum)
    let visible = Array(scores[low..<count + high])
    let top = visible.max() ?? 0
    let total = visible.reduce(0) { $0 + exp($1 - top) }
    let expected = scores.indices.map { i in
      i < low || i >= count + high ? 0 : exp(scores[i] - top) / total
    }
    let actual = first.map { $0 * correction / sum } + second.map { $0 / sum }
    expectClose(actual, expected, tolerance: 1e-6)
    #expect(maximum == Float(top))
  }

  @Test func halfPrecisionWidensExactly() {
    let all = (0...UInt16.max).map { $0 }
    var halves = [Float](repeating: 0, count: all.count)
    unsafe zz_widen_float16(all, &halves, all.count)
    var brains = halves
    unsafe zz_widen_bfloat16(all, &brains, all.count)
    for bits in all {
      let expected = Float(Float16(bitPattern: bits))
      let found = halves[Int(bits)]
      #expect(found == expected || (found.isNaN && expected.isNaN), "half \(bits)")
      #expect(brains[Int(bits)].bitPattern == UInt32(bits) << 16, "bfloat16 \(bits)")
    }
  }

  /// Sums of `inner` products in float32.
  @Test(arguments: [(1, 1, 1), (1, 600, 33), (17, 5, 3), (300, 130, 70), (65, 900, 10)])
  func products(_ rows: Int, _ columns: Int, _ inner: Int) {
    var random = TestRandom(seed: 5)
    let a = random.matrix(rows, inner, scale: 1)
    let b = random.matrix(columns, inner, scale: 1)
    let expected = a.map { x in b.map { y in zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } } }
    let left = Tensor(rows: rows, columns: inner, values: a.joined().map(Float.init))
    let across = WeightMatrix(
      rows: columns, columns: inner, values: b.joined().map(Float.init))
    let turned = (0..<inner).flatMap { i in b.map { Float($0[i]) } }
    let upright = WeightMatrix(rows: inner, columns: columns, values: turned)
    var c = Tensor.zeros(rows: rows, columns: columns)
    do {
      var view = c.mutableView
      matmul(left.view, across, .transposed, into: &view)
    }
    expectClose(c, expected, tolerance: 1e-5, "transposed")
    do {
      var view = c.mutableView
      matmul(left.view, upright, .plain, into: &view, adding: true)
    }
    expectClose(c, expected.map { $0.map { 2 * $0 } }, tolerance: 1e-5, "plain, added")
  }

  @Test(arguments: [2, 5, 16, 61]) func normAndItsGradient(_ width: Int) {
    var random = TestRandom(seed: 6)
    let (x, dy) = (random.matrix(3, width, scale: 2), random.matrix(3, width, scale: 1))
    let w = random.vector(width, around: 1)
    func norm(_ x: [[Double]]) -> [[Double]] { Oracle.rmsNorm(x, w, epsilon: 1e-5) }
    let input = tensor(x)
    let weight = w.map(Float.init)
    expectClose(
      rmsNorm(input.view, weight: weight, epsilon: 1e-5), norm(x), tolerance: 1e-6)
    var dx = Tensor.zeros(rows: 3, columns: width)
    do {
      var view = dx.mutableView
      rmsNormBackward(
        tensor(dy).view, x: input.view, weight: weight, epsilon: 1e-5, addingTo: &view)
    }
    expectClose(dx, Oracle.gradient(of: norm, at: x, dy), tolerance: 1e-4, "gradient")
  }

  @Test(arguments: [1, 16, 37], Activation.allCases)
  func gatedUnitAndItsGradient(_ width: Int, _ activation: Activation) {
    var random = TestRandom(seed: 7)
    // So that a limit of 7 cuts some of them off.
    let size = activation == .clamped ? 12.0 : 4
    let (gate, up) = (
      random.matrix(2, width, scale: size), random.matrix(2, width, scale: size == 4 ? 2 : size)
    )
    let dy = random.matrix(2, width, scale: 1)
    func unit(_ gate: [[Double]], _ up: [[Double]]) -> [[Double]] {
      switch activation {
      case .silu: Oracle.swiglu(gate: gate, up: up)
      case .geluTanh: Oracle.geglu(gate: gate, up: up)
      case .clamped: Oracle.clampedSwiglu(gate: gate, up: up)
      }
    }
    var dGate = tensor(gate)
    var dUp = tensor(up)
    var y = Tensor(rows: 2, columns: width)
    do {
      var view = y.mutableView
      gated(activation, gate: dGate.view, up: dUp.view, into: &view)
    }
    expectClose(y, unit(gate, up), tolerance: 1e-6)
    do {
      var gateView = dGate.mutableView
      var upView = dUp.mutableView
      gatedBackward(activation, tensor(dy).view, gate: &gateView, up: &upView)
    }
    expectClose(dGate, Oracle.gradient(of: { unit($0, up) }, at: gate, dy), tolerance: 1e-5)
    expectClose(dUp, Oracle.gradient(of: { unit(gate, $0) }, at: up, dy), tolerance: 1e-5)
  }

  /// Llama 3.1's three bands: long waves divided by the factor, short ones kept, a ramp between.
  @Test func scaledRopeFrequencies() {
    var rotary = Rotary(theta: 500_000)
    func frequencies() -> [Double] { rotary.frequencies(headDim: 64, length: 1) }
    let plain = frequencies()
    rotary.scaling = .llama3(
      factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalMaxPositions: 8192)
    let scaled = frequencies()
    #expect(scaled[0] == 1 && scaled[10] == plain[10])
    #expect(scaled[31] == plain[31] / 8)
    let wavelengths = plain.map { 2 * Double.pi / $0 }
    for i in plain.indices where wavelengths[i] > 2048 && wavelengths[i] < 8192 {
      #expect(scaled[i] < plain[i] && scaled[i] > plain[i] / 8, "pair \(i)")
    }
    rotary.scaling = .linear(factor: 4)
    #expect(frequencies() == plain.map { $0 / 4 })
  }

  private func tensor(_ rows: [[Double]]) -> Tensor {
    Tensor(
      rows: rows.count, columns: rows.first?.count ?? 0, values: rows.joined().map(Float.init))
  }
}
