import Foundation
import GateOptimizer
import Support

/// What one map reaches on one task: a point of every curve of that task.
public struct CurvePoint: Sendable, Hashable {
  /// How the map was made.
  public var method: CurveMethod
  /// Seed of a random map; nil for a determined one.
  public var seed: Int?
  /// Name of the task, such as "passkey 4 × 8".
  public var task: String
  /// What streaming heads saw, and where, in the words of ``Deployment/name``; nil for streaming everywhere in a
  /// run that measures nothing else.
  public var deployment: String?
  /// Share of streaming heads asked for, 0…1.
  public var requestedSparsity: Double
  /// Share of streaming heads reached, 0…1.
  public var achievedSparsity: Double
  /// Samples scored.
  public var samples: Int
  /// Tokens scored.
  public var tokens: Int
  /// What was scored.
  public var measures: [CurveMetric: Measure]
  /// The metric that the task is judged by first; nil where it is not known.
  public var primary: CurveMetric?
  /// Bytes of the KV cache at the stated length.
  public var kvBytes: Int?
  /// The same as a share of full attention's cache, 0…1.
  public var kvShare: Double?

  /// A metric's value, and how far it is from the references on the same samples.
  public struct Measure: Sendable, Hashable {
    /// The value with its interval.
    public var estimate: Estimate
    /// The value less full attention's, paired by sample.
    public var minusFull: Estimate?
    /// The value less the head-mixed map's that streams as many heads, paired by sample.
    public var minusHeadMixed: Estimate?

    /// A value with what it was compared with.
    public init(
      _ estimate: Estimate, minusFull: Estimate? = nil, minusHeadMixed: Estimate? = nil
    ) {
      self.estimate = estimate
      self.minusFull = minusFull
      self.minusHeadMixed = minusHeadMixed
    }
  }

  /// A point of the curves.
  public init(
    method: CurveMethod, seed: Int? = nil, task: String, deployment: String? = nil,
    requestedSparsity: Double, achievedSparsity: Double, samples: Int, tokens: Int,
    measures: [CurveMetric: Measure], primary: CurveMetric? = nil,
    kvBytes: Int? = nil, kvShare: Double? = nil
  ) {
    self.method = method
    self.seed = seed
    self.task = task
    self.deployment = deployment
    self.requestedSparsity = requestedSparsity
    self.achievedSparsity = achievedSparsity
    self.samples = samples
    self.tokens = tokens
    self.measures = measures
    self.primary = primary
    self.kvBytes = kvBytes
    self.kvShare = kvShare
  }

  /// What runs are compared by: what the task is judged by first or, where it is no share, the first share that was
  /// scored.
  var accuracy: Estimate? { scored.first(where: \.isShare).flatMap(estimate) }

  /// What was scored, the metric that the task is judged by first.
  var scored: [CurveMetric] { CurveMetric.ordered(primary).filter { measures[$0] != nil } }

  /// The estimate of `metric`; nil when it was not scored.
  public func estimate(_ metric: CurveMetric) -> Estimate? { measures[metric]?.estimate }
}

extension CurveMetric {
  /// All metrics, `first` before the others.
  static func ordered(_ first: CurveMetric?) -> [CurveMetric] {
    [first].compactMap(\.self) + allCases.filter { $0 != first }
  }

  /// The metrics that `points` of one task have, the one that it is judged by first; first tokens only where they
  /// differ from all tokens, since words of one token each have no others.
  static func scored(in points: [CurvePoint]) -> [CurveMetric] {
    let tellsMore = points.contains { $0.estimate(.firstTokens) != $0.estimate(.tokens) }
    return ordered(points.first?.primary).filter { metric in
      points.contains { $0.estimate(metric) != nil } && (metric != .firstTokens || tellsMore)
    }
  }
}

extension [CurvePoint] {
  /// The deployments that were measured, in their order; nil stands for a run's only one.
  package var deployments: [String?] { map(\.deployment).distinct }

  /// How many samples they were measured on, in words.
  var samples: String { sampleWords(map(\.samples)) }

  /// Those of the deployment that decides, the first.
  package var ofFirstDeployment: [CurvePoint] {
    guard let first else { return [] }
    return filter { $0.deployment == first.deployment }
  }
}

