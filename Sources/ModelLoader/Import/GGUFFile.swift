import Foundation
import Support

/// The header of a GGUF file (versions 2 and 3): metadata, and where each tensor lies.
package struct GGUFFile {
  package let path: String
  /// Values by key.
  package let metadata: [String: MetadataValue]
  /// All tensors by llama.cpp's names.
  package let tensors: [String: SourceTensor]

  /// Reads and checks the header of the file at `path`.
  package init(path: String) throws(FileError) {
    let file = try FileReader(path: path, what: "GGUF file")
    var reader = GGUFReader(file: file)
    try Self.checkMagic(&reader)
    let tensorCount = try reader.count(of: "the number of tensors", bytesEach: 24)
    let keyCount = try reader.count(of: "the number of metadata keys", bytesEach: 13)
    var metadata: [String: MetadataValue] = [:]
    for index in 0..<keyCount {
      let key = try reader.text(of: "metadata key \(index)")
      guard metadata.updateValue(try reader.value(of: key), forKey: key) == nil else {
        throw .invalid(
          path: path, place: key, expected: "each metadata key once", found: "a second one",
          fix: "readers may differ in which they take, so fetch or save the file again")
      }
    }
    self.path = path
    self.metadata = metadata
    tensors = try Self.readTensors(tensorCount, alignment: metadata["general.alignment"], &reader)
  }

  /// Some metadata with the tensors of several files.
  private init(path: String, metadata: [String: MetadataValue], tensors: [String: SourceTensor]) {
    (self.path, self.metadata, self.tensors) = (path, metadata, tensors)
  }

  /// The model at `path`, the whole of it where that is one of the files it was split into.
  ///
  /// llama.cpp names them `…-00001-of-00003.gguf`; the first has the metadata.
  ///
  /// - Throws: `FileError` where one of them is not there, or of another model.
  package static func whole(path: String) throws(FileError) -> GGUFFile {
    let given = try GGUFFile(path: path)
    guard let count = given.metadata["split.count"]?.integer, count > 1 else { return given }
    guard let paths = parts(of: path), paths.count == count else {
      throw .invalid(
        path: path, place: "split.count",
        expected: "the name of one of \(count) files, …-00001-of-\(fiveDigits(count)).gguf",
        found: URL(fileURLWithPath: path).lastPathComponent,
        fix: "give the files the names that they were published with")
    }
    var tensors: [String: SourceTensor] = [:]
    var first = given
    for (index, part) in paths.enumerated() {
      guard FileManager.default.fileExists(atPath: part) else {
        throw .missing(path: part, what: "file, part \(index + 1) of \(count) of the model")
      }
      let file = part == path ? given : try GGUFFile(path: part)
      for (key, expected) in [("split.no", index), ("split.count", count)]
      where file.metadata[key]?.integer != expected {
        throw .invalid(
          path: part, place: key, expected: "\(expected)",
          found: file.metadata[key]?.quoted ?? "nothing",
          fix: "it is not a part of this model, so fetch it again")
      }
      if index == 0 { first = file }
      for (name, tensor) in file.tensors {
        guard tensors.updateValue(tensor, forKey: name) == nil else {
          throw damaged(
            tensor.file, name, expected: "each tensor in one of the files", found: "a second one")
        }
      }
    }
    let total = first.metadata["split.tensors.count"]?.integer
    guard total == nil || total == tensors.count else {
      throw .invalid(
        path: first.path, place: "split.tensors.count", expected: "\(total ?? 0) tensors",
        found: "\(tensors.count) in the \(count) files", fix: "fetch them again")
    }
    return GGUFFile(path: first.path, metadata: first.metadata, tensors: tensors)
  }

  /// The files that the one at `path` is a part of, by its name; nil where the name is no part's.
  package static func parts(of path: String) -> [String]? {
    guard let match = path.wholeMatch(of: /(.*-)([0-9]{5})-of-([0-9]{5})\.gguf/),
      let number = Int(match.2), let count = Int(match.3), count >= 1, (1...count).contains(number)
    else { return nil }
    return (1...count).map { "\(match.1)\(fiveDigits($0))-of-\(match.3).gguf" }
  }

  private static func fiveDigits(_ number: Int) -> String {
    String(repeating: "0", count: max(0, 5 - "\(number)".count)) + "\(number)"
  }

  private static func checkMagic(_ reader: inout GGUFReader) throws(FileError) {
    let path = reader.file.path
    guard reader.file.byteCount >= 24, try reader.unsigned(UInt32.self, of: "magic") == 0x4655_4747
    else {
      let head = try reader.file.read(
        at: 0, count: min(64, reader.file.byteCount), place: "the file")
      let kind = FileKind(beginning: head)
      // PyTorch's files: pickles, bare or in a zip.
      if kind == .pickle || kind == .zipArchive {
        throw .unsupported(
          path: path, place: "the file", found: "a pickle, which can run any code when it is read,",
          supported: "model.safetensors or a .gguf file")
      }
      throw .invalid(
        path: path, place: "the file", expected: "a GGUF file or a Hugging Face folder",
        found: kind?.name ?? "something else",
        fix: "give a .gguf file or the folder with config.json")
    }
    let version = try reader.unsigned(UInt32.self, of: "version")
    guard (2...3).contains(version) else {
      let isSwapped = (2...3).contains(version.byteSwapped)
      throw .unsupported(
        path: path, place: "version", found: isSwapped ? "big-endian GGUF" : "version \(version)",
        supported: "little-endian GGUF version 2 or 3")
    }
  }

  /// A tensor's header; its offset counts from the start of the values.
  private struct Entry {
    let name: String
    let shape: [Int]
    let type: SourceType
    let offset: Int
  }

  private static func readTensors(
    _ count: Int, alignment: MetadataValue?, _ reader: inout GGUFReader
  ) throws(FileError) -> [String: SourceTensor] {
    let file = reader.file
    var entries: [Entry] = []
    for index in 0..<count { entries.append(try readEntry(index, &reader)) }
    let alignment = alignment?.integer ?? 32
    guard alignment >= 1, alignment <= 1 << 20, alignment & (alignment - 1) == 0 else {
      throw .invalid(
        path: file.path, place: "general.alignment", expected: "a power of 2 up to \(1 << 20)",
        found: "\(alignment)", fix: "the file is damaged, so fetch it again")
    }
    let start = (reader.position + alignment - 1) / alignment * alignment
    var tensors: [String: SourceTensor] = [:]
    for entry in entries {
      let tensor = try SourceTensor(
        name: entry.name, shape: entry.shape, type: entry.type, file: file,
        byteOffset: start + entry.offset)
      guard tensors.updateValue(tensor, forKey: entry.name) == nil else {
        throw damaged(file, entry.name, expected: "each tensor once", found: "a second one")
      }
    }
    try checkLayout(entries, alignment: alignment, file)
    return tensors
  }

  /// The rule of the reference reader: tensors lie behind each other, each padded to the alignment.
  private static func checkLayout(
    _ entries: [Entry], alignment: Int, _ file: FileReader
  ) throws(FileError) {
    var end = 0
    for entry in entries.sorted(by: { ($0.offset, $0.name) < ($1.offset, $1.name) }) {
      guard entry.offset == end else {
        let problem =
          entry.offset % alignment != 0
          ? "no multiple of the alignment"
          : entry.offset < end ? "two tensors share bytes" : "a hole"
        throw damaged(
          file, entry.name, expected: "values at offset \(end), behind the tensor before",
          found: "offset \(entry.offset): \(problem)")
      }
      // SourceTensor has checked that the size fits in the file.
      let bytes = entry.shape.reduce(1, *) / entry.type.blockCount * entry.type.blockBytes
      end = (end + bytes + alignment - 1) / alignment * alignment
    }
  }

  private static func damaged(
    _ file: FileReader, _ place: String, expected: String, found: String
  ) -> FileError {
    .invalid(
      path: file.path, place: place, expected: expected, found: found,
      fix: "the reference reader refuses it too, so fetch or save the file again")
  }

  private static func readEntry(
    _ index: Int, _ reader: inout GGUFReader
  ) throws(FileError) -> Entry {
    let path = reader.file.path
    let name = try reader.text(of: "the name of tensor \(index)")
    let rank = try reader.unsigned(UInt32.self, of: name)
    guard (1...4).contains(rank) else {
      throw .invalid(
        path: path, place: name, expected: "1 to 4 axes", found: "\(rank)",
        fix: "the file is damaged, so fetch it again")
    }
    var shape: [Int] = []
    for _ in 0..<rank { shape.append(Int(clamping: try reader.unsigned(UInt64.self, of: name))) }
    guard shape.allSatisfy({ $0 >= 1 }) else {
      throw damaged(reader.file, name, expected: "sizes from 1 on", found: "\(shape)")
    }
    let id = try reader.unsigned(UInt32.self, of: name)
    guard let type = SourceType.gguf(id) else {
      throw .unsupported(
        path: path, place: name, found: SourceType.ggufName(id),
        supported: "tensors of \(SourceType.ofGGUF.map(\.rawValue).joined(separator: ", "))")
    }
    let offset = try reader.unsigned(UInt64.self, of: name)
    guard offset <= UInt64(reader.file.byteCount) else {
      throw .invalid(
        path: path, place: name, expected: "an offset inside the file", found: "\(offset)",
        fix: "it is truncated, so fetch it again")
    }
    // GGUF lists the fastest axis first, (in, out); all others here list it last.
    return Entry(name: name, shape: shape.reversed(), type: type, offset: Int(offset))
  }
}

