import GateOptimizer
import MapReporter
import ModelLoader
import Transformer

/// The operations, the memory and the messages of stages, and how fast they are.
struct StageCosts {
  private let configuration: RunConfiguration
  private let model: ModelConfiguration
  private let count: OperationCount
  /// Machines with a rank each.
  private let ranks: Int
  /// Operations a second of each.
  private let rate: Double
  /// Bytes that a stage may take.
  private let budget: Int
  private let messages: SentBytes

  /// Costs on so many machines of `rate` operations a second, each with a rank that may take `budget` bytes.
  init(
    _ configuration: RunConfiguration, _ model: ModelConfiguration, ranks: Int, rate: Double,
    budget: Int
  ) {
    self.configuration = configuration
    self.model = model
    self.ranks = ranks
    self.rate = rate
    self.budget = budget
    count = OperationCount(model)
    messages = SentBytes(model: model, ranks: ranks)
  }

  private func line(
    _ stage: String, _ work: String, _ parts: [DealtWork], bytes: Int, sent: Int
  ) -> CostPlan.Line {
    let operations = parts.reduce(0) { $0 + $1.slowest(of: ranks) }
    return CostPlan.Line(
      stage: stage, work: work, seconds: operations / rate, bytes: min(bytes, budget), sent: sent)
  }

  private func prefill(_ tokens: Int) -> Double {
    Double(count.prefill(.full(model), rows: 0..<tokens).total)
  }

  /// The rows of a map after a prompt of `boundary` tokens.
  private func rows(_ rows: Int, after boundary: Int) -> Double {
    let all = prefill(boundary + rows)
    return all - prefill(boundary)
  }

  /// Learning of gates on samples such as `sample`.
  func learn(_ settings: CalibrationSettings, _ sample: TaskSample) -> CostPlan.Line {
    let deployment = configuration.gateDeployment
    let samples = settings.steps * settings.batch
    let (tokens, labels) = (sample.labelRows.upperBound, sample.labelRows.count)
    let (teacher, student): (Double, Double)
    var outputs = labels * model.hidden
    switch deployment.phase {
    case .everywhere where settings.retrieval == .teacher:
      let step = count.step(window: deployment.window, labelRows: sample.labelRows)
      teacher = Double(step.teacher.total)
      student = Double((step.student + step.backward).total)
      let cones = deployment.window.predictedStudentRows(
        layers: model.layers, labels: labels, tokens: tokens)
      outputs += cones * model.queryHeads * model.headDim
    case .decode:
      (teacher, student) = (prefill(tokens), 3 * rows(labels, after: tokens - labels))
      outputs += PromptCache.bytes(model, tokens: tokens) / MemoryLayout<Float>.stride
    default: (teacher, student) = (prefill(tokens), 3 * prefill(tokens))
    }
    let kept = model.layers * tokens * (2 * model.hidden + 2 * model.activeFeedForward) * 4
    let rowsKept = deployment.phase == .decode ? kept * labels / max(tokens, 1) : kept
    let each = outputs * MemoryLayout<Float>.stride
    let taught = teaching(samples, of: settings.samples, bytes: each)
    let dealt = DealtSteps(
      steps: settings.steps, batch: settings.batch, of: settings.samples, ranks: ranks)
    let operations =
      Double(settings.steps) * dealt.most * (teacher * taught.share + student)
    return CostPlan.Line(
      stage: "learn",
      work: settings.batch == 1
        ? "\(samples) steps of \(tokens) tokens"
        : "\(settings.steps) steps of \(settings.batch) samples of \(tokens) tokens",
      seconds: operations / rate,
      bytes: min(rowsKept + max(taught.kept, each) + activations(tokens), budget),
      sent: messages.learn(steps: settings.steps, dealt))
  }

  /// Bytes of one layer's rows while a prompt is read.
  private func activations(_ tokens: Int) -> Int {
    4 * tokens * (4 * model.hidden + 2 * model.activeFeedForward)
  }

