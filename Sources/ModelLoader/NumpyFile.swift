import Foundation

/// Reads and writes NumPy's .npy files (format 1.0; 2.0 and 3.0 are read too).
public enum NumpyFile {
  /// The integers of a little-endian int32 or int64 array in C order, such as token ids.
  ///
  /// - Throws: `ModelLoaderError` if the file is of another kind or a value does not fit in 32 bits.
  public static func readInt32(path: String) throws(ModelLoaderError) -> (
    shape: [Int], values: [Int32]
  ) {
    let file = try FileReader(path: path, what: "NumPy file")
    let header = try Header(file)
    switch header.type {
    case "<i4":
      let bits = try header.words(UInt32.self)
      return (header.shape, bits.map { Int32(bitPattern: $0) })
    case "<i8":
      let wide = try header.words(UInt64.self).map { Int64(bitPattern: $0) }
      let narrow = wide.map { Int32(truncatingIfNeeded: $0) }
      if let index = wide.indices.first(where: { wide[$0] != Int64(narrow[$0]) }) {
        throw header.invalid("values", "integers of 32 bits", "\(wide[index]) at index \(index)")
      }
      return (header.shape, narrow)
    default:
      throw header.invalid(
        "descr", "\"<i4\" or \"<i8\" (int32 or int64)", "\"\(header.type)\"")
    }
  }

  /// The values of a little-endian float32 or float64 array in C order, rounded to float32.
  public static func readFloats(path: String) throws(ModelLoaderError) -> (
    shape: [Int], values: [Float]
  ) {
    let header = try Header(try FileReader(path: path, what: "NumPy file"))
    switch header.type {
    case "<f4": return (header.shape, try header.words(UInt32.self).map { Float(bitPattern: $0) })
    case "<f8":
      return (header.shape, try header.words(UInt64.self).map { Float(Double(bitPattern: $0)) })
    default:
      throw header.invalid(
        "descr", "\"<f4\" or \"<f8\" (float32 or float64)", "\"\(header.type)\"")
    }
  }

  /// Writes a float32 array in C order, atomically.
  ///
  /// - Precondition: `values.count` is the product of `shape`.
  public static func write(
    _ values: [Float], shape: [Int], to path: String
  ) throws(ModelLoaderError) {
    precondition(values.count == shape.reduce(1, *), "\(values.count) values for shape \(shape)")
    let bytes = unsafe values.withUnsafeBytes { unsafe Data($0) }
    try write(bytes, type: "<f4", shape: shape, to: path)
  }

  /// Writes an int32 array in C order, atomically.
  ///
  /// - Precondition: `values.count` is the product of `shape`.
  public static func write(
    _ values: [Int32], shape: [Int], to path: String
  ) throws(ModelLoaderError) {
    precondition(values.count == shape.reduce(1, *), "\(values.count) values for shape \(shape)")
    let bytes = unsafe values.withUnsafeBytes { unsafe Data($0) }
    try write(bytes, type: "<i4", shape: shape, to: path)
  }

  private static func write(
    _ bytes: Data, type: String, shape: [Int], to path: String
  ) throws(ModelLoaderError) {
    let sizes = shape.count == 1 ? "\(shape[0])," : shape.map(String.init).joined(separator: ", ")
    var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(sizes)), }"
    // The values start at a multiple of 64; the header ends with a newline.
    let padding = (64 - (Header.prefix + header.utf8.count + 1) % 64) % 64
    header += String(repeating: " ", count: padding) + "\n"
    let length = UInt16(header.utf8.count)
    var data = Data(Header.magic + [1, 0, UInt8(length & 255), UInt8(length >> 8)])
    data.append(contentsOf: header.utf8)
    data.append(bytes)
    try AtomicFile.write(data, to: path)
  }
}

/// The header of a .npy file: a Python dictionary in a text of fixed grammar.
private struct Header {
  static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
  /// Bytes before the dictionary in format 1.0.
  static let prefix = 10
  /// Those of numpy.save have some hundred bytes.
  private static let longest = 1 << 16

  let file: FileReader
  let type: String
  let shape: [Int]
  let dataStart: Int

  init(_ file: FileReader) throws(ModelLoaderError) {
    let path = file.path
    func invalid(_ expected: String, _ found: String) -> ModelLoaderError {
      .invalid(
        path: path, place: "the header", expected: expected, found: found,
        fix: "save the array with numpy.save")
    }
    let start = try file.read(at: 0, count: min(12, file.byteCount), place: "the header")
    guard start.starts(with: Self.magic), start.count == 12, (1...3).contains(start[6]) else {
      throw invalid("a NumPy .npy file", "something else")
    }
    // Version 1 counts the dictionary in two bytes, the later ones in four.
    let lengthBytes = start[6] == 1 ? 2 : 4
    let length = (0..<lengthBytes).reduce(0) { $0 | Int(start[8 + $1]) << (8 * $1) }
    guard length <= Self.longest else {
      throw invalid("a header of at most \(Self.longest) bytes", "one of \(length)")
    }
    let text = String(
      decoding: try file.read(at: 8 + lengthBytes, count: length, place: "the header"),
      as: UTF8.self)
    guard let type = Self.match(text, #/'descr':\s*'([^']*)'/#),
      let order = Self.match(text, #/'fortran_order':\s*(True|False)/#),
      let sizes = Self.match(text, #/'shape':\s*\(([0-9,\s]*)\)/#)
    else { throw invalid("descr, fortran_order and shape", "\(text.prefix(60))") }
    guard order == "False" else { throw invalid("an array in C order", "one in Fortran order") }
    let shape = sizes.split(separator: ",").map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
      .map { Int($0) ?? -1 }
    guard !shape.contains(-1), product(shape) != nil else {
      throw invalid("a shape that fits in memory", "(\(sizes.prefix(60)))")
    }
    self.file = file
    self.type = type
    self.shape = shape
    dataStart = 8 + lengthBytes + length
  }

  private static func match(_ text: String, _ pattern: Regex<(Substring, Substring)>) -> String? {
    (try? pattern.firstMatch(in: text)).map { String($0.output.1) }
  }

  /// All values as little-endian words.
  func words<Word: FixedWidthInteger & BitwiseCopyable>(_ type: Word.Type) throws(ModelLoaderError)
    -> [Word]
  {
    let count = shape.reduce(1, *)
    let size = MemoryLayout<Word>.size
    let bytes = try file.read(at: dataStart, count: count * size, place: "the values")
    let span = unsafe bytes.span.bytes
    return (0..<count).map { index in
      unsafe span.unsafeLoadUnaligned(fromByteOffset: index * size, as: Word.self).littleEndian
    }
  }

  func invalid(_ place: String, _ expected: String, _ found: String) -> ModelLoaderError {
    .invalid(
      path: file.path, place: place, expected: expected, found: found,
      fix: "save the array with numpy.save in this type")
  }
}
