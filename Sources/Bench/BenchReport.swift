import Foundation
import MapReporter
import ModelLoader
import Support
import Transformer

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
    bytesPerToken = model.weights.bytesPerToken
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
  /// Bytes of the matrices that a decoded token reads: all layers and the output projection.
  var bytesPerToken: Int {
    let matrices =
      layers.flatMap { [$0.wq, $0.wk, $0.wv, $0.wo, $0.wGate, $0.wUp, $0.wDown] } + [output]
    return matrices.reduce(0) { $0 + $1.rows * $1.columns * $1.type.byteCount }
  }
}

/// The median; the mean of the two in the middle of an even number.
func medianOf(_ values: [Double]) -> Double {
  values.isEmpty ? 0 : Bootstrap.quantile(0.5, of: values.sorted())
}
