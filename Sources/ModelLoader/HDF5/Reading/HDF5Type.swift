import Foundation
import Transformer

/// What one element of a dataset or attribute is.
struct HDF5Type: Equatable {
  enum Kind: Equatable {
    case integer(isSigned: Bool)
    case float(HDF5Float)
    case text
    case variableText
    /// Names for small integers; h5py's truth values are one.
    case enumeration(isSigned: Bool)
    case other
  }

  let kind: Kind
  /// Bytes of an element.
  let size: Int
  let isBigEndian: Bool

  /// Reads a datatype message.
  init(_ cursor: inout HDF5Cursor) throws(ModelLoaderError) {
    let (tag, bits) = (try cursor.number(1), try cursor.number(3))
    size = try cursor.size(4)
    guard (1...5).contains(tag >> 4), size >= 1 else { throw cursor.damaged("an unknown type") }
    var isBig = bits & 1 != 0
    switch tag & 15 {
    case 0:
      try Self.checkWholeBytes(&cursor, size)
      kind = .integer(isSigned: bits & 8 != 0)
    case 1:
      guard let format = try HDF5Float(&cursor, bits: bits, size: size) else {
        (kind, isBigEndian) = (.other, false)
        return
      }
      kind = .float(format)
    case 3: (kind, isBig) = (.text, false)
    case 8:
      let base = try HDF5Type(&cursor)
      guard case .integer(let isSigned) = base.kind, base.size == size else {
        throw cursor.damaged("an unknown type")
      }
      (kind, isBig) = (.enumeration(isSigned: isSigned), base.isBigEndian)
    case 9: (kind, isBig) = (bits & 15 == 1 && size == 16 ? .variableText : .other, false)
    default: (kind, isBig) = (.other, false)
    }
    isBigEndian = isBig
  }

  /// Integers of 1, 2, 4 or 8 whole bytes.
  private static func checkWholeBytes(
    _ cursor: inout HDF5Cursor, _ size: Int
  ) throws(ModelLoaderError) {
    let (offset, precision) = (try cursor.size(2), try cursor.size(2))
    guard [1, 2, 4, 8].contains(size), offset == 0, precision == 8 * size else {
      throw .unsupported(
        path: cursor.path, place: cursor.place, found: "an integer of \(precision) bits",
        supported: "integers of 1, 2, 4 or 8 bytes")
    }
  }

  /// The float type whose little-endian bytes these are, or nil.
  var elementType: ElementType? {
    guard case .float(let format) = kind, !isBigEndian else { return nil }
    return ElementType.allCases.first { HDF5Float($0) == format && $0.byteCount == size }
  }

  /// Whether this is a float of any format.
  var isFloat: Bool {
    if case .float = kind { return true }
    return false
  }

  /// What is stored, in words.
  var name: String {
    if let elementType { return elementType.rawValue }
    return switch kind {
    case .float: "\(size)-byte float of another format"
    case .integer: "\(size)-byte integer"
    case .text: "\(size)-byte string"
    case .variableText, .enumeration, .other: "\(size)-byte value of another class"
    }
  }

  /// Element `index` of `bytes` as a word, most significant byte first.
  @inline(__always)
  private func word(_ bytes: [UInt8], _ index: Int) -> UInt64 {
    var word: UInt64 = 0
    let start = index * size
    if isBigEndian {
      for place in start..<start + size { word = word << 8 | UInt64(bytes[place]) }
    } else {
      for place in (start..<start + size).reversed() { word = word << 8 | UInt64(bytes[place]) }
    }
    return word
  }

  /// The numbers in `bytes` as float64, or nil where these are no numbers.
  func doubles(_ bytes: [UInt8]) -> [Double]? {
    let count = bytes.count / size
    switch kind {
    case .float(let format):
      return (0..<count).map { format.value(of: word(bytes, $0)) }
    case .integer(let isSigned), .enumeration(let isSigned):
      return (0..<count).map { index in
        let word = word(bytes, index)
        return isSigned ? Double(signed(word)) : Double(word)
      }
    default: return nil
    }
  }

  /// The numbers in `bytes` as integers, those outside the range clamped to it, NaN as 0.
  func integers(_ bytes: [UInt8]) -> [Int64]? {
    let count = bytes.count / size
    switch kind {
    case .integer(let isSigned), .enumeration(let isSigned):
      return (0..<count).map { index in
        let word = word(bytes, index)
        return isSigned ? signed(word) : Int64(clamping: word)
      }
    case .float:
      return doubles(bytes)?.map { value in
        if value.isNaN { return 0 }
        return Int64(exactly: value.rounded(.towardZero)) ?? (value < 0 ? .min : .max)
      }
    default: return nil
    }
  }

  /// A word of `size` bytes with its sign carried to the left.
  private func signed(_ word: UInt64) -> Int64 {
    let shift = UInt64(64 - 8 * size)
    return Int64(bitPattern: word << shift) >> Int64(shift)
  }
}

/// Where the fields of a binary float stand; only formats with a hidden leading one are known.
struct HDF5Float: Equatable {
  let sign: Int
  let exponentStart: Int
  let exponentBits: Int
  let fractionBits: Int
  let bias: Int

  /// Reads the properties of a float type; nil for a format that is not known.
  init?(_ cursor: inout HDF5Cursor, bits: UInt64, size: Int) throws(ModelLoaderError) {
    let (offset, precision) = (try cursor.size(2), try cursor.size(2))
    exponentStart = try cursor.size(1)
    exponentBits = try cursor.size(1)
    let fractionStart = try cursor.size(1)
    fractionBits = try cursor.size(1)
    bias = try cursor.size(4)
    sign = Int(bits >> 8 & 0xFF)
    guard [2, 4, 8].contains(size), offset == 0, precision == 8 * size, bits & 0x40 == 0,
      bits >> 4 & 3 == 2, (1...11).contains(exponentBits), (1...52).contains(fractionBits),
      fractionStart == 0, exponentStart == fractionBits, sign == exponentStart + exponentBits,
      sign < precision, bias < 1 << 11
    else { return nil }
  }

  /// The format of an element type.
  init(_ type: ElementType) {
    (exponentBits, fractionBits, bias) =
      switch type {
      case .float32: (8, 23, 127)
      case .float16: (5, 10, 15)
      case .bfloat16: (8, 7, 127)
      }
    exponentStart = fractionBits
    sign = exponentBits + fractionBits
  }

  /// The number that the bits of `word` stand for.
  func value(of word: UInt64) -> Double {
    let mask = UInt64(1) << UInt64(exponentBits) - 1
    let fraction = word & (1 << UInt64(fractionBits) - 1)
    let exponent = word >> UInt64(exponentStart) & mask
    let isNegative = word >> UInt64(sign) & 1 == 1
    if exponent == mask {
      if fraction != 0 { return .nan }
      return isNegative ? -.infinity : .infinity
    }
    let hidden: UInt64 = exponent == 0 ? 0 : 1 << UInt64(fractionBits)
    let scale = max(Int(exponent), 1) - bias - fractionBits
    let magnitude = scalbn(Double(fraction | hidden), scale)
    return isNegative ? -magnitude : magnitude
  }
}