  /// How often a sample is taught, 0…1, and the bytes that a rank keeps of the teacher's outputs in memory.
  ///
  /// `samples` are drawn from a set of `count`, 0 for one without an end; the outputs on one take `bytes`.
  private func teaching(
    _ samples: Int, of count: Int, bytes: Int
  ) -> (share: Double, kept: Int) {
    let compute = configuration.compute
    guard count > 0, samples > 0, bytes > 0 else { return (1, 0) }
    let own = DealtWork.most(count, ranks)
    let kept = min(own, compute.teacherCache.byteCount / bytes)
    let again = Double(max(samples - count, 0)) * (1 - Double(kept) / Double(own))
    let taught = Double(min(samples, count)) + again
    return (taught / Double(samples), compute.teacherCacheOnDisk ? 0 : kept * bytes)
  }

  /// A search of maps of `unit`.
  func search(_ unit: MapUnit, _ samples: [TaskSample]) throws -> CostPlan.Line {
    let space = MapSpace(model)
    let units = unit.count(in: space)
    let deployment = configuration.searchDeployment
    let sizes = Set(
      try configuration.searchSparsities.map {
        try Sparsity.streaming(of: space.globalLayers.count, at: $0)
          * unit.perLayer(heads: space.heads)
      })
    let evaluations = SearchForecast(
      count: units, samples: samples.count, settings: configuration.search, swapSizes: sizes,
      starts: configuration.searchStarts(unit), together: deployment.phase == .decode
    ).total(SearchState(count: units, samples: samples.count))
    var (each, once, longest) = (0.0, 0.0, 0)
    for sample in samples {
      let (tokens, end) = (sample.labelRows.upperBound, sample.boundary(deployment.boundary))
      once += prefill(tokens)
      // A trial begins at the layer in which it differs: half of them on average.
      if deployment.phase == .decode {
        each += 0.5 * rows(tokens - end, after: end) / Double(samples.count)
        longest = max(
          longest,
          PromptCache.bytes(model, tokens: end, storage: configuration.search.prompts))
      } else {
        each += 0.5 * prefill(tokens) / Double(samples.count)
        longest = max(longest, 3 * model.layers * tokens * model.hidden * 4)
      }
    }
    let half = (samples.count + 1) / 2
    let alone =
      configuration.search.starts.contains(.oneLayerBack)
      ? space.globalLayers.count * samples.count : 0
    return line(
      "search", "about \(evaluations + alone) evaluations of \(unit), \(deployment.name)",
      [
        DealtWork(rounds: 1, samples: samples.count, operations: once / Double(samples.count)),
        // Most sets are measured on half of the samples or fewer, whose owners alone are at work.
        DealtWork(
          rounds: Double(evaluations + alone) / Double(half), samples: half, operations: each),
      ],
      bytes: longest * DealtWork.most(samples.count, ranks)
        + activations(samples.map(\.length).max() ?? 0),
      sent: messages.search(
        evaluations: evaluations + alone,
        rounds: deployment.phase == .decode
          ? 5 * units / 2 : (evaluations + alone) / min(ranks, samples.count),
        samples: samples.count, units: units))
  }

  /// Scores of heads, and accuracy without them; nil where no method is asked for.
  func score() throws -> CostPlan.Line? {
    let settings = configuration.scores
    guard !settings.methods.isEmpty else { return nil }
    // A pass for each method; KVzip reads what is repeated as well, and the others their queries.
    let asking = settings.methods.filter(\.asksOnDocuments)
    let passes = asking.reduce(0.0) { $0 + ($1 == .repetition ? 2.2 : 1.2) }
    let alone = settings.methods.contains { !$0.asksOnDocuments && $0.ranksHeads == false }
    let layers = alone ? MapSpace(model).globalLayers.count * configuration.search.samples : 0
    let ranked = settings.methods.count(where: \.ranksHeads) + settings.masking.seeds.count
    let masks = settings.masking.heads.isEmpty ? 0 : 2 * (1 + ranked * settings.masking.heads.count)
    var sizes = Array(repeating: settings.context, count: settings.samples)
    if let path = settings.embeddings, !asking.isEmpty {
      sizes = try EmbeddingFile(contentsOf: path).sizes()
    }
    let longest = sizes.max() ?? 0
    let read = sizes.reduce(0) { $0 + prefill($1) } / Double(max(sizes.count, 1))
    return line(
      "score",
      "\(settings.methods.count) methods, \(sizes.count) samples of \(longest) tokens, \(masks) sets of masked heads",
      [
        DealtWork(rounds: passes, samples: sizes.count, operations: read),
        DealtWork(
          rounds: Double(layers) / Double(max(configuration.search.samples, 1)),
          samples: configuration.search.samples,
          operations: layers > 0 ? 0.5 * prefill(configuration.searchContexts[0]) : 0),
        DealtWork(
          rounds: Double(masks), samples: settings.masking.samples,
          operations: prefill(configuration.evaluation.context)),
      ], bytes: activations(longest),
      sent: messages.score(
        methods: asking.count, samples: sizes.count, masks: masks,
        maskSamples: settings.masking.samples))
  }

