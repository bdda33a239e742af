import MapReporter

/// Large float32 products by the linear algebra library, GFLOP/s.
public struct GemmResult: Codable, Sendable {
  /// Rows of the product on one core; on n cores n times as many.
  public var rowsPerCore: Int
  /// Columns, and inner size.
  public var columns: Int
  /// OpenBLAS's GFLOP/s on one core, median.
  public var oneCore: Double
  /// OpenBLAS's on all cores, median.
  public var allCores: Double
  /// This package's on all cores, median.
  public var own: Double
}

/// Attention of one layer alone, in the model's head shape.
public struct AttentionResult: Codable, Sendable {
  /// Queries and keys, T.
  public var tokens: Int
  /// `full` or `streaming`.
  public var kind: String
  /// Time of one layer.
  public var seconds: Timing
  /// Time by query: constant where time is linear in T.
  public var nanosecondsPerQuery: Double
  /// Work per time.
  public var rate: WorkRate
}

/// A prompt to the final hidden states of all its tokens.
public struct PrefillResult: Codable, Sendable {
  /// Tokens of the prompt, T.
  public var tokens: Int
  /// Time of the whole.
  public var seconds: Timing
  /// T over the median.
  public var tokensPerSecond: Double
  /// Work per time.
  public var rate: WorkRate
}

/// Tokens decoded greedily after a prompt, logits included.
public struct DecodeResult: Codable, Sendable {
  /// Tokens of the prompt.
  public var promptTokens: Int
  /// Time of each token.
  public var seconds: Timing
  /// One over the median.
  public var tokensPerSecond: Double
  /// Bytes the cache holds for the prompt and all that is decoded.
  public var cacheBytes: Int
  /// Weights and the visible part of the cache, read once for each token, per second.
  public var gigabytesPerSecond: Double
  /// The tokens decoded.
  public var generated: [Int32]
}

/// The parts of a step, each a number of its own kind.
public struct StepParts<Value: Codable & Sendable>: Codable, Sendable {
  /// The teacher's forward.
  public var teacher: Value
  /// The student's forward.
  public var student: Value
  /// Loss and backward.
  public var backward: Value
  /// The whole step.
  public var total: Value
}

/// A two-stream step.
public struct StepResult: Codable, Sendable {
  /// Tokens of the sample, T.
  public var tokens: Int
  /// Label rows, at the end.
  public var labels: Int
  /// Time of each part.
  public var seconds: StepParts<Timing>
  /// Rows the student computed over all layers, as the step reports them.
  public var studentRows: Int
  /// The same by the formula of docs/method.md, which knows L, R, T and the window alone.
  public var predictedStudentRows: Int
  /// Work per time of each part.
  public var rates: StepParts<WorkRate>
  /// Memory up to the end of the first step at this length; lengths before it count too, so that only
  /// the first length of a process can be compared with other programs.
  public var memory: ProcessMemory
  /// The distillation loss.
  public var loss: Double
}

/// Patterns of the same window compared.
public struct MapsResult: Codable, Sendable {
  /// Where the gates came from.
  public var gates: String
  /// One comparison for each length.
  public var lengths: [MapsAtLength]
}

/// Patterns compared at one length.
public struct MapsAtLength: Codable, Sendable {
  /// Tokens of the prompt.
  public var tokens: Int
  /// Every pattern.
  public var patterns: [PatternResult]
  /// What whole layers gain over single heads at each sparsity.
  public var gains: [PatternGain]
}

/// Prefill and decode under one pattern.
public struct PatternResult: Codable, Sendable {
  /// `full`, `streaming`, `head-mixed` or `layer:max`.
  public var method: String
  /// The share of layers that was to stream, where there was a choice.
  public var requestedSparsity: Double?
  /// The share of heads that stream.
  public var achievedSparsity: Double
  /// Heads that see everything, of L·K.
  public var retrievalHeads: Int
  /// Layers that hold retrieval and streaming heads.
  public var mixedLayers: Int
  /// Time until the prompt's last hidden state is there and the caches are full.
  public var prefill: Timing
  /// Work per time of that, only what the caches and that state depend on.
  public var prefillRate: WorkRate
  /// Time of each decoded token.
  public var decode: Timing
  /// Bytes the cache holds for the prompt and all that is decoded.
  public var cacheBytes: Int
}

/// Head-mixed over layer-exclusive at one sparsity: above 1 where whole layers are better.
public struct PatternGain: Codable, Sendable {
  /// The share of layers that was to stream.
  public var sparsity: Double
  /// Ratio of the prefill's median times.
  public var prefill: Double
  /// Ratio of the decoded tokens' median times.
  public var decode: Double
  /// Ratio of the caches' bytes.
  public var cacheBytes: Double
}
