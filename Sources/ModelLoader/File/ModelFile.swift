import Foundation
import Logging
import Support
import Synchronization
import Transformer

/// Opens model files (docs/model-format.md).
public enum ModelFile {
  /// Opens the model file at `path` without copying its matrices: they refer to the mapped file.
  ///
  /// Datasets that are not float32, float16 or bfloat16 in one little-endian piece (chunked or
  /// compressed ones, other float types) are read into memory, as float32 where no
  /// element type fits.
  ///
  /// - Throws: `FileError` that names the file, the place, what was expected and found.
  public static func open(path: String) throws(FileError) -> LoadedModel {
    let stamp = FileStamp(path: path)
    let reader = try ModelFileReader(path: path)
    let (storage, byteCount, file) = try MappedFile.map(path)
    // Header and weights are opened one after the other: of two files they would be no model.
    if let stamp, !file.isStill(stamp) { throw .changed(path: path) }
    var builder = WeightsBuilder(reader: reader, storage: storage, byteCount: byteCount)
    let weights = try builder.build()
    let contents = builder.reader.contents
    ModelWarnings.log(builder.reader.warnings, of: path)
    try requireFiniteAngles(contents.configuration, path: path)
    return LoadedModel(
      path: path, configuration: contents.configuration, weights: weights,
      tokenizerJSON: contents.tokenizerJSON,
      tokenizerProblem: contents.tokenizerProblem, sha256: builder.reader.sha256,
      identity: ModelIdentity(contents, weightsSHA256: builder.reader.sha256), file: file,
      source: contents.source, bosTokenID: contents.bosTokenID,
      eosTokenIDs: contents.eosTokenIDs)
  }
}

extension ModelFile {
  /// Refuses a rotary table that is not finite: every output would be NaN.
  static func requireFiniteAngles(
    _ configuration: ModelConfiguration, path: String
  ) throws(FileError) {
    let rotaries = Set(configuration.kinds.compactMap(\.rotary))
    let wrong = rotaries.first {
      !$0.isFinite(headDim: configuration.headDim, positions: configuration.maxPositions)
    }
    guard let wrong else { return }
    throw .invalid(
      path: path, place: "/config/rope_theta", expected: "finite angles at every position",
      found: "\(wrong.theta), whose angles overflow",
      fix: "correct rope_theta and rope_scaling, or import the model again")
  }
}

/// Turns the tensors of a model file into the decoder's weights.
///
/// A dataset that several names lead to is read once.
private struct WeightsBuilder {
  let reader: ModelFileReader
  let storage: WeightStorage
  let byteCount: Int
  /// What was read so far, by the address of the dataset.
  private var matrices: [UInt64: WeightMatrix] = [:]
  private var vectors: [UInt64: [Float]] = [:]

  init(reader: ModelFileReader, storage: WeightStorage, byteCount: Int) {
    (self.reader, self.storage, self.byteCount) = (reader, storage, byteCount)
  }

  mutating func build() throws(FileError) -> DecoderWeights {
    let configuration = reader.contents.configuration
    var layers: [LayerWeights] = []
    for index in 0..<configuration.layers {
      layers.append(try layer(index, configuration))
    }
    return DecoderWeights(
      embedding: try matrix(.embedding), layers: layers, finalNorm: try vector(.finalNorm),
      output: configuration.tiedEmbeddings ? nil : try matrix(.output))
  }

  private mutating func layer(
    _ index: Int, _ configuration: ModelConfiguration
  ) throws(FileError) -> LayerWeights {
    let kind = configuration.kinds[index]
    let isDense = kind.experts == nil
    func matrix(_ name: LayerParameter) throws(FileError) -> WeightMatrix {
      try self.matrix(.layer(index: index, name))
    }
    func vector(_ name: LayerParameter) throws(FileError) -> [Float] {
      try self.vector(.layer(index: index, name))
    }
    func optional(_ name: LayerParameter) throws(FileError) -> [Float]? {
      name.isPart(of: kind) ? try vector(name) : nil
    }
    let router = isDense ? nil : try matrix(.router)
    let expertBiases: ExpertBiases? =
      kind.experts?.hasBiases == true
      ? ExpertBiases(
        router: try vector(.routerBias), gate: try vector(.expertGateBias),
        up: try vector(.expertUpBias), down: try vector(.expertDownBias)) : nil
    return LayerWeights(
      attentionNorm: try optional(.attentionNorm), wq: try matrix(.wq), wk: try matrix(.wk),
      wv: try matrix(.wv), wo: try matrix(.wo),
      biases: kind.projectionBias
        ? (try vector(.qBias), try vector(.kBias), try vector(.vBias)) : nil,
      outputBias: try optional(.oBias),
      headNorms: kind.headNorm == nil ? nil : (try vector(.qNorm), try vector(.kNorm)),
      sinks: try optional(.sinks),
      attentionOutputNorm: try optional(.attentionOutputNorm), mlpNorm: try optional(.mlpNorm),
      router: router, expertBiases: expertBiases,
      wGate: try matrix(isDense ? .wGate : .expertGate),
      wUp: try matrix(isDense ? .wUp : .expertUp),
      wDown: try matrix(isDense ? .wDown : .expertDown),
      mlpOutputNorm: try optional(.mlpOutputNorm))
  }

  private mutating func vector(_ parameter: Parameter) throws(FileError) -> [Float] {
    let dataset = try reader.tensor(parameter).dataset
    if let known = vectors[dataset.address] { return known }
    let values = try dataset.readFloats()
    vectors[dataset.address] = values
    return values
  }

  private mutating func matrix(_ parameter: Parameter) throws(FileError) -> WeightMatrix {
    let tensor = try reader.tensor(parameter)
    if let known = matrices[tensor.dataset.address] { return known }
    let matrix = try read(tensor)
    matrices[tensor.dataset.address] = matrix
    return matrix
  }

