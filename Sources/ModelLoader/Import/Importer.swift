import Foundation
import Support
import Transformer

/// How far an import is.
public struct ImportProgress: Sendable, Equatable {
  /// The tensor that was written last.
  public let tensor: String
  /// Values written so far.
  public let completed: Int
  /// Values of the whole model.
  public let total: Int
}

/// What an import made.
public struct ImportSummary: Sendable, Equatable {
  /// The architecture.
  public let configuration: ModelConfiguration
  /// Number of parameters.
  public let parameterCount: Int
  /// Whether the model file has a tokenizer.
  public let hasTokenizer: Bool
  /// The identity of the weights.
  public let sha256: String
  /// Sentences about what was decided, left out or not understood.
  public let warnings: [String]
}

/// Turns a Hugging Face folder or a GGUF file into a model file, a chunk of a tensor at a time.
public struct Importer: Sendable {
  /// The type of all matrices, or nil to keep 16-bit types and make all others float32.
  public var elementType: ElementType?
  /// Makes tokenizer.json from a GGUF file's tokenizer.
  private let tokenizerFromGGUF: @Sendable (GGUFTokenizerMetadata) throws -> Data

  /// An importer that stores matrices in `elementType`.
  public init(elementType: ElementType? = nil) {
    self.init(elementType: elementType) { try TokenizerJSON.fromGGUF($0) }
  }

  /// An importer; `tokenizerFromGGUF` is only called for GGUF files.
  package init(
    elementType: ElementType? = nil,
    tokenizerFromGGUF: @escaping @Sendable (GGUFTokenizerMetadata) throws -> Data
  ) {
    self.elementType = elementType
    self.tokenizerFromGGUF = tokenizerFromGGUF
  }

  /// The files of `source` that an import does not replace: all that are no model file.
  package static func files(of source: String) -> [String] {
    let names = FolderWeights.fileNames(in: source)
    guard !names.isEmpty else { return GGUFFile.parts(of: source) ?? [source] }
    return names.map { "\(source)/\($0)" }.filter { path in
      guard let beginning = try? FileReader(path: path, what: "file").beginning else { return true }
      return FileKind(beginning: beginning) != .hdf5
    }
  }

  /// Imports the folder or .gguf file at `source` to the model file `destination`.
  ///
  /// `progress` is called after every chunk and says whether to go on.
  ///
  /// - Throws: `FileError`, before anything is written if the source is at fault;
  ///   `FileError.stopped(path:)` if `progress` said so.
  public func run(
    source: String, destination: String, progress: (ImportProgress) -> Bool = { _ in true }
  ) throws(FileError) -> ImportSummary {
    let plan = try plan(source: source)
    let types = Dictionary(
      uniqueKeysWithValues: plan.tensors.map { ($0.parameter, storedType(of: $0.pieces[0])) })
    var writer = try ModelFileWriter(path: destination, contents: plan.contents) {
      types[$0, default: .float32]
    }
    let total = plan.sources.reduce(0) { $0 + $1.shape.reduce(1, *) }
    var completed = 0
    for (parameter, pieces) in plan.tensors {
      let type = types[parameter, default: .float32]
      for source in pieces {
        try source.forEachRows { (row, bytes) throws(FileError) in
          try write(bytes, from: row, of: source, as: type, to: parameter.name, of: &writer)
          completed += bytes.count / source.type.blockBytes * source.type.blockCount
          let state = ImportProgress(tensor: parameter.name, completed: completed, total: total)
          guard progress(state) else { throw FileError.stopped(path: destination) }
        }
      }
    }
    let sha256 = try writer.finish()
    return ImportSummary(
      configuration: plan.contents.configuration, parameterCount: total,
      hasTokenizer: plan.contents.tokenizerJSON != nil, sha256: sha256,
      warnings: plan.warnings)
  }

  private func plan(source: String) throws(FileError) -> ImportPlan {
    var isFolder: ObjCBool = false
    guard unsafe FileManager.default.fileExists(atPath: source, isDirectory: &isFolder) else {
      throw .missing(path: source, what: "model folder or .gguf file")
    }
    return isFolder.boolValue
      ? try HuggingFaceFolder(path: source).plan()
      : try GGUFModel(path: source).plan(tokenizer: tokenizerFromGGUF)
  }

  /// Vectors (norms, biases) are few and keep their precision.
  private func storedType(of source: SourceTensor) -> ElementType {
    if source.offset != 0 { return .float32 }
    guard source.shape.count > 1, let elementType else { return source.type.naturalElementType }
    return elementType
  }

  private func write(
    _ bytes: [UInt8], from row: Int, of source: SourceTensor, as type: ElementType, to name: String,
    of writer: inout ModelFileWriter
  ) throws(FileError) {
    if source.type.identicalElementType == type, source.isPlain {
      return try writer.append(bytes.span, to: name)
    }
    let values = source.values(of: bytes, from: row)
    if type == .float32 { return try writer.append(values.span, to: name) }
    if let value = ElementEncoder.firstOverflow(values, type: type) {
      throw .invalid(
        path: source.file.path, place: source.name, expected: "values that fit in \(type.rawValue)",
        found: "\(value)", fix: "import it as float32")
    }
    let halves = ElementEncoder.halves(values, type: type)
    try writer.append(halves.span, to: name)
  }
}

