import Foundation
import Support

/// Reads and writes NumPy's .npy files: writes format 1.0, reads all that `numpy.load` reads of numbers.
///
/// Formats 1.0 to 3.0, headers of Python 2, both byte orders, C and Fortran order. Values come in C order.
public enum NumpyFile {
  /// The integers of an array of 8 to 64 bits, such as token ids.
  ///
  /// - Throws: `FileError` if the file is of another kind or a value does not fit in 32 bits.
  public static func readInt32(path: String) throws(FileError) -> (
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
  public static func readFloats(path: String) throws(FileError) -> (
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
  public static func write(
    _ values: [Float], shape: [Int], to path: String
  ) throws(FileError) {
    precondition(values.count == shape.reduce(1, *), "\(values.count) values for shape \(shape)")
    let bytes = unsafe values.withUnsafeBytes { unsafe Data($0) }
    try write(bytes, type: "<f4", shape: shape, to: path)
  }

  /// Writes an int32 array in C order, atomically.
  ///
  /// - Precondition: `values.count` is the product of `shape`.
  public static func write(
    _ values: [Int32], shape: [Int], to path: String
  ) throws(FileError) {
    precondition(values.count == shape.reduce(1, *), "\(values.count) values for shape \(shape)")
    let bytes = unsafe values.withUnsafeBytes { unsafe Data($0) }
    try write(bytes, type: "<i4", shape: shape, to: path)
  }

  private static func write(
    _ bytes: Data, type: String, shape: [Int], to path: String
  ) throws(FileError) {
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
