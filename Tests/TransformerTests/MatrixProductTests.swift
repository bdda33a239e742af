import CVectorMath
import TestSupport
import Testing
import Transformer

/// The C kernels of every level the CPU has, against sums in Double.
@Suite struct MatrixProductTests {
  static let shapes = [
    (1, 1, 1), (1, 64, 600), (3, 32, 40), (14, 33, 5), (29, 47, 513), (15, 100, 1025), (45, 16, 64),
  ]

  /// Float32 sums of up to a thousand products of numbers below 1.
  private static let tolerance = 2e-6

  private func levels(_ body: (Int32) throws -> Void) rethrows {
    for level in 0...zz_product_level() { try body(level) }
  }

  @Test(arguments: shapes) func productsOfPackedPanels(_ m: Int, _ n: Int, _ k: Int) {
    var random = TestRandom(seed: 11)
    let (a, w) = (random.matrix(m, k, scale: 1), random.matrix(n, k, scale: 1))
    let expected = a.map { x in w.map { y in zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } } }
    let upright = a.joined().map(Float.init)
    let sideways = (0..<k).flatMap { p in a.map { Float($0[p]) } }
    let weights = w.joined().map(Float.init)
    levels { level in
      var panels = [Float](repeating: .nan, count: (n + 31) / 32 * 32 * k)
      unsafe zz_pack_transposed(level, ZZ_FLOAT32, weights, n, k, k, &panels)
      var c = [Float](repeating: .nan, count: m * n)
      unsafe zz_multiply(level, m, n, k, upright, k, 1, panels, 32 * k, 32, &c, n, 0)
      expectClose(c, Array(expected.joined()), tolerance: Self.tolerance, "level \(level)")
      unsafe zz_multiply(level, m, n, k, sideways, 1, m, panels, 32 * k, 32, &c, n, 1)
      expectClose(
        c, expected.joined().map { 2 * $0 }, tolerance: Self.tolerance, "transposed, added")
    }
  }

  /// A matrix as it stands is a right side too; nothing behind its last row is read.
  @Test(arguments: shapes) func productsOfPlainMatrices(_ m: Int, _ n: Int, _ k: Int) {
    var random = TestRandom(seed: 12)
    let (a, b) = (random.matrix(m, k, scale: 1), random.matrix(k, n, scale: 1))
    let expected = a.map { x in
      (0..<n).map { j in x.indices.reduce(0) { $0 + x[$1] * b[$1][j] } }
    }
    let (left, right) = (a.joined().map(Float.init), b.joined().map(Float.init))
    levels { level in
      var panels = [Float](repeating: .nan, count: (n + 31) / 32 * 32 * k)
      unsafe zz_pack(level, ZZ_FLOAT32, right, k, n, n, &panels)
      var packed = [Float](repeating: .nan, count: m * n)
      unsafe zz_multiply(level, m, n, k, left, k, 1, panels, 32 * k, 32, &packed, n, 0)
      expectClose(packed, Array(expected.joined()), tolerance: Self.tolerance, "level \(level)")
      var plain = [Float](repeating: .nan, count: m * n)
      unsafe zz_multiply(level, m, n, k, left, k, 1, right, 32, n, &plain, n, 0)
      #expect(plain == packed, "level \(level)")
    }
  }

  /// The bits of a row do not depend on how many rows there are.
  @Test func rowsDoNotDependOnTheirNeighbours() {
    var random = TestRandom(seed: 13)
    let (m, n, k) = (31, 70, 700)
    let a = random.matrix(m, k, scale: 1).joined().map(Float.init)
    let b = random.matrix(k, n, scale: 1).joined().map(Float.init)
    levels { level in
      var all = [Float](repeating: 0, count: m * n)
      unsafe zz_multiply(level, m, n, k, a, k, 1, b, 32, n, &all, n, 0)
      for row in 0..<m {
        var one = [Float](repeating: 0, count: n)
        unsafe zz_multiply(
          level, 1, n, k, Array(a[row * k..<(row + 1) * k]), k, 1, b, 32, n, &one, n, 0)
        #expect(one == Array(all[row * n..<(row + 1) * n]), "level \(level), row \(row)")
      }
    }
  }

  @Test(arguments: [(1, 1), (4, 16), (5, 77), (45, 64), (70, 33)])
  func sixteenBitWeightsAreTheirFloat32Values(_ n: Int, _ k: Int) {
    var random = TestRandom(seed: 14)
    let values = random.matrix(n, k, scale: 1).joined().map { Float16($0) }
    let halves = values.map(\.bitPattern)
    let brains = values.map { UInt16(truncatingIfNeeded: Float($0).bitPattern >> 16) }
    let x = random.matrix(3, k, scale: 1).joined().map(Float.init)
    let types: [(zz_type, [UInt16], [Float])] = [
      (ZZ_FLOAT16, halves, values.map(Float.init)),
      (ZZ_BFLOAT16, brains, brains.map { Float(bitPattern: UInt32($0) << 16) }),
    ]
    levels { level in
      for (type, stored, wide) in types {
        for isTransposed in [true, false] {
          let panels = packed(level, type, stored, n, k, isTransposed)
          #expect(panels == packed(level, ZZ_FLOAT32, wide, n, k, isTransposed), "level \(level)")
        }
        var (y, expected) = (
          [Float](repeating: 1, count: 3 * n), [Float](repeating: 1, count: 3 * n)
        )
        unsafe zz_multiply_rows(level, type, stored, n, k, k, x, k, 3, &y, n, 1)
        unsafe zz_multiply_rows(level, ZZ_FLOAT32, wide, n, k, k, x, k, 3, &expected, n, 1)
        #expect(y == expected, "level \(level)")
        expectClose(
          y, rows(x, wide, n, k).map { 1 + $0 }, tolerance: Self.tolerance, "level \(level)")
      }
    }
  }

  /// The panels of w (n, k), or of its transpose; every place must be written.
  private func packed<T: BitwiseCopyable>(
    _ level: Int32, _ type: zz_type, _ w: [T], _ n: Int, _ k: Int, _ isTransposed: Bool
  ) -> [Float] {
    let (rows, columns) = isTransposed ? (k, n) : (n, k)
    var panels = [Float](repeating: -7, count: (columns + 31) / 32 * 32 * rows)
    if isTransposed {
      unsafe zz_pack_transposed(level, type, w, n, k, k, &panels)
    } else {
      unsafe zz_pack(level, type, w, n, k, k, &panels)
    }
    #expect(!panels.contains(-7))
    return panels
  }

  private func rows(_ x: [Float], _ w: [Float], _ n: Int, _ k: Int) -> [Double] {
    (0..<3).flatMap { i in
      (0..<n).map { j in
        (0..<k).reduce(0) { $0 + Double(x[i * k + $1]) * Double(w[j * k + $1]) }
      }
    }
  }
}
