import GateOptimizer
import ModelLoader
import Transformer

/// What each stage of a run will take, told before anything is computed.
///
/// One short prefill says how fast this machine is, unless the rate of a core is given; the rest is counted
/// (``OperationCount``). Numbers of evaluations are those of a search of its kind, and of maps those that the
/// settings ask for, so that a time may be off by half. Cores elsewhere are taken to work side by side without loss.
package struct CostPlan: Sendable, Encodable {
  /// One stage.
  package struct Line: Sendable, Encodable {
    /// Its name, as of ``Stage``; for an evaluation with task and deployment.
    package let stage: String
    /// What it does, such as "120 steps of 1,024 tokens".
    package let work: String
    /// Seconds, ≥ 0.
    package let seconds: Double
    /// Bytes of memory of a rank besides the model's, ≥ 0.
    ///
    /// Here learning and searching keep to the memory budget. Elsewhere it is what they take where nothing but the
    /// teacher's outputs, which have a budget of their own, is read or computed twice.
    package let bytes: Int
    /// Bytes that ranks send one another, 0 for one rank.
    package let sent: Int
  }

  /// The stages in their order.
  package let stages: [Line]
  /// Bytes of the model's weights, which are mapped.
  package let modelBytes: Int
  /// Machines, each with a rank.
  package let machines: Int
  /// Cores of each.
  package let cores: Int
  /// Operations a second of a core.
  package let coreRate: Double

  private enum CodingKeys: String, CodingKey {
    case stages, machines, cores
    case modelBytes = "model_bytes"
    case coreRate = "core_rate"
  }

  /// Seconds of all stages.
  package var seconds: Double { stages.reduce(0) { $0 + $1.seconds } }

  /// The plan of a run; it opens the model, and computes one short prefill unless the rate of a core is given.
  ///
  /// - Parameters:
  ///   - configuration: The run's settings.
  ///   - document: Where they were read from, for messages.
  ///   - machines: Where it would run.
  ///   - path: The path of a config.json: the plan is for a model of its shapes, and the configuration's model gives
  ///     its tokenizer alone.
  /// - Throws: `FileError` where a file cannot be read, ``RunError`` where the model does not suit the configuration,
  ///   `GateOptimizerError` where no sample can be made.
  package init(
    _ configuration: RunConfiguration, document: ConfigurationDocument,
    machines: PlannedMachines = PlannedMachines(), shapes path: String? = nil
  ) throws {
    let loaded = try ModelFile.open(path: configuration.model)
    let shapes =
      try path.map { path in try ModelShapes(configurationAt: path) } ?? ModelShapes(loaded)
    try document.placing { try configuration.validate(for: shapes.configuration, of: path) }
    try document.placing { try configuration.requireCountable(shapes.configuration) }
    let isHere = machines.count == nil && machines.cores == nil && path == nil
    let tokenizer = try loaded.requiredTokenizer()
    self.machines = machines.count ?? 1
    cores = machines.cores ?? Parallelism.cores
    coreRate = machines.coreRate ?? Self.coreRate(of: loaded.decoder)
    let costs = StageCosts(
      configuration, shapes.configuration, ranks: self.machines, rate: coreRate * Double(cores),
      budget: isHere ? configuration.compute.memoryBudget.byteCount : .max)
    stages = try document.placing {
      var lines: [Line] = []
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
      return lines
    }
    modelBytes = shapes.weightBytes
  }

  /// Tokens of the prefill that is timed.
  private static let probe = 256

  /// Operations a second of a core in a short prefill by all of them.
  private static func coreRate(of decoder: DecoderModel) -> Double {
    let tokens = min(probe, decoder.configuration.maxPositions)
    let ids = [Int32](repeating: 0, count: tokens)
    let full = AttentionPattern.full(decoder.configuration)
    // The first prefill reads the weights from the disk.
    _ = decoder.finalHidden(Array(ids.prefix(16)), pattern: full)
    let start = ContinuousClock.now
    _ = decoder.finalHidden(ids, pattern: full)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let operations = OperationCount(decoder.configuration).prefill(full, rows: 0..<tokens).total
    return Double(operations) / seconds / Double(Parallelism.cores)
  }
}

extension RunConfiguration {
  /// Refuses contexts of which no operations can be counted: beyond ``mostOperations`` for one prompt.
  ///
  /// - Throws: `InvalidSetting` with the setting's path.
  fileprivate func requireCountable(_ model: ModelConfiguration) throws(InvalidSetting) {
    let row = model.kinds.indices.reduce(0.0) { sum, layer in
      sum + Double(model.feedForwardOperations(layer: layer))
        + 4 * Double(model.hidden)
        * Double((model.queryHeads + model.keyValueHeads) * model.headDim)
    }
    let pair = 4 * Double(model.headDim) * Double(model.queryHeads) * Double(model.layers)
    for (path, tokens) in contexts.map({ ($0.path, $0.tokens) }) {
      let operations = Double(tokens) * (row + Double(tokens) / 2 * pair)
      guard operations <= Self.mostOperations else {
        throw InvalidSetting(
          path,
          "is \(tokens) tokens, too many to count the operations of this model; plan for fewer")
      }
    }
  }

  /// A quarter of the largest number that counts hold.
  private static let mostOperations = 2e18
}
