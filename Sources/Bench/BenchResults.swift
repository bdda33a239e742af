import Foundation
import MapReporter
import ModelLoader
import Support
import Transformer

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

/// Everything one run of `zigzag bench` measured.
package struct BenchReport: Codable, Sendable {
  /// Version of this package.
  package var version = toolVersion
  /// Where it was measured.
  package var machine = BenchMachine()
  /// What was measured.
  package var model: BenchModel
  /// How it was measured.
  package var settings: BenchSettings
  /// Where the tokens of each length came from.
  package var input: [BenchText]
  /// Large products; this and the others are nil where they were not asked for.
  package var gemm: GemmResult?
  /// Attention alone.
  package var attention: [AttentionResult]?
  /// Prompts under full attention.
  package var prefill: [PrefillResult]?
  /// Decoding under full attention.
  package var decode: [DecodeResult]?
  /// Two-stream steps.
  package var step: [StepResult]?
  /// Maps that stream after the prompt alone.
  package var prompts: [PromptResult]?
  /// Steps of gates for such maps, at every length.
  package var keptStep: [KeptStepResult]?
  /// Patterns compared.
  package var maps: MapsResult?

  /// The report as JSON, keys in alphabetical order.
  ///
  /// - Throws: `FileError` where a number is not finite.
  package func json() throws(FileError) -> String {
    try JSONFile.text(of: self, name: "bench.json")
  }
}

/// The machine, as far as times depend on it.
package struct BenchMachine: Codable, Sendable {
  /// The processor's model name.
  package var processor = processorName()
  /// Cores the process may use.
  package var cores = Parallelism.cores
  /// What the model's products run on.
  package var kernels = ProductKernels.name
  /// The library whose large product is the yardstick.
  package var yardstick = "OpenBLAS, \(BLASRuntime.kernel) kernels"
}

/// The model, as far as times depend on it.
package struct BenchModel: Codable, Sendable {
  /// The file.
  package var path: String
  /// SHA-256 of the weights.
  package var weightsSHA256: String
  /// Layers, L.
  package var layers: Int
  /// Hidden size, C.
  package var hidden: Int
  /// Feed-forward size, F.
  package var feedForward: Int
  /// Query heads, H.
  package var queryHeads: Int
  /// Key-value heads, K.
  package var keyValueHeads: Int
  /// Head dimension, D.
  package var headDim: Int
  /// Vocabulary, V.
  package var vocabulary: Int
  /// How the first layer's matrices are stored.
  package var elementType: String
  /// Bytes of the matrices that every decoded token reads.
  package var bytesPerToken: Int

  init(_ model: LoadedModel) {
    let c = model.configuration
    (path, weightsSHA256) = (model.path, model.sha256)
    (layers, hidden, feedForward) = (c.layers, c.hidden, c.feedForward)
    (queryHeads, keyValueHeads, headDim) = (c.queryHeads, c.keyValueHeads, c.headDim)
    vocabulary = c.vocabulary
    elementType = model.weights.layers.first?.wq.type.rawValue ?? ""
    bytesPerToken = model.weights.bytesPerToken(c.kinds)
  }
}

/// The tokens of one length.
package struct BenchText: Codable, Sendable {
  /// How many.
  package var tokens: Int
  /// A passkey sample, seeded random ids, or a file.
  package var source: String
}

/// Seconds of repeated runs of the same work.
package struct Timing: Codable, Sendable {
  /// The one in the middle.
  package var median: Double
  /// The shortest.
  package var fastest: Double
  /// All, in the order they were taken.
  package var samples: [Double]

  init(_ samples: [Double]) {
    median = medianOf(samples)
    fastest = samples.min() ?? 0
    self.samples = samples
  }
}

/// Work per time, and what the machine could do meanwhile.
package struct WorkRate: Codable, Sendable {
  /// 10⁹ floating-point operations of the mathematics (`OperationCount`).
  package var gflop: Double
  /// Those per second.
  package var gflopPerSecond: Double
  /// What large products reached on all cores before and after, in the median.
  package var yardstick: Double
  /// The rate as a share of the yardstick.
  package var share: Double

  init(_ operations: Operations, seconds: Double, yardstick: Double) {
    gflop = Double(operations.total) / 1e9
    gflopPerSecond = gflop / max(seconds, 1e-9)
    self.yardstick = yardstick
    share = gflopPerSecond / yardstick
  }
}

extension DecoderWeights {
  /// Bytes of the matrices that a decoded token reads: all layers, of their experts those that it goes to, and the
  /// output projection.
  func bytesPerToken(_ kinds: [LayerKind]) -> Int {
    func bytes(_ matrices: [WeightMatrix]) -> Int {
      matrices.reduce(0) { $0 + $1.rows * $1.columns * $1.type.byteCount }
    }
    return zip(layers, kinds).reduce(bytes([output])) { sum, layer in
      let (weights, kind) = layer
      let blocks = bytes([weights.wGate, weights.wUp, weights.wDown])
      let read = kind.experts.map { blocks / $0.count * $0.active } ?? blocks
      let others =
        [weights.wq, weights.wk, weights.wv, weights.wo] + (weights.router.map { [$0] } ?? [])
      return sum + read + bytes(others)
    }
  }
}

/// The median; the mean of the two in the middle of an even number.
func medianOf(_ values: [Double]) -> Double {
  values.isEmpty ? 0 : Bootstrap.quantile(0.5, of: values.sorted())
}
