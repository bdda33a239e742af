/// What a decoder layer computes: everything in which the layers of a model, or of two families, differ.
///
/// One value describes a layer. The forward, its backward, the cache, the memory estimate and the count of
/// operations go by it; none of them knows a family's name.
public struct LayerKind: Sendable, Hashable {
  /// Where the norms of a layer stand; h is the residual stream after attention.
  public enum Norms: String, Sendable, CaseIterable {
    /// h = x + attention(norm(x)), y = h + feedForward(norm(h)): Llama's.
    case before
    /// h = x + norm(attention(norm(x))), and the same for the feed-forward block: a norm before each block and
    /// one behind it (Gemma 3, GLM-4).
    case around
    /// h = x + norm(attention(x)), y = h + norm(feedForward(h)): behind the blocks alone (OLMo 2).
    case behind
    /// y = x + attention(n) + feedForward(n), n = norm(x): both blocks beside each other behind one norm (Cohere 2).
    case beside

    /// Whether a norm stands behind each block.
    package var followBlocks: Bool { self == .around || self == .behind }
  }

  /// What is normed of queries and keys before RoPE.
  public enum HeadNorm: String, Sendable, CaseIterable {
    /// Each head (Qwen3).
    case perHead
    /// All heads together (OLMo 2).
    case whole
  }

  /// Where the norms stand.
  public var norms = Norms.before
  /// What is normed of queries and keys; nil for nothing.
  public var headNorm: HeadNorm?
  /// How positions turn queries and keys; nil where they do not.
  public var rotary: Rotary? = Rotary()
  /// Whether q, k and v have biases.
  public var projectionBias = false
  /// Whether attention's output projection has a bias.
  public var outputBias = false
  /// What scores are multiplied by; nil for 1/√D.
  public var attentionScale: Float?
  /// Whether each query head has a learned logit that takes part in its softmax, and is seen by all queries: an attention
  /// sink without a key.
  public var learnsSinks = false
  /// The layer's own window in tokens, ≥ 1; nil for a global layer, which sees all.
  ///
  /// A query sees the last so many keys, its own among them.
  public var window: Int?
  /// What both blocks' outputs are multiplied by before they join the residual stream.
  public var residualScale: Float = 1
  /// The activation of the feed-forward block.
  public var activation = Activation.silu
  /// The experts that the feed-forward block is made of; nil for a dense block.
  public var experts: Experts?

  /// A layer of Llama.
  public init() {}
}

/// What the feed-forward block multiplies the up projection by.
public enum Activation: String, Sendable, CaseIterable {
  /// x · sigmoid(x).
  case silu
  /// GELU in its form with tanh: x/2 · (1 + tanh(√(2/π) · (x + 0.044715·x³))).
  case geluTanh
  /// g · sigmoid(1.702·g), g = min(x, 7); up comes as 1 + up within −7…7 (gpt-oss).
  case clamped
}

/// A mixture of experts in the place of the feed-forward block.
public struct Experts: Sendable, Hashable {
  /// `num_experts`, E ≥ 1.
  public var count: Int
  /// `num_experts_per_tok`: experts that a token goes to, 1…E.
  public var active: Int
  /// `moe_intermediate_size`: features of an expert.
  public var width: Int
  /// `norm_topk_prob`: whether the weights of a token's experts add up to 1; otherwise they are their probabilities
  /// among all.
  public var normalises: Bool
  /// Whether the router and all projections have biases.
  public var hasBiases: Bool

  /// Experts of one size.
  public init(
    count: Int, active: Int, width: Int, normalises: Bool, hasBiases: Bool = false
  ) {
    self.hasBiases = hasBiases
    self.count = count
    self.active = active
    self.width = width
    self.normalises = normalises
  }
}

/// The rotary position embedding of a layer.
///
/// Su et al. 2021, arXiv 2104.09864.
public struct Rotary: Sendable, Hashable {
  /// `rope_theta`, the base of the frequencies.
  public var theta: Double
  /// How the frequencies are stretched; nil for plain RoPE.
  public var scaling: RopeScaling?
  /// The first features of each head that are turned, an even number; nil for all of them.
  public var features: Int?
  /// Whether the pairs that turn together are neighbours (2i, 2i + 1), not halves (i, i + n/2).
  public var isInterleaved: Bool
  /// Which pairs turn by which of a token's three positions, in a model that sees; nil for one position per token.
  ///
  /// The three are the same in a text.
  public var sections: RotarySections?

