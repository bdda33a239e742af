import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Transformer

/// What each stage of a run will take on this machine, told before anything is computed.
///
/// One short prefill says how fast the machine is; the rest is counted (``OperationCount``). Numbers of evaluations
/// are those of a search of its kind, and of maps those that the settings ask for, so that a time may be off by half.
package struct CostPlan: Sendable {
  /// One stage.
  package struct Line: Sendable, Codable {
    /// Its name, as of ``Stage``; for an evaluation with task and deployment.
    package let stage: String
    /// What it does, such as "120 steps of 1,024 tokens".
    package let work: String
    /// Seconds, ≥ 0.
    package let seconds: Double
    /// Bytes of memory besides the model's, ≥ 0.
    package let bytes: Int
  }

  /// The stages in their order.
  package let lines: [Line]
  /// Bytes of the model's weights, which are mapped.
  package let modelBytes: Int
  /// Operations a second of a short prefill here.
  package let rate: Double

  /// Seconds of all stages.
  package var seconds: Double { lines.reduce(0) { $0 + $1.seconds } }

  /// The plan of a run; it opens the model and computes one short prefill.
  ///
  /// - Throws: `FileError` where the model cannot be opened, ``RunError`` where it does not suit the configuration,
  ///   `GateOptimizerError` where no sample can be made.
  package init(_ configuration: RunConfiguration, document: ConfigurationDocument) throws {
    let loaded = try configuration.openModel(document)
    let tokenizer = try loaded.requiredTokenizer()
    let costs = StageCosts(configuration, loaded.decoder)
    var lines: [Line] = []
    try document.placing {
      if let settings = configuration.calibration {
        let sample = try configuration.calibrationSampler(tokenizer).sample(index: 0, context: nil)
        lines.append(costs.learn(settings, sample))
      }
      if !configuration.searchedUnits.isEmpty {
        let samples = try configuration.searchSamples(tokenizer)
        lines += try configuration.searchedUnits.map { try costs.search($0, samples) }
      }
      if let line = try costs.score() { lines.append(line) }
      for task in configuration.evaluation.tasks {
        for deployment in configuration.deployments {
          lines.append(try costs.evaluate(task, deployment, tokenizer))
        }
      }
    }
    self.lines = lines
    modelBytes =
      (try? FileManager.default.attributesOfItem(atPath: configuration.model)[.size] as? Int) ?? 0
    rate = costs.rate
  }
}

/// The operations and the memory of stages, and how fast they are here.
private struct StageCosts {
  let configuration: RunConfiguration
  let decoder: DecoderModel
  let count: OperationCount
  /// Operations a second.
  let rate: Double

  private var model: ModelConfiguration { decoder.configuration }

  init(_ configuration: RunConfiguration, _ decoder: DecoderModel) {
    self.configuration = configuration
    self.decoder = decoder
    count = OperationCount(decoder)
    let tokens = min(Self.probe, decoder.configuration.maxPositions)
    let ids = [Int32](repeating: 0, count: tokens)
    let full = AttentionPattern.full(decoder.configuration)
    // The first prefill reads the weights from the disk.
    _ = decoder.finalHidden(Array(ids.prefix(16)), pattern: full)
    let start = ContinuousClock.now
    _ = decoder.finalHidden(ids, pattern: full)
    rate =
      Double(count.prefill(full, rows: 0..<tokens).total)
      / ((ContinuousClock.now - start) / .seconds(1))
  }

  /// Tokens of the prefill that is timed.
  private static let probe = 256

  private func line(_ stage: String, _ work: String, _ operations: Double, _ bytes: Int)
    -> CostPlan.Line
  {
    CostPlan.Line(stage: stage, work: work, seconds: operations / rate, bytes: bytes)
  }

  private func prefill(_ tokens: Int) -> Double {
    Double(count.prefill(.full(model), rows: 0..<tokens).total)
  }

