import Foundation
import GateOptimizer
import TestSupport
import Testing
import Transformer

/// Calibration against a model of which the answer is known.
@Suite struct PlantedHeadsTests {
  private let window = StreamingWindow(sink: 2, recent: 12)

  private func sampler(_ purpose: PasskeySampler.Purpose) throws -> PasskeySampler {
    var task = PasskeyTask()
    (task.passkeys, task.length) = (2, 6)
    task.alphabet = (0..<300).map { "word\($0)" }
    return try PasskeySampler(
      task: task, haystack: .generated(purpose == .calibration ? .village : .coast),
      purpose: purpose, contextLengths: [320], seed: 3, startTokens: [1],
      encode: GateToyTokenizers.hashedWords)
  }

  /// The share of words that are predicted, but for the first of each passkey, which follows from nothing.
  private func accuracy(_ decoder: DecoderModel, _ isRetrieval: [[Bool]]) throws -> Double {
    let sampler = try sampler(.evaluation)
    let pattern = AttentionPattern(isRetrieval: isRetrieval, window: window)
    var (right, all) = (0, 0)
    for index in 0..<6 {
      let sample = try sampler.sample(index: index)
      let answers = sample.answers.flatMap { $0.dropFirst() }
      decoder.finalHidden(sample.tokens, patterns: [pattern], rows: sample.predictingRows) {
        _, hidden in
        let found = decoder.predictions(hidden, at: sample.predictors(of: answers))
        right += zip(answers, found).count { sample.tokens[$0] == $1 }
        all += answers.count
      }
    }
    return Double(right) / Double(all)
  }

  private func pattern(_ heads: [(layer: Int, head: Int)]) -> [[Bool]] {
    (0..<PlantedModel.layers).map { layer in
      (0..<2).map { head in heads.contains { $0 == (layer, head) } }
    }
  }

  @Test(arguments: [[(2, 0), (4, 1)], [(1, 1), (5, 0)], [(3, 0), (3, 1)]])
  func calibrationFindsExactlyThePlantedHeads(_ places: [(Int, Int)]) throws {
    let planted = places.map { (layer: $0.0, head: $0.1) }
    let model = PlantedModel(planted: planted)
    let decoder = model.decoder
    // The model does what it was built for: all it needs are the planted heads, and both of them.
    let full = try accuracy(decoder, pattern([]).map { $0.map { _ in true } })
    #expect(full > 0.9, "full \(full)")
    #expect(try accuracy(decoder, pattern(planted)) == full)
    #expect(try accuracy(decoder, pattern([])) < 0.1)
    // Calibration is told nothing of it.
    var settings = CalibrationSettings()
    settings.steps = 60
    let calibrator = Calibrator(
      decoder: decoder, sampler: try sampler(.calibration), settings: settings,
      deployment: Deployment(window))
    var state = CalibrationState(model.configuration, settings: settings)
    try calibrator.run(&state) { _, _ in true }
    for layer in 0..<PlantedModel.layers {
      for (head, gate) in state.gates[layer: layer].enumerated() {
        let isPlanted = planted.contains { $0 == (layer, head) }
        #expect(isPlanted ? gate > 0.9 : gate < 0.05, "layer \(layer), head \(head): \(gate)")
      }
    }
    // The layer map follows, at the sparsity that keeps as many layers as were planted.
    let kept = Set(planted.map(\.layer))
    let sparsity = 1 - Double(kept.count) / Double(PlantedModel.layers)
    for criterion in [Criterion.max, .balance] {
      let map = try state.gates.layerMap(by: criterion, sparsity: sparsity)
      #expect(map.isRetrievalLayer.indices.filter { map.isRetrievalLayer[$0] } == kept.sorted())
      let isRetrieval = map.isRetrievalLayer.map { [$0, $0] }
      #expect(try accuracy(decoder, isRetrieval) == full)
    }
  }

  /// The gates that a calibration of the planted model ends with.
  private func learned(
    _ planted: [(layer: Int, head: Int)], for phase: Deployment.Phase = .everywhere,
    _ change: (inout CalibrationSettings) -> Void = { _ in }
  ) throws -> GateMatrix {
    let model = PlantedModel(planted: planted)
    var settings = CalibrationSettings()
    settings.steps = 60
    change(&settings)
    let calibrator = Calibrator(
      decoder: model.decoder, sampler: try sampler(.calibration), settings: settings,
      deployment: Deployment(window, phase: phase))
    var state = CalibrationState(model.configuration, settings: settings)
    try calibrator.run(&state) { _, _ in true }
    return state.gates
  }