/// Reads the header of a GGUF file value by value, in little-endian order, never beyond its end.
struct GGUFReader {
  let file: FileReader
  private(set) var position = 0
  private var window: [UInt8] = []
  private var windowStart = 0

  init(file: FileReader) { self.file = file }

  /// A little-endian unsigned integer.
  mutating func unsigned<T: FixedWidthInteger & UnsignedInteger>(
    _ type: T.Type = T.self, of place: String
  ) throws(FileError) -> T {
    let count = T.bitWidth / 8
    try fill(count, place)
    var value: T = 0
    for index in (0..<count).reversed() {
      value = value << 8 | T(truncatingIfNeeded: window[position - windowStart + index])
    }
    position += count
    return value
  }

  /// A 64-bit count that must fit in what is left of the file.
  mutating func count(
    of place: String, bytesEach: Int = 1
  ) throws(FileError) -> Int {
    let value = try unsigned(UInt64.self, of: place)
    let limit = (file.byteCount - position) / bytesEach
    guard value <= UInt64(limit) else {
      throw .invalid(
        path: file.path, place: place, expected: "a count of at most \(limit)", found: "\(value)",
        fix: "the file is damaged or truncated, so fetch it again")
    }
    return Int(value)
  }

  /// A length and as many bytes of text.
  mutating func text(of place: String) throws(FileError) -> String {
    let length = try count(of: place)
    try fill(length, place)
    let start = position - windowStart
    position += length
    return String(decoding: window[start..<start + length], as: UTF8.self)
  }

