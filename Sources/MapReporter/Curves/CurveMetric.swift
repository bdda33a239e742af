import Foundation
import Support

/// What a curve plots.
public enum CurveMetric: String, Sendable, Hashable, CaseIterable, Codable {
  /// Share of all answer tokens that are predicted.
  case tokens
  /// Share of the first tokens of answer words that are predicted, which no spelling gives away.
  case firstTokens = "first-tokens"
  /// Share of the answers that greedy decoding gives word for word.
  case exact
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
    case .perplexity: "perplexity"
    case .divergence: "KL, nats"
    }
  }

  /// Whether it is a share of things that are right, 0…1; otherwise a loss, of which less is better.
  public var isShare: Bool {
    switch self {
    case .tokens, .firstTokens, .exact: true
    case .perplexity, .divergence: false
    }
  }

  /// The metric's value for a mean over tokens.
  func value(ofMean mean: Double) -> Double { self == .perplexity ? exp(mean) : mean }

  /// A value with as many digits as it deserves: per cent for shares.
  func text(_ value: Double) -> String {
    switch self {
    case .tokens, .firstTokens, .exact: fixed(value * 100, 1)
    case .perplexity: fixed(value, 2)
    case .divergence: fixed(value, 3)
    }
  }
}
