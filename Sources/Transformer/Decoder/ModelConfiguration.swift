/// The architecture of a decoder, in the terms of a Hugging Face `config.json`.
///
/// Shape letters (docs/shapes.md): L ``layers``, C ``hidden``, F ``feedForward``, H ``queryHeads``,
/// K ``keyValueHeads``, G = H/K, D ``headDim``, V ``vocabulary``.
public struct ModelConfiguration: Sendable, Equatable {
  /// Hugging Face `model_type`, such as llama or qwen3; only names of tensors and keys go by it.
  public var modelType: String
  /// `hidden_size`, C ≥ 1.
  public var hidden: Int
  /// `intermediate_size`, F ≥ 1.
  public var feedForward: Int
  /// `num_attention_heads`, H; a multiple of ``keyValueHeads``.
  public var queryHeads: Int
  /// `num_key_value_heads`, K ≥ 1.
  public var keyValueHeads: Int
  /// `head_dim`, D.
  public var headDim: Int
  /// `vocab_size`, V ≥ 1.
  public var vocabulary: Int
  /// `rms_norm_eps`, added to the mean square.
  public var rmsNormEpsilon: Float
  /// Whether norms take the mean off first: LayerNorm without biases.
  public var centersNorms: Bool
  /// `max_position_embeddings`, the longest context the model was made for, in tokens.
  public var maxPositions: Int
  /// `tie_word_embeddings`: the output projection is the embedding matrix.
  public var tiedEmbeddings: Bool
  /// What embeddings are multiplied by.
  public var embeddingScale: Float
  /// What logits are multiplied by.
  public var logitScale: Double
  /// What each layer computes, (L), first layer first.
  public var kinds: [LayerKind]

  /// `num_hidden_layers`, L ≥ 1.
  public var layers: Int { kinds.count }

  /// A model whose `layers` layers are all of one kind; ModelLoader checks it against the file it came from.
  public init(
    modelType: String, layers: Int, hidden: Int, feedForward: Int, queryHeads: Int,
    keyValueHeads: Int, headDim: Int, vocabulary: Int, rmsNormEpsilon: Float = 1e-5,
    centersNorms: Bool = false,
    maxPositions: Int, tiedEmbeddings: Bool = false, embeddingScale: Float = 1,
    logitScale: Double = 1, kind: LayerKind = LayerKind()
  ) {
    self.modelType = modelType
    self.hidden = hidden
    self.feedForward = feedForward
    self.queryHeads = queryHeads
    self.keyValueHeads = keyValueHeads
    self.headDim = headDim
    self.vocabulary = vocabulary
    self.rmsNormEpsilon = rmsNormEpsilon
    self.centersNorms = centersNorms
    self.maxPositions = maxPositions
    self.tiedEmbeddings = tiedEmbeddings
    self.embeddingScale = embeddingScale
    self.logitScale = logitScale
    kinds = Array(repeating: kind, count: layers)
  }

  /// Changes what every layer computes.
  package mutating func eachKind(_ change: (inout LayerKind) -> Void) {
    for index in kinds.indices { change(&kinds[index]) }
  }

  /// Query heads that share one key-value head, G = H/K.
  public var groupSize: Int { queryHeads / keyValueHeads }
}