  /// The length of the longest sequence that has LongRoPE's short factors; nil where frequencies do not depend on the
  /// length.
  package var originalPositions: Int? {
    if case .longrope(let longrope) = scaling { longrope.originalMaxPositions } else { nil }
  }

  /// RoPE of the base `theta`.
  public init(
    theta: Double = 10_000, scaling: RopeScaling? = nil, features: Int? = nil,
    isInterleaved: Bool = false
  ) {
    self.theta = theta
    self.scaling = scaling
    self.features = features
    self.isInterleaved = isInterleaved
  }
}

/// The pairs of features that turn by time, height and width of a token of an image (M-RoPE).
///
/// Qwen2-VL, arXiv 2409.12191, section 2.1; Qwen3-VL, transformers' `apply_interleaved_mrope`, with axes that take turns.
public struct RotarySections: Sendable, Hashable {
  /// `mrope_section`: pairs of time, of height, and of width, (3).
  public var pairs: [Int]
  /// Whether the axes take turns, as in Qwen3-VL; otherwise they stand behind each other.
  public var takeTurns: Bool

  /// Sections of `pairs`, (3).
  public init(pairs: [Int], takeTurns: Bool = false) {
    self.pairs = pairs
    self.takeTurns = takeTurns
  }

  /// The axis that a pair of features turns by: 0 for time, 1 for height, 2 for width.
  package func axis(ofPair pair: Int) -> Int {
    if takeTurns {
      let axis = pair % 3
      return axis > 0 && pair < 3 * pairs[axis] ? axis : 0
    }
    return pair < pairs[0] ? 0 : pair < pairs[0] + pairs[1] ? 1 : 2
  }
}

/// How RoPE's frequencies are stretched beyond the context a model was pre-trained for.
///
/// The forms are those of transformers' `modeling_rope_utils.py`.
public enum RopeScaling: Sendable, Hashable {
  /// All frequencies divided by `factor` (`rope_type: linear`).
  case linear(factor: Double)
  /// Llama 3.1's: low frequencies divided by `factor`, high ones kept, a ramp between
  /// (`rope_type: llama3`).
  case llama3(
    factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double,
    originalMaxPositions: Int)
  /// YaRN (Peng et al. 2023, arXiv 2309.00071; `rope_type: yarn`).
  case yarn(YarnScaling)
  /// LongRoPE (Ding et al. 2024, arXiv 2402.13753; `rope_type: longrope`).
  case longrope(LongRopeScaling)
}

/// YaRN's parameters: high frequencies are kept, low ones divided by the factor, a ramp over pairs between.
public struct YarnScaling: Sendable, Hashable {
  /// What low frequencies are divided by, > 0.
  public var factor: Double
  /// Turns within the original context from which on a pair is kept.
  public var betaFast: Double
  /// Turns below which a pair is divided.
  public var betaSlow: Double
  /// `original_max_position_embeddings`, in tokens.
  public var originalMaxPositions: Int
  /// What cosines and sines are multiplied by.
  public var attentionFactor: Double
  /// Whether the ends of the ramp are whole pairs.
  public var truncates: Bool

  /// The parameters; the defaults are the paper's.
  public init(
    factor: Double, betaFast: Double = 32, betaSlow: Double = 1, originalMaxPositions: Int,
    attentionFactor: Double, truncates: Bool = true
  ) {
    self.factor = factor
    self.betaFast = betaFast
    self.betaSlow = betaSlow
    self.originalMaxPositions = originalMaxPositions
    self.attentionFactor = attentionFactor
    self.truncates = truncates
  }
}

/// LongRoPE's parameters: a divisor for each pair, one list for short sequences and one for long ones.
public struct LongRopeScaling: Sendable, Hashable {
  /// Divisors for sequences up to the original context, one for each pair.
  public var shortFactors: [Double]
  /// Divisors for longer sequences.
  public var longFactors: [Double]
  /// `original_max_position_embeddings`, in tokens.
  public var originalMaxPositions: Int
  /// What cosines and sines are multiplied by.
  public var attentionFactor: Double

  /// The parameters.
  public init(
    shortFactors: [Double], longFactors: [Double], originalMaxPositions: Int,
    attentionFactor: Double
  ) {
    self.shortFactors = shortFactors
    self.longFactors = longFactors
    self.originalMaxPositions = originalMaxPositions
    self.attentionFactor = attentionFactor
  }
}
