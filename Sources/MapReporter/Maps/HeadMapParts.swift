import GateOptimizer
import ModelLoader
import Support
import Transformer

extension HeadMap {
  /// Which model a map is for; what a bare gate file does not tell is nil.
  public struct Model: Codable, Sendable, Hashable {
    /// Hugging Face `model_type`, such as llama.
    public var modelType: String?
    /// Decoder layers, L ≥ 1.
    public var layers: Int
    /// Query heads, H, a multiple of ``keyValueHeads``.
    public var queryHeads: Int?
    /// Key-value heads, K ≥ 1.
    public var keyValueHeads: Int
    /// SHA-256 of the model's weights, 64 lower-case hexadecimal digits.
    public var weightsSHA256: String?
    /// SHA-256 of the model's configuration (`ModelIdentity`), as long; earlier versions wrote none.
    public var configurationSHA256: String?
    /// SHA-256 of its tokenizer.json, as long, or `none`; earlier versions wrote none.
    public var tokenizerSHA256: String?
    /// The window of each layer that has one of its own, in tokens, (L) with nil for global layers; nil where all
    /// are global.
    public var ownWindows: [Int?]?
    /// Whether layers with windows of their own turn positions otherwise than global ones.
    public var ownPositions: Bool?

    /// The heads that maps of the model decide on.
    public var space: MapSpace {
      guard let ownWindows, ownWindows.count == layers else {
        return MapSpace(layers: max(layers, 0), heads: keyValueHeads)
      }
      return MapSpace(
        layers: layers, heads: keyValueHeads,
        globalLayers: ownWindows.indices.filter { ownWindows[$0] == nil })
    }

    /// The layers that slide windows of their own.
    var layersWithOwnWindows: Set<Int> {
      let windows = ownWindows ?? []
      return Set(windows.indices.filter { windows[$0] != nil })
    }

    /// The identity of a model.
    public init(
      modelType: String? = nil, layers: Int, queryHeads: Int? = nil, keyValueHeads: Int,
      weightsSHA256: String? = nil
    ) {
      self.modelType = modelType
      self.layers = layers
      self.queryHeads = queryHeads
      self.keyValueHeads = keyValueHeads
      self.weightsSHA256 = weightsSHA256
    }

    /// Reads a model; own windows that cannot be those of its layers are refused.
    public init(from decoder: any Decoder) throws {
      let given = try decoder.container(keyedBy: CodingKeys.self)
      modelType = try given.decodeIfPresent(String.self, forKey: .modelType)
      layers = try given.decode(Int.self, forKey: .layers)
      queryHeads = try given.decodeIfPresent(Int.self, forKey: .queryHeads)
      keyValueHeads = try given.decode(Int.self, forKey: .keyValueHeads)
      weightsSHA256 = try given.decodeIfPresent(String.self, forKey: .weightsSHA256)
      configurationSHA256 = try given.decodeIfPresent(String.self, forKey: .configurationSHA256)
      tokenizerSHA256 = try given.decodeIfPresent(String.self, forKey: .tokenizerSHA256)
      ownWindows = try given.decodeIfPresent([Int?].self, forKey: .ownWindows)
      ownPositions = try given.decodeIfPresent(Bool.self, forKey: .ownPositions)
      if let flaw = ownWindowsFlaw() { throw flaw }
    }

    /// What is wrong with ``ownWindows``.
    func ownWindowsFlaw() -> ValueFlaw? {
      guard let windows = ownWindows else { return nil }
      guard windows.count == layers, windows.contains(nil) else {
        return ValueFlaw(
          place: "model.own_windows",
          expected: "\(layers) values, one per layer, null for one of them at least",
          found: "\(windows.count) values, \(windows.count { $0 == nil }) of them null")
      }
      for (layer, window) in windows.enumerated() {
        if let window, !SettingRange.window.contains(window) {
          return ValueFlaw(
            place: "model.own_windows[\(layer)]",
            expected: "\(SettingRange.window.lowerBound) to \(SettingRange.window.upperBound)",
            found: "\(window)")
        }
      }
      return nil
    }