  /// Whose full attention is mixed in makes no difference where layers do not depend on each other.
  @Test func theStudentsOwnAttentionFindsThemToo() throws {
    let gates = try learned([(2, 0), (4, 1)]) { $0.retrieval = .student }
    for layer in 0..<PlantedModel.layers {
      for (head, gate) in gates[layer: layer].enumerated() {
        let isPlanted = (layer, head) == (2, 0) || (layer, head) == (4, 1)
        #expect(isPlanted ? gate > 0.9 : gate < 0.05, "layer \(layer), head \(head): \(gate)")
      }
    }
  }

  /// Gates that are learned for maps that stream after the prompt alone.
  @Test(arguments: RetrievalSource.allCases)
  func theyAreFoundAfterThePromptAlone(retrieval: RetrievalSource) throws {
    let gates = try learned([(2, 0), (4, 1)], for: .decode) { $0.retrieval = retrieval }
    for layer in 0..<PlantedModel.layers {
      for (head, gate) in gates[layer: layer].enumerated() {
        let isPlanted = (layer, head) == (2, 0) || (layer, head) == (4, 1)
        #expect(isPlanted ? gate > 0.9 : gate < 0.05, "layer \(layer), head \(head): \(gate)")
      }
    }
  }

  @Test func aGatePerLayerIsSharedByItsHeads() throws {
    let gates = try learned([(2, 0), (4, 1)]) { $0.gates = .layers }
    for layer in 0..<PlantedModel.layers {
      let row = Array(gates[layer: layer])
      #expect(row[0] == row[1])
      #expect([2, 4].contains(layer) ? row[0] > 0.9 : row[0] < 0.05, "layer \(layer): \(row)")
    }
    let map = try gates.layerMap(by: .layerGate, sparsity: 4.0 / 6)
    #expect(map.isRetrievalLayer.indices.filter { map.isRetrievalLayer[$0] } == [2, 4])
  }