  /// The maps of a task in a deployment.
  func evaluate(
    _ task: EvaluationTask, _ deployment: Deployment, _ tokenizer: Tokenizer
  ) throws -> CostPlan.Line {
    let settings = configuration.evaluation
    let samples = settings.samples(of: task)
    var tokens = settings.context(of: task)
    let maps = mapCount(task)
    var (end, generated) = (tokens / 2, 0)
    if let content = task.answers {
      let sample = try configuration.evaluationSamples(
        task, tokenizer, positions: model.maxPositions
      ).sample(index: 0)
      if content.file != nil { tokens = sample.length }
      end = sample.boundary(deployment.boundary)
      generated =
        task.decodes ? max(sample.labelRows.upperBound - end, 1) : sample.key?.maximumTokens ?? 0
    }
    let (once, each): (Double, Double)
    var bytes = activations(tokens)
    if task.generates {
      let decoded = Double(generated * Self.decodedAsRead) * prefill(1)
      let reads = deployment.phase == .decode ? 1 : maps
      let group = GenerationGroup.size(model, capacity: tokens, within: budget)
      let caches = deployment.phase == .decode ? 1 + min(maps, group) : 1
      bytes += caches * PromptCache.bytes(model, tokens: tokens)
      let read = Double(reads) * 1.2 * prefill(tokens)
      (once, each) = reads > 1 ? (0, read / Double(maps) + decoded) : (read, decoded)
    } else if deployment.phase == .decode {
      (once, each) = (prefill(tokens), 0.8 * rows(max(tokens - end, 1), after: end))
      bytes += PromptCache.bytes(model, tokens: end)
    } else {
      (once, each) = (0, 0.8 * prefill(tokens))
    }
    let dealt = DealtEvaluation(samples: samples, maps: maps, once: once, each: each)
    return CostPlan.Line(
      stage: "evaluate",
      work:
        "\(task.name), \(deployment.name): \(samples) samples of \(tokens) tokens, up to \(maps) maps",
      seconds: dealt.slowest(of: ranks) / rate, bytes: bytes,
      sent: messages.evaluate(samples: samples, maps: maps))
  }

  /// A token that is decoded reads all weights, and takes as long as so many of a prompt.
  private static let decodedAsRead = 15

  /// The maps that the settings ask for, most of them different ones.
  private func mapCount(_ task: EvaluationTask) -> Int {
    let settings = configuration.evaluation
    let swept = (task.sparsities ?? settings.sparsities).filter { $0 > 0 && $0 < 1 }.count
    let drawn = (settings.randomSparsities ?? settings.sparsities).filter { $0 > 0 && $0 < 1 }
      .filter { task.sparsities?.contains($0) ?? true }.count
    let chosen =
      (task.criteria ?? settings.criteria).count + (configuration.calibration == nil ? 0 : 1)
    let others =
      settings.randomLayerSeeds.count + settings.randomHeadSeeds.count + settings.baselines.count
    let scored = configuration.scores.methods.reduce(0) {
      $0 + ($1.ranksHeads ? 1 + settings.criteria.count { $0 != .search } : 1)
    }
    return 2 + swept * (chosen + settings.maps.count + scored) + drawn * others
  }
}