  private func read(_ tensor: ModelTensor) throws(FileError) -> WeightMatrix {
    let layout = tensor.layout
    // Matrices of experts stand under one another.
    let (rows, columns) = (layout.shape.dropLast().reduce(1, *), layout.shape.last ?? 0)
    guard let type = layout.elementType else {
      return WeightMatrix(rows: rows, columns: columns, values: try tensor.dataset.readFloats())
    }
    if let offset = layout.byteOffset, offset % type.byteCount == 0 {
      let (end, overflow) = offset.addingReportingOverflow(layout.count * type.byteCount)
      guard offset >= 0, !overflow, end <= byteCount else {
        throw HDF5Input.damaged(
          "values outside the file", path: reader.path, place: tensor.dataset.place)
      }
      return WeightMatrix(
        rows: rows, columns: columns, type: type, storage: storage, byteOffset: offset)
    }
    return WeightMatrix(
      rows: rows, columns: columns, type: type, storage: try tensor.dataset.readWeights())
  }
}

/// Weights in memory of their own.
enum HeapStorage {
  /// A 64-byte aligned block of `byteCount` bytes, as `fill` fills it; it is given zeros.
  static func make(
    byteCount: Int, _ fill: (inout MutableRawSpan) throws(FileError) -> Void
  ) throws(FileError) -> WeightStorage {
    let block = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(byteCount, 64), alignment: 64)
    unsafe block.initializeMemory(as: UInt8.self, repeating: 0)
    // From here on the block is freed with its owner, also when `fill` throws.
    let storage = unsafe WeightStorage(bytes: UnsafeRawBufferPointer(block)) {
      unsafe $0.deallocate()
    }
    var output = unsafe MutableRawSpan(
      _unsafeBytes: UnsafeMutableRawBufferPointer(rebasing: block[..<byteCount]))
    try fill(&output)
    return storage
  }
}

/// What a model file holds besides the weights.
package struct ModelFileContents: Sendable, Equatable {
  /// The architecture.
  package var configuration: ModelConfiguration
  /// Where the model came from, for people: a folder or file name.
  package var source: String
  /// The bytes of the Hugging Face tokenizer.json, if the model has one.
  package var tokenizerJSON: Data?
  /// Why the model has no tokenizer although its source has one: a clause; nil where nothing is wrong.
  package var tokenizerProblem: String?
  /// The token that starts a text, if the model has one.
  package var bosTokenID: Int?
  /// The tokens that end a text; empty if unknown.
  package var eosTokenIDs: [Int]

  /// Collects the contents.
  package init(
    configuration: ModelConfiguration, source: String, tokenizerJSON: Data? = nil,
    tokenizerProblem: String? = nil, bosTokenID: Int? = nil, eosTokenIDs: [Int] = []
  ) {
    self.configuration = configuration
    self.source = source
    self.tokenizerJSON = tokenizerJSON
    self.tokenizerProblem = tokenizerProblem
    self.bosTokenID = bosTokenID
    self.eosTokenIDs = eosTokenIDs
  }
}

/// The names that docs/model-format.md fixes.
enum ModelFormat {
  static let name = "zigzag-model"
  static let version = 1
  static let weights = "weights"
  static let configuration = "config"
  static let tokenizer = "tokenizer"
  static let tokenizerFile = "tokenizer.json"
  static let tokenizerProblem = "problem"
}

/// A model as read from its file.
public struct LoadedModel: Sendable {
  /// The file's path.
  public let path: String
  /// The architecture.
  public let configuration: ModelConfiguration
  /// The parameters; matrices refer to the mapped file.
  package let weights: DecoderWeights
  /// The bytes of the Hugging Face tokenizer.json, if the file has one.
  package let tokenizerJSON: Data?
  /// Why the file has no tokenizer although the model's source had one; nil where nothing is wrong.
  package let tokenizerProblem: String?
  /// The identity of the weights, 64 hexadecimal digits, as the file states it.
  public let sha256: String
  /// Weights, configuration and tokenizer: which model this is.
  public let identity: ModelIdentity
  /// The open file.
  let file: FileInUse
  /// Where the model came from, for people.
  public let source: String
  /// The token that starts a text, if known.
  public let bosTokenID: Int?
  /// The tokens that end a text; empty if unknown.
  public let eosTokenIDs: [Int]
}

extension LoadedModel {
  /// What computes with the weights.
  public var decoder: DecoderModel {
    DecoderModel(configuration: configuration, weights: weights)
  }

  /// Refuses to go on with a model whose file was written into since it was opened, since what is computed
  /// from it is of neither model.
  ///
  /// - Throws: `FileError.changed`.
  package func requireUnchanged() throws(FileError) {
    try file.requireUnchanged {
      // What cannot be read again is not the same either.
      guard let found = try? ModelFile.check(path: path), found.isSound else { return false }
      return (try? ModelFile.inspect(path: path))?.identity == identity
    }
  }

  /// Refuses a model whose path names another file by now: what is read there is not this model.
  ///
  /// - Throws: `FileError.changed`.
  package func requireAtItsPath() throws(FileError) {
    guard file.isAtItsPath else { throw .changed(path: path) }
  }
}

/// Logs what is worth saying about a model file, once for each file however often it is opened.
enum ModelWarnings {
  private static let said = Mutex<Set<String>>([])

  /// Logs each of `warnings` about the file at `path` that was not logged before.
  static func log(_ warnings: [String], of path: String) {
    for warning in warnings {
      let line = "\(path): \(warning)"
      guard said.withLock({ $0.insert(line).inserted }) else { continue }
      Logger(label: "model").warning("\(line)")
    }
  }
}
