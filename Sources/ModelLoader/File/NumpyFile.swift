import Foundation
import Support

/// Reads and writes NumPy's .npy files: writes format 1.0, reads all that `numpy.load` reads of numbers.
///
/// Formats 1.0 to 3.0, headers of Python 2, both byte orders, C and Fortran order. Values come in C order.
package enum NumpyFile {
  /// The integers of an array of 8 to 64 bits, such as token ids.
  ///
  /// - Throws: `FileError` if the file is of another kind or a value does not fit in 32 bits.
  package static func readInt32(path: String) throws(FileError) -> (
    shape: [Int], values: [Int32]
  ) {
    let array = try NumpyArray(try FileReader(path: path, what: "NumPy file"))
    guard let wide = try array.integers() else {
      throw array.invalid("integers, as of type int32 or int64", "\"\(array.type)\"")
    }
    let narrow = wide.map { Int32(truncatingIfNeeded: $0) }
    if let index = wide.indices.first(where: { wide[$0] != Int64(narrow[$0]) }) {
      throw array.invalid("integers of 32 bits", "\(wide[index]) at index \(index)")
    }
    return (array.shape, narrow)
  }

  /// The values of a float16, float32 or float64 array, rounded to float32.
  package static func readFloats(path: String) throws(FileError) -> (
    shape: [Int], values: [Float]
  ) {
    let array = try NumpyArray(try FileReader(path: path, what: "NumPy file"))
    guard let values = try array.floats() else {
      throw array.invalid("floats, as of type float32 or float64", "\"\(array.type)\"")
    }
    return (array.shape, values)
  }

  /// Writes a float32 array in C order, atomically.
  ///
  /// - Precondition: `values.count` is the product of `shape`.
  package static func write(
    _ values: [Float], shape: [Int], to path: String
  ) throws(FileError) {
    try write(values, type: "<f4", shape: shape, to: path)
  }

  /// Writes an int32 array in C order, atomically.
  ///
  /// - Precondition: `values.count` is the product of `shape`.
  package static func write(
    _ values: [Int32], shape: [Int], to path: String
  ) throws(FileError) {
    try write(values, type: "<i4", shape: shape, to: path)
  }

  private static func write<Element: BitwiseCopyable>(
    _ values: [Element], type: String, shape: [Int], to path: String
  ) throws(FileError) {
    precondition(values.count == shape.reduce(1, *), "\(values.count) values for shape \(shape)")
    let bytes = unsafe values.withUnsafeBytes { unsafe Data($0) }
    let sizes = shape.count == 1 ? "\(shape[0])," : shape.map(String.init).joined(separator: ", ")
    var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(sizes)), }"
    // The values start at a multiple of 64; the header ends with a newline.
    let padding = (64 - (NumpyHeader.prefix + header.utf8.count + 1) % 64) % 64
    header += String(repeating: " ", count: padding) + "\n"
    let length = UInt16(header.utf8.count)
    var data = Data(FileKind.numpyMagic + [1, 0, UInt8(length & 255), UInt8(length >> 8)])
    data.append(contentsOf: header.utf8)
    data.append(bytes)
    try AtomicFile.write(data, to: path)
  }
}

extension NumpyFile {
  /// One row of token ids, as other programs save them: int32 or int64, each below `vocabulary`.
  ///
  /// - Throws: `FileError` if the array is empty, has more than one row, or holds a number
  ///   that is no token of this vocabulary.
  package static func readTokens(
    path: String, vocabulary: Int
  ) throws(FileError) -> [Int32] {
    let (shape, ids) = try readInt32(path: path)
    func invalid(_ place: String, _ expected: String, _ found: String) -> FileError {
      .invalid(
        path: path, place: place, expected: expected, found: found,
        fix: "save the ids that this model's tokenizer gives")
    }
    guard shape.filter({ $0 != 1 }).count <= 1, !ids.isEmpty else {
      throw invalid("the shape", "one row of token ids", "\(shape)")
    }
    if let index = ids.firstIndex(where: { $0 < 0 || Int($0) >= vocabulary }) {
      throw invalid("token \(index)", "an id from 0 to \(vocabulary - 1)", "\(ids[index])")
    }
    return ids
  }
}

/// The array in a .npy file: what its header says, and its values in C order.
struct NumpyArray {
  /// The element type as the header spells it: `<i4`.
  let type: String
  let shape: [Int]
  private let file: FileReader
  private let header: NumpyHeader
  /// Kind and bytes of an element.
  private let element: (kind: Character, size: Int, isBigEndian: Bool)