  /// A type number and the value of that type.
  mutating func value(of key: String) throws(FileError) -> MetadataValue {
    let type = try unsigned(UInt32.self, of: key)
    return type == 9 ? try array(of: key) : try single(type, of: key)
  }

  private mutating func single(
    _ type: UInt32, of key: String
  ) throws(FileError) -> MetadataValue {
    switch type {
    case 0: .integer(Int(try unsigned(UInt8.self, of: key)))
    case 1: .integer(Int(Int8(bitPattern: try unsigned(of: key))))
    case 2: .integer(Int(try unsigned(UInt16.self, of: key)))
    case 3: .integer(Int(Int16(bitPattern: try unsigned(of: key))))
    case 4: .integer(Int(try unsigned(UInt32.self, of: key)))
    case 5: .integer(Int(Int32(bitPattern: try unsigned(of: key))))
    case 6: .real(Self.decimal(Float(bitPattern: try unsigned(of: key))))
    case 7: .bool(try unsigned(UInt8.self, of: key) != 0)
    case 8: .text(try text(of: key))
    case 10: .integer(Int(clamping: try unsigned(UInt64.self, of: key)))
    case 11: .integer(Int(Int64(bitPattern: try unsigned(of: key))))
    case 12: .real(Double(bitPattern: try unsigned(of: key)))
    default:
      throw .invalid(
        path: file.path, place: key, expected: "a value type from 0 to 12", found: "\(type)",
        fix: "the file is damaged, so fetch it again")
    }
  }

  /// Arrays hold values of one type; arrays of arrays are not used by any model read here.
  private mutating func array(of key: String) throws(FileError) -> MetadataValue {
    let type = try unsigned(UInt32.self, of: key)
    let count = try count(of: key)
    var (integers, reals, texts, bools): ([Int], [Double], [String], [Bool]) = ([], [], [], [])
    for _ in 0..<count {
      switch try single(type, of: key) {
      case .integer(let value): integers.append(value)
      case .real(let value): reals.append(value)
      case .text(let value): texts.append(value)
      case .bool(let value): bools.append(value)
      default: break
      }
    }
    return switch type {
    case 6, 12: .reals(reals)
    case 7: .bools(bools)
    case 8: .texts(texts)
    default: .integers(integers)
    }
  }

  /// The number that a float32 was written for: 1e-5 and not 9.999999747378752e-06.
  private static func decimal(_ value: Float) -> Double {
    Double(value.description) ?? Double(value)
  }

  /// Makes the window hold the next `count` bytes.
  private mutating func fill(_ count: Int, _ place: String) throws(FileError) {
    let available = windowStart + window.count - position
    guard available < count else { return }
    let size = max(count, min(1 << 20, file.byteCount - position))
    window = try file.read(at: position, count: size, place: place)
    windowStart = position
  }
}
