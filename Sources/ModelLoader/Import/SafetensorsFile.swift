import Foundation

/// The tensors of a safetensors file: an 8-byte length, a JSON header, then the values.
package struct SafetensorsFile {
  /// All tensors by name.
  package let tensors: [String: SourceTensor]

  /// The format's own limit for the header.
  private static let largestHeader = 100_000_000

  /// Reads the header of the file at `path` and checks that every tensor lies inside the file.
  package init(path: String) throws(ModelLoaderError) {
    let file = try FileReader(path: path, what: "safetensors file")
    let start = try file.read(at: 0, count: 8, place: "the header's length")
    let length = start.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= Self.largestHeader, Int(length) <= file.byteCount - 8 else {
      throw .invalid(
        path: path, place: "the header", expected: "a safetensors header inside the file",
        found: "a header of \(length) bytes in a file of \(file.byteCount)",
        fix: "it is not a safetensors file or truncated, so fetch it again")
    }
    let header = try file.read(at: 8, count: Int(length), place: "the header")
    let entries = try MetadataValue.object(json: header, path: path, budget: file.budget)
    var tensors: [String: SourceTensor] = [:]
    for (name, entry) in entries where name != "__metadata__" {
      tensors[name] = try Self.tensor(name, entry, in: file, dataStart: 8 + Int(length))
    }
    self.tensors = tensors
  }

  private static func tensor(
    _ name: String, _ entry: MetadataValue, in file: FileReader, dataStart: Int
  ) throws(ModelLoaderError) -> SourceTensor {
    guard case .object(let members) = entry, let dtype = members["dtype"]?.text,
      let shape = sizes(members["shape"]), let offsets = members["data_offsets"]?.integers,
      offsets.count == 2, offsets[0] >= 0, offsets[1] >= offsets[0],
      offsets[0] <= file.byteCount - dataStart
    else {
      throw .invalid(
        path: file.path, place: name, expected: "dtype, shape and data_offsets inside the file",
        found: "another header entry", fix: "fetch the file again")
    }
    guard let type = SourceType.safetensors(dtype) else {
      throw .unsupported(
        path: file.path, place: name, found: "the type \(dtype)",
        supported: "F32, F16, BF16 or F64 tensors")
    }
    let tensor = try SourceTensor(
      name: name, shape: shape, type: type, file: file, byteOffset: dataStart + offsets[0])
    let bytes = shape.reduce(1, *) * type.blockBytes
    guard offsets[1] - offsets[0] == bytes else {
      throw .invalid(
        path: file.path, place: name, expected: "\(bytes) bytes for shape \(shape)",
        found: "\(offsets[1] - offsets[0])", fix: "fetch the file again")
    }
    return tensor
  }

  /// A shape; `[]`, a single value, decodes as an empty list.
  private static func sizes(_ value: MetadataValue?) -> [Int]? {
    value?.integers
  }
}