  /// Reads the header of an open file.
  ///
  /// - Throws: `FileError` for what is no .npy file, and for an array of Python objects.
  init(_ file: FileReader) throws(FileError) {
    header = try NumpyHeader(file)
    (self.file, type, shape) = (file, header.type, header.shape)
    element = Self.element(of: Self.codes[header.type] ?? header.type) ?? ("?", 0, false)
    if element.kind == "O" {
      throw .unsupported(
        path: file.path, place: "the values",
        found: "an array of Python objects, a pickle, which can run any code when it is read,",
        supported: "an array of numbers, such as numpy.save writes for int32")
    }
  }

  /// NumPy's names for types, which it takes in place of their codes.
  private static let codes = [
    "int8": "i1", "int16": "i2", "int32": "i4", "int64": "i8", "uint8": "u1", "uint16": "u2",
    "uint32": "u4", "uint64": "u8", "float16": "f2", "float32": "f4", "float64": "f8",
    "object": "O",
  ]

  /// The kind, size and byte order that a type code names; nil for a structured type or nonsense.
  ///
  /// Without a byte order, or with `=` or `|`, the values are as the machine that wrote them, in
  /// practice little-endian.
  private static func element(of code: String) -> (Character, Int, Bool)? {
    var rest = code[...]
    let order = rest.first.flatMap { "<>=|".contains($0) ? $0 : nil }
    if order != nil { rest = rest.dropFirst() }
    guard let kind = rest.popFirst() else { return nil }
    if kind == "O" { return (kind, 0, false) }
    guard let size = Int(rest), "\(size)" == rest else { return nil }
    return (kind, size, order == ">")
  }

  /// The values as integers; nil where they are something else.
  ///
  /// Those of uint64 beyond the range of Int64 read as its largest.
  func integers() throws(FileError) -> [Int64]? {
    switch (element.kind, element.size) {
    case ("i", 1): try words(UInt8.self).map { Int64(Int8(bitPattern: $0)) }
    case ("i", 2): try words(UInt16.self).map { Int64(Int16(bitPattern: $0)) }
    case ("i", 4): try words(UInt32.self).map { Int64(Int32(bitPattern: $0)) }
    case ("i", 8): try words(UInt64.self).map { Int64(bitPattern: $0) }
    case ("u", 1): try words(UInt8.self).map { Int64($0) }
    case ("u", 2): try words(UInt16.self).map { Int64($0) }
    case ("u", 4): try words(UInt32.self).map { Int64($0) }
    case ("u", 8): try words(UInt64.self).map { Int64(clamping: $0) }
    default: nil
    }
  }

  /// The values rounded to float32; nil where they are something else.
  func floats() throws(FileError) -> [Float]? {
    switch (element.kind, element.size) {
    case ("f", 2):
      SourceType.float16.decode(
        try words(UInt16.self).flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] })
    case ("f", 4): try words(UInt32.self).map { Float(bitPattern: $0) }
    case ("f", 8): try words(UInt64.self).map { Float(Double(bitPattern: $0)) }
    default: nil
    }
  }

  /// All values as words, in C order.
  private func words<Word: FixedWidthInteger & BitwiseCopyable>(
    _ type: Word.Type
  ) throws(FileError) -> [Word] {
    let count = shape.reduce(1, *)
    let size = MemoryLayout<Word>.size
    let bytes = try file.read(at: header.dataStart, count: count * size, place: "the values")
    let span = unsafe bytes.span.bytes
    let words = (0..<count).map { index in
      let word = unsafe span.unsafeLoadUnaligned(fromByteOffset: index * size, as: Word.self)
      return element.isBigEndian ? word.bigEndian : word.littleEndian
    }
    return header.isFortranOrder ? Self.transposed(words, shape) : words
  }

  /// Values whose first axis runs fastest, with the last one running fastest.
  private static func transposed<Word>(_ values: [Word], _ shape: [Int]) -> [Word] {
    if shape.count < 2 { return values }
    var strides = [1]
    for size in shape.dropLast() { strides.append(strides[strides.count - 1] * size) }
    var (place, offset) = (shape.map { _ in 0 }, 0)
    return values.indices.map { _ in
      let value = values[offset]
      for axis in shape.indices.reversed() {
        place[axis] += 1
        offset += strides[axis]
        if place[axis] < shape[axis] { break }
        offset -= strides[axis] * shape[axis]
        place[axis] = 0
      }
      return value
    }
  }

  /// An error about the values.
  func invalid(_ expected: String, _ found: String) -> FileError {
    .invalid(
      path: file.path, place: "the values", expected: expected, found: found,
      fix: "save the array with numpy.save in this type")
  }
}