    /// The identity of a model that was opened or inspected.
    public init(_ configuration: ModelConfiguration, identity: ModelIdentity) {
      self.init(
        modelType: configuration.modelType, layers: configuration.layers,
        queryHeads: configuration.queryHeads, keyValueHeads: configuration.keyValueHeads,
        weightsSHA256: identity.weightsSHA256)
      configurationSHA256 = identity.configurationSHA256
      tokenizerSHA256 = identity.tokenizerSHA256
      setWindows(configuration)
    }

    /// Takes over which layers have windows of their own.
    mutating func setWindows(_ configuration: ModelConfiguration) {
      let kinds = configuration.kinds
      guard kinds.contains(where: { $0.window != nil }) else { return }
      ownWindows = kinds.map(\.window)
      let (own, global) = (
        Set(kinds.filter { $0.window != nil }.map(\.rotary)),
        Set(kinds.filter { $0.window == nil }.map(\.rotary))
      )
      ownPositions = own != global
    }

    /// The hashes, as far as they are known.
    public var identity: ModelIdentity {
      ModelIdentity(
        weightsSHA256: weightsSHA256, configurationSHA256: configurationSHA256,
        tokenizerSHA256: tokenizerSHA256)
    }

    enum CodingKeys: String, CodingKey {
      case modelType = "model_type"
      case layers = "num_hidden_layers"
      case queryHeads = "num_attention_heads"
      case keyValueHeads = "num_key_value_heads"
      case weightsSHA256 = "weights_sha256"
      case configurationSHA256 = "configuration_sha256"
      case tokenizerSHA256 = "tokenizer_sha256"
      case ownWindows = "own_windows"
      case ownPositions = "own_positions"
    }
  }

  /// What a streaming head sees, and the block its sizes are counted in.
  public struct Window: Codable, Sendable, Hashable {
    /// First tokens that stay visible, ≥ 0.
    public var sink: Int
    /// Sliding window in tokens, the current one included, ≥ 1.
    public var recent: Int
    /// Tokens per block of the kernel the map was made for; 1 is exact to the token.
    public var block: Int
    /// Where streaming heads stream.
    public var phase: Deployment.Phase
    /// Where the prompt ends; it matters only where not everything streams.
    public var boundary: Deployment.Boundary
    /// What streaming heads see after the prompt.
    public var after: Deployment.After

    /// A window of `sink` first and `recent` last tokens, everywhere.
    public init(sink: Int, recent: Int, block: Int = 1) {
      self.init(Deployment(StreamingWindow(sink: sink, recent: recent, block: block)))
    }

    /// What a deployment says.
    public init(_ deployment: Deployment) {
      sink = deployment.window.sink
      recent = deployment.window.recent
      block = deployment.window.block
      phase = deployment.phase
      boundary = deployment.boundary
      after = deployment.after
    }

    /// The same as a deployment.
    public var deployment: Deployment {
      Deployment(
        StreamingWindow(sink: sink, recent: recent, block: block), phase: phase,
        boundary: boundary, after: after)
    }

    /// Whether sink, recent and block say all.
    var isEverywhere: Bool { phase == .everywhere }

    enum CodingKeys: String, CodingKey {
      case sink, recent, block, phase, boundary, after
    }

    /// Reads a window; without a phase it is everywhere.
    public init(from decoder: any Decoder) throws {
      let given = try decoder.container(keyedBy: CodingKeys.self)
      sink = try given.decode(Int.self, forKey: .sink)
      recent = try given.decode(Int.self, forKey: .recent)
      block = try given.decode(Int.self, forKey: .block)
      phase = try Self.choice(given, .phase, default: .everywhere)
      boundary = try Self.choice(given, .boundary, default: .question)
      after = try Self.choice(given, .after, default: .slide)
    }

