import Foundation
import Support

/// The tensors of a safetensors file: an 8-byte length, a JSON header, then the values.
package struct SafetensorsFile {
  /// All tensors of floats by name.
  package let tensors: [String: SourceTensor]
  /// The types of all other tensors by name.
  package let otherTypes: [String: String]

  /// The format's own limit for the header.
  private static let largestHeader = 100_000_000

  /// Reads the header of the file at `path` and checks that the tensors cover the rest exactly once.
  package init(path: String) throws(FileError) {
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
    guard header.first == UInt8(ascii: "{") else {
      throw .invalid(
        path: path, place: "the header", expected: "a JSON object", found: "something else",
        fix: "fetch the file again")
    }
    let members = try MetadataValue.object(json: header, path: path, budget: file.budget)
    let dataStart = 8 + Int(length)
    var entries: [Entry] = []
    for (name, member) in members {
      if name == "__metadata__" {
        try Self.checkMetadata(member, path: path)
      } else {
        entries.append(try Entry(name, member, path: path))
      }
    }
    try Self.checkLayout(entries, byteCount: file.byteCount - dataStart, path: path)
    var (tensors, otherTypes): ([String: SourceTensor], [String: String]) = ([:], [:])
    for entry in entries {
      if let type = SourceType.safetensors(entry.type) {
        tensors[entry.name] = try SourceTensor(
          name: entry.name, shape: entry.shape, type: type, file: file,
          byteOffset: dataStart + entry.start)
      } else {
        otherTypes[entry.name] = entry.type
      }
    }
    (self.tensors, self.otherTypes) = (tensors, otherTypes)
  }

  /// The file's notes: texts by name, which nothing here needs.
  private static func checkMetadata(
    _ value: MetadataValue, path: String
  ) throws(FileError) {
    guard case .object(let notes) = value, notes.values.allSatisfy({ $0.text != nil }) else {
      throw .invalid(
        path: path, place: "__metadata__", expected: "an object of texts", found: value.quoted,
        fix: "fetch the file again")
    }
  }

  /// The format's rule: the tensors cover what follows the header exactly once.
  private static func checkLayout(
    _ entries: [Entry], byteCount: Int, path: String
  ) throws(FileError) {
    var end = 0
    var last = "the header"
    for entry in entries.sorted(by: { ($0.start, $0.end, $0.name) < ($1.start, $1.end, $1.name) }) {
      guard entry.start == end else {
        throw .invalid(
          path: path, place: entry.name, expected: "values from byte \(end) on, behind \(last)",
          found: "byte \(entry.start): \(entry.start < end ? "two tensors share bytes" : "a hole")",
          fix: "the format forbids it and readers may differ, so fetch or save the file again")
      }
      (end, last) = (entry.end, entry.name)
    }
    guard end == byteCount else {
      throw .invalid(
        path: path, place: "the values", expected: "\(end) bytes, as the header says",
        found: "\(byteCount)",
        fix: end > byteCount
          ? "it is truncated, so fetch it again" : "fetch or save the file again")
    }
  }
}

/// One tensor in the header of a safetensors file.
private struct Entry {
  let name: String
  let type: String
  let shape: [Int]
  let start: Int
  let end: Int

  init(_ name: String, _ value: MetadataValue, path: String) throws(FileError) {
    guard case .object(let members) = value, let type = members["dtype"]?.text,
      case .integers(let shape)? = members["shape"], shape.allSatisfy({ $0 >= 0 }),
      case .integers(let offsets)? = members["data_offsets"], offsets.count == 2, offsets[0] >= 0,
      offsets[1] >= offsets[0]
    else {
      throw .invalid(
        path: path, place: name, expected: "dtype, shape and data_offsets inside the file",
        found: "another header entry", fix: "fetch the file again")
    }
    (self.name, self.type, self.shape) = (name, type, shape)
    (start, end) = (offsets[0], offsets[1])
    guard let bits = Self.bits[type] else { return }
    guard let count = product(shape), count.multipliedReportingOverflow(by: bits).overflow == false,
      end - start == (count * bits + 7) / 8, count * bits % 8 == 0
    else {
      throw .invalid(
        path: path, place: name, expected: "as many bytes as shape \(shape) of \(type) takes",
        found: "\(end - start)", fix: "fetch the file again")
    }
  }

  /// Bits of one value of each type of the format.
  private static let bits = [
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "F64": 64, "I64": 64, "U64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
  ]
}
