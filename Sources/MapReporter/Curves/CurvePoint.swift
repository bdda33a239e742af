/// Accuracy of one map on one task: a point of the accuracy-against-sparsity curve.
public struct CurvePoint: Sendable, Hashable, Codable {
  /// How the map was made, such as "layer:max"; see ``CurveMethod``.
  public var method: String
  /// Seed of a random map; nil for a determined one.
  public var seed: Int?
  /// Name of the task, such as "passkey 4 × 8".
  public var task: String
  /// Share of streaming heads asked for, 0…1.
  public var requestedSparsity: Double
  /// Share of streaming heads reached, 0…1.
  public var achievedSparsity: Double
  /// Samples scored.
  public var samples: Int
  /// Answer tokens scored.
  public var tokens: Int
  /// Share of answer tokens predicted, 0…1.
  public var accuracy: Estimate
  /// Share of the first tokens of answer words predicted, 0…1.
  public var firstTokenAccuracy: Estimate?
  /// Bytes of the KV cache at the evaluated length.
  public var kvBytes: Int?

  /// A point of the curve.
  public init(
    method: String, seed: Int? = nil, task: String, requestedSparsity: Double,
    achievedSparsity: Double, samples: Int, tokens: Int, accuracy: Estimate,
    firstTokenAccuracy: Estimate? = nil, kvBytes: Int? = nil
  ) {
    self.method = method
    self.seed = seed
    self.task = task
    self.requestedSparsity = requestedSparsity
    self.achievedSparsity = achievedSparsity
    self.samples = samples
    self.tokens = tokens
    self.accuracy = accuracy
    self.firstTokenAccuracy = firstTokenAccuracy
    self.kvBytes = kvBytes
  }

  /// The estimate of `metric`; nil when it was not scored.
  public func estimate(_ metric: CurveMetric) -> Estimate? {
    switch metric {
    case .tokens: accuracy
    case .firstTokens: firstTokenAccuracy
    }
  }
}

/// What a curve plots.
public enum CurveMetric: String, Sendable, Hashable, CaseIterable, Codable {
  /// All answer tokens.
  case tokens
  /// The first token of each answer word, which no spelling gives away.
  case firstTokens = "first-tokens"

  /// Words for an axis or a heading.
  public var title: String {
    switch self {
    case .tokens: "Token accuracy"
    case .firstTokens: "First-token accuracy"
    }
  }
}