  /// The second stage: layer gates that start from a map.
  ///
  /// One head of it is wrong, one layer is missing.
  @Test func layerGatesMendTheMapTheyStartFrom() throws {
    let model = PlantedModel(planted: [(2, 0), (4, 1)])
    var settings = CalibrationSettings()
    (settings.steps, settings.gates) = (120, .layers)
    let initial = GateMatrix(
      layers: 6, heads: 2, values: [0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
    var state = CalibrationState(model.configuration, settings: settings, initial: initial)
    #expect(state.gates.values == [0, 0, 1, 1, 0.5, 0.5, 0, 0, 0, 0, 0, 0])
    let calibrator = Calibrator(
      decoder: model.decoder, sampler: try sampler(.calibration), settings: settings,
      deployment: Deployment(window))
    try calibrator.run(&state) { _, _ in true }
    for layer in 0..<PlantedModel.layers {
      let gate = state.gates[layer, 0]
      #expect([2, 4].contains(layer) ? gate > 0.9 : gate < 0.05, "layer \(layer): \(gate)")
    }
  }

  @Test func aSparsityIsMet() throws {
    let gates = try learned([(2, 0), (4, 1)]) {
      ($0.sparsity, $0.regularization, $0.steps) = (10.0 / 12, 0, 120)
    }
    let mean = gates.values.reduce(0, +) / 12
    #expect(abs(mean - 2.0 / 12) < 0.05, "\(mean)")
    #expect(gates[2, 0] > 0.8 && gates[4, 1] > 0.8)
  }

  @Test func aSearchFindsThePlantedLayers() throws {
    let planted = [(layer: 1, head: 1), (layer: 4, head: 0)]
    let model = PlantedModel(planted: planted)
    let sampler = try sampler(.search)
    let samples = try (0..<3).map { try sampler.sample(index: $0) }
    for (unit, phase) in MapUnit.allCases.flatMap({ unit in
      [(unit, Deployment.Phase.everywhere), (unit, .decode)]
    }) {
      let question = MapJudge.Question(
        unit: unit, loss: .divergence, rows: .answers,
        deployment: Deployment(window, phase: phase))
      let judge: any SetJudge =
        phase == .decode
        ? try prompted(model, samples, question)
        : try MapJudge(model.decoder, samples: samples, question: question)
      let count = PlantedModel.layers * unit.perLayer(heads: 2)
      var state = SearchState(count: count, samples: samples.count)
      try MapSearch(judge: judge, settings: SearchSettings()).run(&state) { _ in true }
      let best = try #require(state.best(streaming: count - 2))
      let kept = best.kept.indices.filter { best.kept[$0] }
      #expect(kept == (unit == .layers ? [1, 4] : [3, 8]))
      #expect(best.loss < 1e-3)
      #expect(try #require(state.best(streaming: count - 1)).loss > 1)
    }
  }

  private func prompted(
    _ model: PlantedModel, _ samples: [TaskSample], _ question: MapJudge.Question
  ) throws -> PromptedJudge {
    PromptedJudge(
      try PromptedSamples(
        model.decoder, samples, judged: question.rows, deployment: question.deployment),
      unit: question.unit, loss: question.loss)
  }

  /// Where no file can be made, prompts are read again, and why is known.
  @Test func promptsWithoutAPlace() throws {
    let model = PlantedModel(planted: [(layer: 1, head: 1)])
    let samples = try [sampler(.search).sample(index: 0)]
    let read = try PromptedSamples(
      model.decoder, samples, judged: .answers, deployment: Deployment(window, phase: .decode),
      prompts: PromptSettings(byteBudget: 0, fileBudget: 1 << 30, folder: "/no such folder"))
    #expect(read.reread == 1 && read.shortage == .noFile)
  }

  /// Prompts that are read once give the losses of whole passes, whatever is kept of them and of other sets.
  @Test(arguments: MapLoss.allCases) func bothJudgesAgree(loss: MapLoss) throws {
    let model = PlantedModel(planted: [(layer: 1, head: 1), (layer: 4, head: 0)])
    let sampler = try sampler(.search)
    let samples = try (0..<3).map { try sampler.sample(index: $0) }
    for deployment in [
      Deployment(window, phase: .decode), Deployment(window, phase: .decode, after: .keep),
      Deployment(window, phase: .decode, boundary: .answer),
    ] {
      let question = MapJudge.Question(
        unit: .heads, loss: loss, rows: .answers, deployment: deployment)
      let whole = try MapJudge(model.decoder, samples: samples, question: question)
      let folder = FileManager.default.temporaryDirectory.path
      let bytes = samples.reduce(0) {
        max(
          $0,
          PromptCache.bytes(
            model.decoder.configuration, tokens: $1.boundary(deployment.boundary)))
      }
      let read = try [
        (Int.max, 0), (0, 0), (400_000, 0), (0, 3 * bytes), (0, 3 * bytes / 2),
      ].map {
        try PromptedSamples(
          model.decoder, samples, judged: .answers, deployment: deployment,
          prompts: PromptSettings(byteBudget: $0, fileBudget: $1, folder: folder))
      }
      let prompted = read.map { PromptedJudge($0, unit: .heads, loss: loss) }
      // Room for all, for none, for all in a file, for some in a file.
      #expect([0, 1, 3].map { read[$0].reread } == [0, 3, 0])
      #expect((1...2).contains(read[4].reread) && read[4].shortage == .budget)
      var random = SeededGenerator(seed: 5, stream: .resampling)
      var base = Array(repeating: true, count: 12)
      for _ in 0..<4 {
        let sets = (0..<3).map { _ in
          var set = base
          set[random.below(12)].toggle()
          return set
        }
        let trials = sets.flatMap { set in
          samples.indices.map { SetTrial(kept: set, sample: $0) }
        }
        let expected = try whole.losses(of: trials)
        let found = try prompted.map { try $0.losses(of: trials) }
        for (own, theirs) in zip(found[0], expected) {
          #expect(abs(own - theirs) <= 2e-4 * max(1, abs(theirs)), "\(deployment.name)")
        }
        #expect(found.allSatisfy { $0 == found[0] })
        base = sets[0]
        for judge in prompted { judge.rebase(base) }
        whole.rebase(base)
      }
    }
  }

  /// One pass gives the losses of single layers by divergence and by likelihood that judges of either give.
  @Test(arguments: [Deployment.Phase.everywhere, .decode])
  func oneLayerBackHasBothLosses(phase: Deployment.Phase) throws {
    let model = PlantedModel(planted: [(layer: 1, head: 1), (layer: 4, head: 0)])
    let sampler = try sampler(.search)
    let samples = try (0..<2).map { try sampler.sample(index: $0) }
    func judge(_ loss: MapLoss) throws -> any LossJudge {
      let question = MapJudge.Question(
        unit: .layers, loss: loss, rows: .answers, deployment: Deployment(window, phase: phase))
      return phase == .decode
        ? try prompted(model, samples, question)
        : try MapJudge(model.decoder, samples: samples, question: question)
    }
    let count = PlantedModel.layers
    let found = try LayerRestoration(
      MapSpace(layers: count, heads: model.configuration.keyValueHeads), judge: judge(.hidden))
    for (loss, both) in [
      (MapLoss.divergence, found.divergence), (.likelihood, found.likelihood),
    ] {
      let own = try judge(loss)
      for layer in 0..<count {
        let kept = (0..<count).map { $0 == layer }
        let mean = try (0..<2).reduce(0) { try $0 + own.loss(of: kept, sample: $1) } / 2
        #expect(abs(both[layer] - mean) <= 1e-5 * max(1, mean), "\(loss), layer \(layer)")
      }
    }
    // The planted layers gain most alone, too.
    #expect(
      found.divergence.indices.sorted { found.divergence[$0] < found.divergence[$1] }
        .prefix(2).sorted() == [1, 4])
  }
}
