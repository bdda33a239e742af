/// The architecture of a Llama-family decoder, in the terms of a Hugging Face `config.json`.
///
/// Shape letters (docs/shapes.md): L ``layers``, C ``hidden``, F ``feedForward``, H ``queryHeads``,
/// K ``keyValueHeads``, G = H/K, D ``headDim``, V ``vocabulary``.
public struct ModelConfiguration: Sendable, Equatable {
  /// Hugging Face `model_type`: llama, mistral, qwen2 or qwen3.
  public var modelType: String
  /// `num_hidden_layers`, L ≥ 1.
  public var layers: Int
  /// `hidden_size`, C ≥ 1.
  public var hidden: Int
  /// `intermediate_size`, F ≥ 1.
  public var feedForward: Int
  /// `num_attention_heads`, H; a multiple of ``keyValueHeads``.
  public var queryHeads: Int
  /// `num_key_value_heads`, K ≥ 1.
  public var keyValueHeads: Int
  /// `head_dim`, D; even, since RoPE rotates pairs.
  public var headDim: Int
  /// `vocab_size`, V ≥ 1.
  public var vocabulary: Int
  /// `rms_norm_eps`, added to the mean square.
  public var rmsNormEpsilon: Float
  /// `rope_theta`, the base of the rotary frequencies.
  public var ropeTheta: Double
  /// `rope_scaling` of Llama 3.1 and of linear interpolation; nil for plain RoPE.
  public var ropeScaling: RopeScaling?
  /// `max_position_embeddings`, the longest context the model was made for, in tokens.
  public var maxPositions: Int
  /// `tie_word_embeddings`: the output projection is the embedding matrix.
  public var tiedEmbeddings: Bool
  /// Whether q, k and v have biases (Qwen2; Llama's `attention_bias`).
  public var attentionBias: Bool
  /// Whether q and k are normalised per head before RoPE (Qwen3).
  public var queryKeyNorm: Bool

  /// Creates a configuration; ModelLoader checks it against the file it came from.
  public init(
    modelType: String, layers: Int, hidden: Int, feedForward: Int, queryHeads: Int,
    keyValueHeads: Int, headDim: Int, vocabulary: Int, rmsNormEpsilon: Float = 1e-5,
    ropeTheta: Double = 10_000, ropeScaling: RopeScaling? = nil, maxPositions: Int,
    tiedEmbeddings: Bool = false, attentionBias: Bool = false, queryKeyNorm: Bool = false
  ) {
    self.modelType = modelType
    self.layers = layers
    self.hidden = hidden
    self.feedForward = feedForward
    self.queryHeads = queryHeads
    self.keyValueHeads = keyValueHeads
    self.headDim = headDim
    self.vocabulary = vocabulary
    self.rmsNormEpsilon = rmsNormEpsilon
    self.ropeTheta = ropeTheta
    self.ropeScaling = ropeScaling
    self.maxPositions = maxPositions
    self.tiedEmbeddings = tiedEmbeddings
    self.attentionBias = attentionBias
    self.queryKeyNorm = queryKeyNorm
  }

  /// Query heads that share one key-value head, G = H/K.
  public var groupSize: Int { queryHeads / keyValueHeads }
}

/// How RoPE's frequencies are stretched beyond the context a model was pre-trained for.
public enum RopeScaling: Sendable, Equatable {
  /// All frequencies divided by `factor` (`rope_type: linear`).
  case linear(factor: Double)
  /// Llama 3.1's: low frequencies divided by `factor`, high ones kept, a ramp between
  /// (`rope_type: llama3`).
  case llama3(
    factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double,
    originalMaxPositions: Int)
}