    private static func choice<Value: SettingChoice>(
      _ given: KeyedDecodingContainer<CodingKeys>, _ key: CodingKeys, default fallback: Value
    ) throws -> Value {
      guard let name = try given.decodeIfPresent(String.self, forKey: key) else { return fallback }
      guard let value = Value(rawValue: name) else {
        let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValueFlaw(
          place: "window.\(key.rawValue)", expected: "one of \(known)", found: "\"\(name)\"")
      }
      return value
    }

    /// Writes the window; where it is everywhere, as version 1 had it.
    public func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(sink, forKey: .sink)
      try container.encode(recent, forKey: .recent)
      try container.encode(block, forKey: .block)
      guard !isEverywhere else { return }
      try container.encode(phase, forKey: .phase)
      try container.encode(boundary, forKey: .boundary)
      try container.encode(after, forKey: .after)
    }
  }

  /// How layers or heads were chosen.
  public struct Criterion: Codable, Sendable, Hashable {
    /// Name of the criterion, such as balance, max or head-mixed.
    public var name: String
    /// The weight w of the weighted criteria.
    public var weight: Double?
    /// How equal scores were ordered.
    public var tieBreak: String

    /// A criterion by name.
    public init(
      name: String, weight: Double? = nil, tieBreak: String = Criterion.standardTieBreak
    ) {
      self.name = name
      self.weight = weight
      self.tieBreak = tieBreak
    }

    /// Ties go to the larger sum of gates, then to the lower layer.
    public static let standardTieBreak = "score, sum of gates, lower layer"

    enum CodingKeys: String, CodingKey {
      case name
      case weight
      case tieBreak = "tie_break"
    }
  }

  /// Share of streaming heads, asked for and reached.
  public struct Sparsity: Codable, Sendable, Hashable {
    /// The share asked for, 0…1.
    public var requested: Double
    /// The share of key-value heads that stream, 0…1.
    public var achieved: Double
    /// The same of the heads of global layers; nil where all layers are global.
    public var achievedGlobal: Double?

    enum CodingKeys: String, CodingKey {
      case requested, achieved
      case achievedGlobal = "achieved_global"
    }
  }

  /// How the gates came to be; everything but the source may be unknown.
  public struct Calibration: Codable, Sendable, Hashable {
    /// "zigzag" for gates learned here, otherwise the file they were read from.
    public var source: String
    /// What was minimised, such as "distillation".
    public var objective: String?
    /// Optimizer steps.
    public var steps: Int?
    /// Seed of samples and order.
    public var seed: Int?
    /// Shortest training context in tokens.
    public var contextMin: Int?
    /// Longest training context in tokens.
    public var contextMax: Int?
    /// Weight λ of the mean gate in the loss.
    public var regularization: Double?
    /// Peak learning rate.
    public var learningRate: Double?
    /// Distillation loss at the end.
    public var distillationLoss: Double?
    /// Version of the tool that wrote the map.
    public var toolVersion: String?

    /// What is known of a calibration.
    public init(
      source: String, objective: String? = nil, steps: Int? = nil, seed: Int? = nil,
      contextMin: Int? = nil, contextMax: Int? = nil, regularization: Double? = nil,
      learningRate: Double? = nil, distillationLoss: Double? = nil, toolVersion: String? = nil
    ) {
      self.source = source
      self.objective = objective
      self.steps = steps
      self.seed = seed
      self.contextMin = contextMin
      self.contextMax = contextMax
      self.regularization = regularization
      self.learningRate = learningRate
      self.distillationLoss = distillationLoss
      self.toolVersion = toolVersion
    }

    enum CodingKeys: String, CodingKey {
      case source, objective, steps, seed, regularization
      case contextMin = "context_min"
      case contextMax = "context_max"
      case learningRate = "learning_rate"
      case distillationLoss = "distillation_loss"
      case toolVersion = "tool_version"
    }
  }
}
