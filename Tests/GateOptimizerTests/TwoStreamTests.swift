import GateOptimizer
import TestSupport
import Testing
import Transformer

@Suite struct TwoStreamTests {
  let window = StreamingWindow(sink: 3, recent: 5)

  /// Loss against the oracle, and every gate gradient against central differences of it.
  ///
  /// The oracle computes all rows of both streams, for maps that stream everywhere, after the prompt, in a cache
  /// that is pruned once, and in the prompt alone. Central differences of a Double loss are good to 1e-7;
  /// what remains is the float32 step.
  @Test(arguments: Architectures.all, [RetrievalSource.teacher, .student])
  func gradientsMatchCentralDifferences(_ c: ModelConfiguration, retrieval: RetrievalSource) {
    compare(c, Deployment(window), retrieval)
  }

  /// The same for maps that do not stream everywhere.
  @Test(
    arguments: [
      Deployment(StreamingWindow(sink: 0, recent: 5), phase: .decode),
      Deployment(StreamingWindow(sink: 3, recent: 5), phase: .decode, after: .keep),
      Deployment(StreamingWindow(sink: 3, recent: 5), phase: .prompt),
    ], [RetrievalSource.teacher, .student])
  func deployedGradientsMatchCentralDifferences(
    _ deployment: Deployment, retrieval: RetrievalSource
  ) {
    for c in [Architectures.llama, Architectures.all[Architectures.all.count - 1]] {
      compare(c, deployment, retrieval)
    }
  }

  private func compare(
    _ c: ModelConfiguration, _ deployment: Deployment, _ retrieval: RetrievalSource
  ) {
    let model = RandomModel(c, seed: 3)
    let oracle = ReferenceModel(model)
    var random = TestRandom(seed: 4)
    let ends = [(60, 52..<60, 52), (9, 2..<9, 2), (40, 30..<36, 30)]
    let others = [(40, 30..<38, 33), (40, 30..<38, 26)]
    for (length, labels, end) in deployment.isPlain ? ends : ends + others {
      let tokens = random.tokens(length, vocabulary: c.vocabulary)
      let gates = (0..<c.layers).map { _ in
        (0..<c.keyValueHeads).map { _ in 0.5 + 0.45 * random.unit() }
      }
      let step = TwoStreamStep(model.decoder, deployment: deployment, retrieval: retrieval)
      let result = step(
        tokens: tokens, labelRows: labels, boundary: end, gates: gates.map { $0.map(Float.init) })
      let judged =
        deployment.phase == .decode ? max(end, labels.lowerBound)..<labels.upperBound : labels
      // A label range that ends early cuts the sample there: nothing later can matter.
      let cut = Array(tokens[..<labels.upperBound])
      let rounded = gates.map { $0.map { Double(Float($0)) } }
      func loss(_ gates: [[Double]]) -> Double {
        oracle.distillation(
          cut, rows: judged, gates: gates, rule: deployment.rule(boundary: end),
          ownFullAttention: retrieval == .student)
      }
      // A window that reaches all of a short prompt takes nothing away.
      guard loss(rounded) > 1e-20 else {
        #expect(result.distillation < 1e-10)
        continue
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
        tolerance: 1e-4, "\(c.modelType), \(deployment.name), \(length) tokens to \(end)")
    }
  }

  /// What is kept of the teacher is all that the student needs, and comes back from its values.
  @Test(arguments: [RetrievalSource.teacher, .student], Deployment.Phase.allCases)
  func teachersOutputsComeBack(retrieval: RetrievalSource, phase: Deployment.Phase) throws {
    let c = Architectures.llama
    let model = RandomModel(c, seed: 3)
    var random = TestRandom(seed: 4)
    let tokens = random.tokens(50, vocabulary: c.vocabulary)
    let gates = (0..<c.layers).map { _ in (0..<c.keyValueHeads).map { _ in Float(random.unit()) } }
    let step = TwoStreamStep(
      model.decoder, deployment: Deployment(window, phase: phase), retrieval: retrieval)
    let outputs = step.teach(tokens: tokens, labelRows: 40..<50, boundary: 38)
    let values = outputs.values
    #expect(values.count == step.outputCount(labelRows: 40..<50, boundary: 38))
    #expect(values.count * 4 == outputs.byteCount)
    guard let copy = step.outputs(values, labelRows: 40..<50, boundary: 38) else {
      Issue.record("no outputs")
      return
    }
    let first = step.learn(
      from: outputs, tokens: tokens, labelRows: 40..<50, boundary: 38, gates: gates)
    let second = step.learn(
      from: copy, tokens: tokens, labelRows: 40..<50, boundary: 38, gates: gates)
    #expect(first.gateGradients == second.gateGradients)
    #expect(first.distillation == second.distillation)
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
    for (labels, phase) in [
      (70..<90, Deployment.Phase.everywhere), (86..<90, .everywhere), (70..<90, .decode),
      (70..<90, .prompt),
    ] {
      let deployment = Deployment(window, phase: phase)
      let whole = TwoStreamStep(model.decoder, deployment: deployment, retrieval: retrieval)(
        tokens: tokens, labelRows: labels, gates: gates)
      for budget in [0, 20_000, 60_000, 100_000] {
        let step = TwoStreamStep(
          model.decoder, deployment: deployment, memoryBudget: budget, retrieval: retrieval)
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