/// "24 samples", "1 sample", or "4 to 24 samples" where not all counts are the same.
func sampleWords(_ counts: [Int]) -> String {
  guard let least = counts.min(), let most = counts.max() else { return "no samples" }
  let range = least == most ? grouped(most) : "\(grouped(least)) to \(grouped(most))"
  return "\(range) \(most == 1 ? "sample" : "samples")"
}

/// What a curve plots.
public enum CurveMetric: String, Sendable, Hashable, CaseIterable, Codable {
  /// Share of all answer tokens that are predicted.
  case tokens
  /// Share of the first tokens of answer words that are predicted, which no spelling gives away.
  case firstTokens = "first-tokens"
  /// Share of the answers that greedy decoding gives word for word; of a file's after SQuAD's normalisation.
  case exact
  /// Share of the right answers that the generated text has in it.
  case containsAll = "contains-all"
  /// Share of the generated texts that have one of the right answers in them.
  case containsAny = "contains-any"
  /// Mean F1 of words.
  case f1
  /// Mean ROUGE-L.
  case rougeL = "rouge-l"
  /// Mean score of classes.
  case classification
  /// Mean edit similarity.
  case editSimilarity = "edit-similarity"
  /// Mean negative log-likelihood of the right answer's tokens, in nats.
  case likelihood = "nll"
  /// exp of the mean negative log-likelihood of running text.
  case perplexity
  /// Mean KL divergence from full attention's predictions, in nats.
  case divergence = "kl"

  /// Words for an axis or a heading.
  public var title: String {
    switch self {
    case .tokens: "Token accuracy"
    case .firstTokens: "First-token accuracy"
    case .exact: "Exact match"
    case .containsAll: "Answers contained"
    case .containsAny: "Any answer contained"
    case .f1: "F1"
    case .rougeL: "ROUGE-L"
    case .classification: "Classification"
    case .editSimilarity: "Edit similarity"
    case .likelihood: "Negative log-likelihood"
    case .perplexity: "Perplexity"
    case .divergence: "KL divergence from full attention"
    }
  }

  /// Words for the head of a column.
  var shortTitle: String {
    switch self {
    case .tokens: "all tokens"
    case .firstTokens: "first tokens"
    case .exact: "exact match"
    case .containsAll: "contained"
    case .containsAny: "any contained"
    case .f1: "F1"
    case .rougeL: "ROUGE-L"
    case .classification: "class"
    case .editSimilarity: "similarity"
    case .likelihood: "NLL, nats"
    case .perplexity: "perplexity"
    case .divergence: "KL, nats"
    }
  }

  /// Whether it is a share of things that are right, 0…1; otherwise a loss, of which less is better.
  public var isShare: Bool {
    switch self {
    case .likelihood, .perplexity, .divergence: false
    default: true
    }
  }

  /// The metric's value for a mean over tokens.
  func value(ofMean mean: Double) -> Double { self == .perplexity ? exp(mean) : mean }

  /// A value with as many digits as it deserves: per cent for shares.
  func text(_ value: Double) -> String {
    switch self {
    case .perplexity: fixed(value, 2)
    case .likelihood, .divergence: fixed(value, 3)
    default: fixed(value * 100, 1)
    }
  }

  /// The metric of an answer.
  package init(_ metric: AnswerMetric) {
    self =
      switch metric {
      case .containsAll: .containsAll
      case .containsAny: .containsAny
      case .exact: .exact
      case .f1: .f1
      case .rougeL: .rougeL
      case .classification: .classification
      case .editSimilarity: .editSimilarity
      case .tokens: .tokens
      case .likelihood: .likelihood
      }
  }
}

/// A number with its 95 % confidence interval, where there is one.
public struct Estimate: Sendable, Hashable, Codable {
  /// The point estimate.
  public var value: Double
  /// Lower end of the interval; the value where there is none.
  public var low: Double
  /// Upper end of the interval; the value where there is none.
  public var high: Double
  /// Whether anything is known of how far off the value may be: one sample of a loss does not tell.
  public let hasInterval: Bool

  /// A value between `low` and `high`.
  public init(value: Double, low: Double, high: Double) {
    self.value = value
    self.low = low
    self.high = high
    hasInterval = true
  }

  /// A value without an interval.
  public init(withoutInterval value: Double) {
    (self.value, low, high) = (value, value, value)
    hasInterval = false
  }

  /// The ends in a few words, such as "78.1 – 89.9", or that there are none.
  func range(by separator: String = " – ", _ text: (Double) -> String) -> String {
    hasInterval ? text(low) + separator + text(high) : "no interval"
  }
}