  /// The rows of a map after a prompt of `boundary` tokens.
  private func rows(_ rows: Int, after boundary: Int) -> Double {
    let all = prefill(boundary + rows)
    return all - prefill(boundary)
  }

  func learn(_ settings: CalibrationSettings, _ sample: TaskSample) -> CostPlan.Line {
    let deployment = configuration.gateDeployment
    let steps = settings.steps * settings.batch
    let (tokens, labels) = (sample.labelRows.upperBound, sample.labelRows.count)
    let step: Double
    switch deployment.phase {
    case .everywhere where settings.retrieval == .teacher:
      step = Double(count.step(window: deployment.window, labelRows: sample.labelRows).total.total)
    case .decode: step = prefill(tokens) + 3 * rows(labels, after: tokens - labels)
    default: step = 4 * prefill(tokens)
    }
    let kept = model.layers * tokens * (2 * model.hidden + 2 * model.activeFeedForward) * 4
    let rowsKept = deployment.phase == .decode ? kept * labels / max(tokens, 1) : kept
    return line(
      "learn", "\(steps) steps of \(tokens) tokens", Double(steps) * step,
      min(rowsKept, configuration.compute.memoryBudget.byteCount))
  }

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
      together: deployment.phase == .decode
    ).total(SearchState(count: units, samples: samples.count))
    var (each, once, bytes) = (0.0, 0.0, 0)
    for sample in samples {
      let (tokens, end) = (sample.labelRows.upperBound, sample.boundary(deployment.boundary))
      once += prefill(tokens)
      // A trial begins at the layer in which it differs: half of them on average.
      if deployment.phase == .decode {
        each += 0.5 * rows(tokens - end, after: end) / Double(samples.count)
        bytes += PromptCache.bytes(
          model, tokens: end, storage: configuration.search.prompts)
      } else {
        each += 0.5 * prefill(tokens) / Double(samples.count)
        bytes += 3 * model.layers * tokens * model.hidden * 4
      }
    }
    let alone =
      configuration.search.starts.contains(.oneLayerBack)
      ? space.globalLayers.count * samples.count : 0
    return line(
      "search", "about \(evaluations + alone) evaluations of \(unit), \(deployment.name)",
      once + Double(evaluations + alone) * each,
      min(bytes, configuration.compute.memoryBudget.byteCount))
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
    let operations =
      passes * sizes.reduce(0) { $0 + prefill($1) }
      + Double(layers) * 0.5 * prefill(configuration.searchContexts[0])
      + Double(masks * settings.masking.samples) * prefill(configuration.evaluation.context)
    return line(
      "score",
      "\(settings.methods.count) methods, \(sizes.count) samples of \(longest) tokens, \(masks) sets of masked heads",
      operations, 4 * longest * (4 * model.hidden + 2 * model.activeFeedForward))
  }

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
    let operations: Double
    var bytes = 4 * tokens * (4 * model.hidden + 2 * model.activeFeedForward)
    if task.generates {
      let decoded = Double(generated * Self.decodedAsRead) * prefill(1)
      let reads = deployment.phase == .decode ? 1 : maps
      let group = GenerationGroup.size(
        model, capacity: tokens, within: configuration.compute.memoryBudget.byteCount)
      let caches = deployment.phase == .decode ? 1 + min(maps, group) : 1
      bytes += caches * PromptCache.bytes(model, tokens: tokens)
      operations = Double(reads) * 1.2 * prefill(tokens) + Double(maps) * decoded
    } else if deployment.phase == .decode {
      operations = prefill(tokens) + Double(maps) * 0.8 * rows(max(tokens - end, 1), after: end)
      bytes += PromptCache.bytes(model, tokens: end)
    } else {
      operations = Double(maps) * 0.8 * prefill(tokens)
    }
    return line(
      "evaluate",
      "\(task.name), \(deployment.name): \(samples) samples of \(tokens) tokens, up to \(maps) maps",
      Double(samples) * operations, bytes)
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
