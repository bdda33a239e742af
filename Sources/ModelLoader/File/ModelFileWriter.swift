import Foundation
import Support
import Transformer

/// Writes a model file tensor by tensor, from chunks of bytes in any order of tensors.
///
/// HDF5 lays out the file, with a fixed place for every tensor; the values are then written to those
/// places directly. So the disk is known to be large enough before the first value, and memory
/// holds no more than the caller's chunk. The file appears under its name when it is complete.
package struct ModelFileWriter: ~Copyable {
  private let file: TemporaryFile
  private var tensors: [String: PendingTensor]

  /// A tensor whose values are still arriving.
  private struct PendingTensor {
    let shape: [Int]
    let type: ElementType
    let byteOffset: Int
    let byteCount: Int
    var written = 0
    let hash = SHA256()
  }

  /// Lays out a file for `contents` at `path`, with `elementType` saying how to store each tensor.
  ///
  /// - Throws: `FileError.cannotWrite` if the folder is not writable or the disk too full.
  package init(
    path: String, contents: ModelFileContents, elementType: (Parameter) -> ElementType
  ) throws(FileError) {
    let parameters = Parameter.all(in: contents.configuration)
    let configuration = contents.configuration
    let total = parameters.reduce(contents.tokenizerJSON?.count ?? 0) { sum, parameter in
      sum + parameter.shape(in: configuration).reduce(elementType(parameter).byteCount, *)
    }
    let file = try TemporaryFile(for: path)
    var tensors: [String: PendingTensor] = [:]
    let root = try HDF5File.create(in: file, byteCount: total)
    try Self.writeHeader(contents, to: root)
    let group = try root.createGroup(ModelFormat.weights)
    for parameter in parameters {
      let (type, shape) = (elementType(parameter), parameter.shape(in: configuration))
      let dataset = try group.createDataset(parameter.name, shape: shape, type: .floats(type))
      tensors[parameter.name] = PendingTensor(
        shape: shape, type: type, byteOffset: try dataset.byteOffset(),
        byteCount: shape.reduce(type.byteCount, *))
    }
    try Self.close(group, and: root)
    let end = tensors.values.map { $0.byteOffset + $0.byteCount }.max() ?? 0
    try file.reserve(byteCount: end)
    self.file = file
    self.tensors = tensors
  }

  private static func writeHeader(
    _ contents: ModelFileContents, to root: borrowing HDF5Node
  ) throws(FileError) {
    try root.setAttribute("format", .text(ModelFormat.name))
    try root.setAttribute("format_version", .integer(ModelFormat.version))
    try root.setAttribute("source", .text(contents.source))
    let group = try root.createGroup(ModelFormat.configuration)
    var values = contents.configuration.metadata
    values["bos_token_id"] = contents.bosTokenID.map { .integer($0) }
    if !contents.eosTokenIDs.isEmpty {
      values["eos_token_id"] =
        contents.eosTokenIDs.count == 1
        ? .integer(contents.eosTokenIDs[0]) : .integers(contents.eosTokenIDs)
    }
    for (key, value) in values.sorted(by: { $0.key < $1.key }) {
      try group.setAttribute(key, value)
    }
    guard contents.tokenizerJSON != nil || contents.tokenizerProblem != nil else { return }
    let tokenizer = try root.createGroup(ModelFormat.tokenizer)
    if let problem = contents.tokenizerProblem {
      try tokenizer.setAttribute(ModelFormat.tokenizerProblem, .text(problem))
    }
    guard let json = contents.tokenizerJSON else { return }
    try tokenizer.createDataset(ModelFormat.tokenizerFile, shape: [json.count], type: .bytes)
      .write([UInt8](json), memoryType: DatasetType.byteMemoryType)
  }

  private static func close(
    _ group: consuming HDF5Node, and root: consuming HDF5Node
  ) throws(FileError) {
    _ = consume group
    try root.close()
  }

  /// Appends `values` to the tensor `name`: elements of its type, or their little-endian bytes, in
  /// row-major order.
  ///
  /// - Precondition: the file has the tensor and the values do not exceed its size.
  package mutating func append<Element: BitwiseCopyable>(
    _ values: Span<Element>, to name: String
  ) throws(FileError) {
    let bytes = unsafe values.bytes
    guard var tensor = tensors[name] else {
      preconditionFailure("the model file has no tensor \(name)")
    }
    precondition(
      tensor.written + bytes.byteCount <= tensor.byteCount,
      "\(tensor.written + bytes.byteCount) bytes for \(name) of \(tensor.byteCount)")
    try file.write(bytes, at: tensor.byteOffset + tensor.written)
    tensor.hash.update(bytes)
    tensor.written += bytes.byteCount
    tensors[name] = tensor
  }

  /// Writes the hash, flushes the file and gives it its name.
  ///
  /// - Returns: the SHA-256 of the weights, as docs/model-format.md defines it.
  /// - Precondition: every tensor is complete.
  package consuming func finish() throws(FileError) -> String {
    var digest = WeightsDigest()
    for (name, tensor) in tensors {
      precondition(tensor.written == tensor.byteCount, "tensor \(name) is not complete")
      digest.add(
        name: name, type: tensor.type.rawValue, shape: tensor.shape, hash: tensor.hash.finish())
    }
    let root = try HDF5Node(opening: file.temporaryPath)
    try root.setAttribute("sha256", .text(digest.value))
    try root.close()
    try file.commit()
    return digest.value
  }
}

/// The identity of a model's weights: SHA-256 over a list of the tensors and their own hashes.
///
/// The list has one line per tensor, in byte order of the names, each ended by a newline:
/// `name type shape hash`, where type is float32, float16 or bfloat16, shape is the sizes joined by
/// "x" and hash is the SHA-256 of the little-endian values in lower-case hexadecimal. So it can be
/// computed tensor by tensor in any order, and does not depend on how HDF5 lays out the file.
struct WeightsDigest {
  private var lines: [String: String] = [:]

  /// Adds the tensor `name` whose values have the hash `hash`, hexadecimal.
  mutating func add(name: String, type: String, shape: [Int], hash: String) {
    let sizes = shape.map(String.init).joined(separator: "x")
    lines[name] = "\(name) \(type) \(sizes) \(hash)\n"
  }

  /// The hash of the list, 64 lower-case hexadecimal digits.
  var value: String {
    let names = lines.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let list = names.map { lines[$0, default: ""] }.joined()
    return sha256(of: list)
  }
}
