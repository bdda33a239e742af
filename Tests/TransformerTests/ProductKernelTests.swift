import TestSupport
import Testing
import Transformer

/// What is computed with products, with the kernel sets that the other suites do not run on: those of ours for
/// older CPUs, and OpenBLAS.
@Suite struct ProductKernelTests {
  /// Tests of other suites, by what they test.
  enum Area: CaseIterable {
    case attention, decoder, judgement, probes

    func test() {
      let c = Architectures.llama
      switch self {
      case .attention: for tokens in [2, 37, 600] { AttentionTests().matchesTheOracle(tokens) }
      case .decoder:
        DecoderTests().patternsMatchTheOracle(c)
        DecoderTests().someRowsAreTheSameRowsOfAll()
        DecoderTests().sharedPrefixesChangeNothing()
        DecoderTests().decodingContinuesThePrefill(c, StreamingWindow(sink: 2, recent: 4))
        DecoderTests().oneCoreAndManyGiveTheSameBits()
      case .judgement:
        JudgementTests().lossesMatchTheOracle(c)
        JudgementTests().windowMassMatchesTheOracle(c)
      case .probes: PatternProbeTests().patternsAreTriedExactly(c, byteBudget: .max)
      }
    }
  }

  static let older = ProductKernels.ownOfThisCPU.dropLast()

  @Test(arguments: older, Area.allCases)
  func ownKernels(_ kernels: ProductKernels, area: Area) {
    ProductKernels.$forced.withValue(kernels) { area.test() }
  }

  @Test(
    .enabled(if: BLASRuntime.isAvailable, "needs OpenBLAS, libopenblas0"), arguments: Area.allCases)
  func openBLAS(area: Area) {
    ProductKernels.$forced.withValue(.openBLAS) { area.test() }
  }

  /// Rows, and a weight of (out, in): single ones, a few rows, and several tiles of many.
  static let shapes = [
    (1, 1, 1), (3, 70, 33), (8, 5, 64), (9, 33, 5), (300, 400, 17), (31, 47, 700),
  ]

  @Test(arguments: ProductKernels.ownOfThisCPU, shapes)
  func ownProducts(_ kernels: ProductKernels, shape: (Int, Int, Int)) {
    ProductKernels.$forced.withValue(kernels) { products(shape.0, shape.1, shape.2) }
  }

  @Test(.enabled(if: BLASRuntime.isAvailable, "needs OpenBLAS, libopenblas0"), arguments: shapes)
  func openBLASProducts(_ rows: Int, _ out: Int, _ inner: Int) {
    ProductKernels.$forced.withValue(.openBLAS) { products(rows, out, inner) }
  }

  /// x·Wᵀ, and dy·W on top of what is there, for weights of every type.
  private func products(_ rows: Int, _ out: Int, _ inner: Int) {
    var random = TestRandom(seed: 15)
    let x = random.matrix(rows, inner, scale: 1)
    let dy = random.matrix(rows, out, scale: 1)
    let start = random.matrix(rows, inner, scale: 1)
    for type in ElementType.allCases {
      let weight = WeightMatrix(rounding: random.matrix(out, inner, scale: 1), to: type)
      let w = rowsOf(weight.widened())
      var y = Tensor(rows: rows, columns: out, values: [Float](repeating: .nan, count: rows * out))
      var dx = tensor(start)
      do {
        var yView = y.mutableView
        matmul(tensor(x).view, weight, .transposed, into: &yView)
        var dxView = dx.mutableView
        matmul(tensor(dy).view, weight, .plain, into: &dxView, adding: true)
      }
      // Float32 sums of up to a thousand products of numbers below 1.
      expectClose(y, Oracle.linear(x, w), tolerance: 2e-6, "\(type)")
      let expected = zip(Oracle.linear(dy, Oracle.transposed(w)), start).map { row, old in
        zip(row, old).map { $0 + $1 }
      }
      expectClose(dx, expected, tolerance: 2e-6, "\(type), added")
    }
  }

  private func tensor(_ rows: [[Double]]) -> Tensor {
    Tensor(rows: rows.count, columns: rows[0].count, values: rows.joined().map(Float.init))
  }

  private func rowsOf(_ tensor: borrowing Tensor) -> [[Double]] {
    let (columns, values) = (tensor.columns, tensor.values)
    return (0..<tensor.rows).map { r in
      values[r * columns..<(r + 1) * columns].map { Double($0) }
    }
  }

  /// OpenBLAS has a version and a kernel set, of which records speak.
  @Test(.enabled(if: BLASRuntime.isAvailable, "needs OpenBLAS, libopenblas0"))
  func namesSayWhatComputes() throws {
    let name = ProductKernels.$forced.withValue(.openBLAS) { ProductKernels.name }
    let expected = /OpenBLAS [0-9]+\.[0-9]+[^ ]* [A-Za-z0-9]+/
    #expect(name.wholeMatch(of: expected) != nil, "\(name)")
    #expect(
      ProductKernels.$forced.withValue(.portable) { ProductKernels.name } == "portable kernels")
  }
}
