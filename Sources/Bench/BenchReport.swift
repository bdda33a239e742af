import Foundation
import MapReporter
import ModelLoader
import Support
import Transformer

/// Everything one run of `zigzag bench` measured.
public struct BenchReport: Codable, Sendable {
  /// Version of this package.
  public var version = toolVersion
  /// Where it was measured.
  public var machine = BenchMachine()
  /// What was measured.
  public var model: BenchModel
  /// How it was measured.
  public var settings: BenchSettings
  /// Where the tokens of each length came from.
  public var input: [BenchText]
  /// Large products; this and the others are nil where they were not asked for.
  public var gemm: GemmResult?
  /// Attention alone.
  public var attention: [AttentionResult]?
  /// Prompts under full attention.
  public var prefill: [PrefillResult]?
  /// Decoding under full attention.
  public var decode: [DecodeResult]?
  /// Two-stream steps.
  public var step: [StepResult]?
  /// Patterns compared.
  public var maps: MapsResult?

  /// The report as JSON, keys in alphabetical order.
  ///
  /// - Throws: `FileError` where a number is not finite.
  public func json() throws(FileError) -> String { try JSONFile.text(of: self, name: "bench.json") }
}

/// The machine, as far as times depend on it.
public struct BenchMachine: Codable, Sendable {
  /// The processor's model name.
  public var processor = processorName()
  /// Cores the process may use.
  public var cores = Parallelism.cores
  /// What the model's products run on.
  public var kernels = ProductKernels.name
  /// The library whose large product is the yardstick.
  public var yardstick = "OpenBLAS, \(BLASRuntime.kernel) kernels"
}

/// The model, as far as times depend on it.
public struct BenchModel: Codable, Sendable {
  /// The file.
  public var path: String
  /// SHA-256 of the weights.
  public var weightsSHA256: String
  /// Layers, L.
  public var layers: Int
  /// Hidden size, C.
  public var hidden: Int
  /// Feed-forward size, F.
  public var feedForward: Int
  /// Query heads, H.
  public var queryHeads: Int
  /// Key-value heads, K.
  public var keyValueHeads: Int
  /// Head dimension, D.
  public var headDim: Int
  /// Vocabulary, V.
  public var vocabulary: Int
  /// How the first layer's matrices are stored.
  public var elementType: String
  /// Bytes of the matrices that every decoded token reads.
  public var bytesPerToken: Int

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
public struct BenchText: Codable, Sendable {
  /// How many.
  public var tokens: Int
  /// A passkey sample, seeded random ids, or a file.
  public var source: String
}

/// Seconds of repeated runs of the same work.
public struct Timing: Codable, Sendable {
  /// The one in the middle.
  public var median: Double
  /// The shortest.
  public var fastest: Double
  /// All, in the order they were taken.
  public var samples: [Double]

  init(_ samples: [Double]) {
    median = medianOf(samples)
    fastest = samples.min() ?? 0
    self.samples = samples
  }
}

/// Work per time, and what the machine could do meanwhile.
public struct WorkRate: Codable, Sendable {
  /// 10⁹ floating-point operations of the mathematics (`OperationCount`).
  public var gflop: Double
  /// Those per second.
  public var gflopPerSecond: Double
  /// What large products reached on all cores before and after, in the median.
  public var yardstick: Double
  /// The rate as a share of the yardstick.
  public var share: Double

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
