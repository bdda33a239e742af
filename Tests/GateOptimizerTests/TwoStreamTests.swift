import GateOptimizer
import TestSupport
import Testing
import Transformer

@Suite struct TwoStreamTests {
  let window = StreamingWindow(sink: 3, recent: 5)

  /// Loss against the oracle, and every gate gradient against central differences of it.
  ///
  /// The oracle computes all rows of both streams. Central differences of a Double loss are good to 1e-7;
  /// what remains is the float32 step.
  @Test(arguments: Architectures.all, [RetrievalSource.teacher, .student])
  func gradientsMatchCentralDifferences(_ c: ModelConfiguration, retrieval: RetrievalSource) {
    let model = RandomModel(c, seed: 3)
    let oracle = ReferenceModel(model)
    var random = TestRandom(seed: 4)
    for (length, labels) in [(60, 52..<60), (9, 2..<9), (40, 30..<36)] {
      let tokens = random.tokens(length, vocabulary: c.vocabulary)
      let gates = (0..<c.layers).map { _ in
        (0..<c.keyValueHeads).map { _ in 0.5 + 0.45 * random.unit() }
      }
      let step = TwoStreamStep(model.decoder, window: window, retrieval: retrieval)
      let result = step(
        tokens: tokens, labelRows: labels, gates: gates.map { $0.map(Float.init) })
      // A label range that ends early cuts the sample there: nothing later can matter.
      let cut = Array(tokens[..<labels.upperBound])
      let rounded = gates.map { $0.map { Double(Float($0)) } }
      func loss(_ gates: [[Double]]) -> Double {
        oracle.distillation(
          cut, rows: labels, gates: gates, window: window,
          ownFullAttention: retrieval == .student)
      }
      expectClose([Float(result.distillation)], [loss(rounded)], tolerance: 1e-5, "loss")
      let h = 1e-4
      let numeric = rounded.indices.map { l in
        rounded[l].indices.map { k in
          var (up, down) = (rounded, rounded)
          up[l][k] += h
          down[l][k] -= h
          return (loss(up) - loss(down)) / (2 * h)
        }
      }
      expectClose(
        result.gateGradients.joined().map { Float($0) }, Array(numeric.joined()),
        tolerance: 1e-4, "\(c.modelType), \(length) tokens")
    }
  }

  @Test func conesHoldTheWindowBeforeTheLabelsAndTheSink() {
    let decoder = RandomModel(Architectures.llama).decoder
    let cones = TwoStreamStep(decoder, window: window).cones(labelRows: 50..<60)
    #expect(
      cones == [
        RowSet(sink: 3, tail: 38..<60), RowSet(sink: 3, tail: 42..<60),
        RowSet(sink: 3, tail: 46..<60), RowSet(sink: 0, tail: 50..<60),
      ])
    let early = TwoStreamStep(decoder, window: window).cones(labelRows: 8..<12)
    #expect(early[0] == .all(12) && early[1] == .all(12))
  }

  /// Whatever a layer does not keep it computes again, to the same bits; also for label rows so few that
  /// their products take another way.
  @Test(arguments: Architectures.all, [RetrievalSource.teacher, .student])
  func memoryBudgetsDoNotChangeABit(_ c: ModelConfiguration, retrieval: RetrievalSource) {
    let model = RandomModel(c, seed: 8)
    var random = TestRandom(seed: 9)
    let tokens = random.tokens(90, vocabulary: c.vocabulary)
    let gates = (0..<c.layers).map { _ in (0..<c.keyValueHeads).map { _ in Float(random.unit()) } }
    for labels in [70..<90, 86..<90] {
      let whole = TwoStreamStep(model.decoder, window: window, retrieval: retrieval)(
        tokens: tokens, labelRows: labels, gates: gates)
      for budget in [0, 20_000, 60_000, 100_000] {
        let step = TwoStreamStep(
          model.decoder, window: window, memoryBudget: budget, retrieval: retrieval)
        let lean = step(tokens: tokens, labelRows: labels, gates: gates)
        #expect(lean.distillation == whole.distillation, "\(labels), \(budget) bytes")
        #expect(lean.gateGradients == whole.gateGradients, "\(labels), \(budget) bytes")
      }
    }
  }

  @Test func oneCoreAndManyGiveTheSameBits() {
    let c = Architectures.llama
    let model = RandomModel(c)
    var random = TestRandom(seed: 5)
    let tokens = random.tokens(600, vocabulary: c.vocabulary)
    let gates = (0..<c.layers).map { _ in [Float](repeating: 0.5, count: c.keyValueHeads) }
    let step = TwoStreamStep(model.decoder, window: .init(sink: 4, recent: 100))
    let many = step(tokens: tokens, labelRows: 560..<600, gates: gates)
    let one = Parallelism.$isSerial.withValue(true) {
      step(tokens: tokens, labelRows: 560..<600, gates: gates)
    }
    #expect(many.gateGradients == one.gateGradients)
    #expect(many.distillation == one.distillation)
  }
}