/// Everything that an import will do, known before anything is written.
package struct ImportPlan {
  /// All of the model file but its weights.
  package let contents: ModelFileContents
  /// Where each parameter's values come from, piece after piece, in the order of the computation.
  let tensors: [(parameter: Parameter, pieces: [SourceTensor])]
  /// The pieces alone.
  package var sources: [SourceTensor] { tensors.flatMap(\.pieces) }

  /// Sentences about what was decided, left out or not understood.
  package let warnings: [String]

  /// Finds and checks the source of every parameter of `contents`.
  ///
  /// `sources` are all tensors of the source, which `path` names in messages; `source` is how they are called;
  /// `assumed` are sizes that the configuration at `configurationPath` does not
  /// state.
  init(
    contents: ModelFileContents, sources: [String: SourceTensor], path: String,
    configurationPath: String, assumed: [String: Int] = [:], warnings: [String],
    source: (Parameter) -> ParameterSource
  ) throws(FileError) {
    self.contents = contents
    var remaining = sources
    var tensors: [(parameter: Parameter, pieces: [SourceTensor])] = []
    func refuseAssumed(because weights: String) throws(FileError) {
      let error = AssumedSizes.error(
        assumed, because: weights, path: configurationPath, place: { "key \($0)" })
      if let error { throw error }
    }
    for parameter in Parameter.all(in: contents.configuration) {
      let parts = source(parameter)
      var shape = parameter.shape(in: contents.configuration)
      if case .pieces = parts { shape.removeFirst() }
      var pieces: [SourceTensor] = []
      for name in parts.names {
        guard let source = remaining.removeValue(forKey: name) else {
          if !tensors.isEmpty { try refuseAssumed(because: "weights without \(name)") }
          throw Self.missing(name, among: sources, path: path)
        }
        guard source.type != .uint8 else {
          throw .unsupported(
            path: source.file.path, place: source.name, found: "the type U8",
            supported: "F32, F16, BF16 or F64 tensors")
        }
        guard source.shape == shape else {
          try refuseAssumed(because: "\(source.name) of shape \(source.shape)")
          throw .invalid(
            path: source.file.path, place: source.name, expected: "shape \(shape)",
            found: "shape \(source.shape)",
            fix: "the configuration does not belong to these weights")
        }
        pieces.append(source)
      }
      if let other = pieces.first(where: { $0.type != pieces[0].type }) {
        throw .invalid(
          path: other.file.path, place: other.name,
          expected: "the type of \(pieces[0].name), \(pieces[0].type.rawValue)",
          found: other.type.rawValue, fix: "save the model again in one type")
      }
      tensors.append((parameter, pieces))
    }
    var unused = UnusedTensors(configuration: contents.configuration)
    for (_, tensor) in remaining.sorted(by: { $0.key < $1.key }) {
      guard try unused.mayLeaveOut(tensor) else {
        throw Self.extra(tensor.name, path: path, contents.configuration.modelType)
      }
    }
    self.tensors = tensors
    self.warnings = warnings + unused.warnings
  }

  private static func missing(
    _ name: String, among sources: [String: SourceTensor], path: String
  ) -> FileError {
    let isKnown = sources.keys.contains { $0.hasPrefix("model.layers.") || $0.hasPrefix("blk.") }
    let example = sources.values.map(\.name).min()
    return .invalid(
      path: path, place: name, expected: "a tensor",
      found: isKnown || example == nil ? "nothing" : "nothing; a tensor here is \(example ?? "")",
      fix: isKnown || example == nil
        ? "the checkpoint is not complete, so fetch it again"
        : "the names are not those of such a model, so save it with transformers")
  }

  /// The error of a tensor that the decoder does not have.
  static func extra(_ name: String, path: String, _ modelType: String) -> FileError {
    let isBias = name.hasSuffix(".bias")
    return .unsupported(
      path: path, place: name,
      found: "this \(isBias ? "bias" : "tensor"), which a \(modelType) decoder does not have,",
      supported: "the tensors of a plain \(modelType)")
  }
}

/// Float32 values rounded to the type a model file stores them in.
package enum ElementEncoder {
  /// The bit patterns of `values` in a 16-bit type, rounded to nearest, ties to even.
  package static func halves(_ values: [Float], type: ElementType) -> [UInt16] {
    type == .float16
      ? values.map { Float16($0).bitPattern } : values.map(bfloat16)
  }

  /// The upper half of a float32, rounded; NaN stays NaN.
  private static func bfloat16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if value.isNaN { return UInt16(bits >> 16) | 0x40 }
    return UInt16((bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
  }

  /// The first finite value that the type would turn into infinity, or nil.
  package static func firstOverflow(_ values: [Float], type: ElementType) -> Float? {
    let limit: Float = type == .float16 ? 65_519.996 : 3.394_7e38
    guard type != .float32 else { return nil }
    return values.first { $0.isFinite && $0.magnitude > limit }
  }
}
