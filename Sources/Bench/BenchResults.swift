import MapReporter

/// Large float32 products by the linear algebra library, GFLOP/s.
package struct GemmResult: Codable, Sendable {
  /// Rows of the product on one core; on n cores n times as many.
  package var rowsPerCore: Int
  /// Columns, and inner size.
  package var columns: Int
  /// OpenBLAS's GFLOP/s on one core, median.
  package var oneCore: Double
  /// OpenBLAS's on all cores, median.
  package var allCores: Double
  /// This package's on all cores, median.
  package var own: Double
}

/// Attention of one layer alone, in the model's head shape.
package struct AttentionResult: Codable, Sendable {
  /// Queries and keys, T.
  package var tokens: Int
  /// `full` or `streaming`.
  package var kind: String
  /// Time of one layer.
  package var seconds: Timing
  /// Time by query: constant where time is linear in T.
  package var nanosecondsPerQuery: Double
  /// Work per time.
  package var rate: WorkRate
}

/// A prompt to the final hidden states of all its tokens.
package struct PrefillResult: Codable, Sendable {
  /// Tokens of the prompt, T.
  package var tokens: Int
  /// Time of the whole.
  package var seconds: Timing
  /// T over the median.
  package var tokensPerSecond: Double
  /// Work per time.
  package var rate: WorkRate
}

/// Tokens decoded greedily after a prompt, logits included.
package struct DecodeResult: Codable, Sendable {
  /// Tokens of the prompt.
  package var promptTokens: Int
  /// Time of each token.
  package var seconds: Timing
  /// One over the median.
  package var tokensPerSecond: Double
  /// Bytes the cache holds for the prompt and all that is decoded.
  package var cacheBytes: Int
  /// Weights and the visible part of the cache, read once for each token, per second.
  package var gigabytesPerSecond: Double
  /// The tokens decoded.
  package var generated: [Int32]
}

/// The parts of a step, each a number of its own kind.
package struct StepParts<Value: Codable & Sendable>: Codable, Sendable {
  /// The teacher's forward.
  package var teacher: Value
  /// The student's forward.
  package var student: Value
  /// Loss and backward.
  package var backward: Value
  /// The whole step.
  package var total: Value
}

/// A two-stream step.
package struct StepResult: Codable, Sendable {
  /// Tokens of the sample, T.
  package var tokens: Int
  /// Label rows, at the end.
  package var labels: Int
  /// Time of each part.
  package var seconds: StepParts<Timing>
  /// Rows the student computed over all layers, as the step reports them.
  package var studentRows: Int
  /// The same by the formula of docs/method.md, which knows L, R, T and the window alone.
  package var predictedStudentRows: Int
  /// Work per time of each part.
  package var rates: StepParts<WorkRate>
  /// Memory up to the end of the first step at this length; lengths before it count too, so that only
  /// the first length of a process can be compared with other programs.
  package var memory: ProcessMemory
  /// The distillation loss.
  package var loss: Double
}

/// Patterns of the same window compared.
package struct MapsResult: Codable, Sendable {
  /// Where the gates came from.
  package var gates: String
  /// One comparison for each length.
  package var lengths: [MapsAtLength]
}

/// Patterns compared at one length.
package struct MapsAtLength: Codable, Sendable {
  /// Tokens of the prompt.
  package var tokens: Int
  /// Every pattern.
  package var patterns: [PatternResult]
  /// What whole layers gain over single heads at each sparsity.
  package var gains: [PatternGain]
}

/// Prefill and decode under one pattern.
package struct PatternResult: Codable, Sendable {
  /// `full`, `streaming`, `head-mixed` or `layer:max`.
  package var method: String
  /// The share of layers that was to stream, where there was a choice.
  package var requestedSparsity: Double?
  /// The share of heads that stream.
  package var achievedSparsity: Double
  /// Heads that see everything, of L·K.
  package var retrievalHeads: Int
  /// Layers that hold retrieval and streaming heads.
  package var mixedLayers: Int
  /// Time until the prompt's last hidden state is there and the caches are full.
  package var prefill: Timing
  /// Work per time of that, only what the caches and that state depend on.
  package var prefillRate: WorkRate
  /// Time of each decoded token.
  package var decode: Timing
  /// Bytes the cache holds for the prompt and all that is decoded.
  package var cacheBytes: Int
}

/// Head-mixed over layer-exclusive at one sparsity: above 1 where whole layers are better.
package struct PatternGain: Codable, Sendable {
  /// The share of layers that was to stream.
  package var sparsity: Double
  /// Ratio of the prefill's median times.
  package var prefill: Double
  /// Ratio of the decoded tokens' median times.
  package var decode: Double
  /// Ratio of the caches' bytes.
  package var cacheBytes: Double
}
