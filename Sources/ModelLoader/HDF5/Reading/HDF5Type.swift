import Foundation
import Support
import Transformer

/// What one element of a dataset or attribute is.
struct HDF5Type: Equatable {
  enum Kind: Equatable {
    case integer(isSigned: Bool)
    case float(HDF5Float)
    case text(HDF5Padding)
    case variableText
    /// h5py's truth values: an enumeration of FALSE, 0, and TRUE, 1.
    case truth(isSigned: Bool)
    case other
  }

  let kind: Kind
  /// Bytes of an element.
  let size: Int
  let isBigEndian: Bool

  /// Reads a datatype message.
  init(_ cursor: inout HDF5Cursor) throws(FileError) {
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
    case 3:
      guard let padding = HDF5Padding(rawValue: bits & 15) else {
        throw cursor.damaged("an unknown type")
      }
      (kind, isBig) = (.text(padding), false)
    case 8:
      let base = try HDF5Type(&cursor)
      guard case .integer(let isSigned) = base.kind, base.size == size else {
        throw cursor.damaged("an unknown type")
      }
      let isTruth = try Self.areTruthValues(
        &cursor, count: Int(bits & 0xFFFF), base: base, isPadded: tag >> 4 < 3)
      kind = isTruth ? .truth(isSigned: isSigned) : .other
      isBig = base.isBigEndian
    case 9: (kind, isBig) = (bits & 15 == 1 && size == 16 ? .variableText : .other, false)
    default: (kind, isBig) = (.other, false)
    }
    isBigEndian = isBig
  }

  /// Whether the members of an enumeration are FALSE, 0, and TRUE, 1: other names mean other things.
  private static func areTruthValues(
    _ cursor: inout HDF5Cursor, count: Int, base: HDF5Type, isPadded: Bool
  ) throws(FileError) -> Bool {
    guard count == 2 else { return false }
    var names: [[UInt8]] = []
    for _ in 0..<count {
      var name: [UInt8] = []
      while true {
        let byte = UInt8(try cursor.number(1))
        if byte == 0 { break }
        name.append(byte)
      }
      // The zero at the end counts, and up to version 2 each name fills whole words.
      if isPadded { try cursor.skip(7 - name.count % 8) }
      names.append(name)
    }
    // Whole numbers above Int64's are none.
    guard let values = base.integers(try cursor.take(count * base.size)), values.count == 2 else {
      return false
    }
    let members = zip(names.map { String(decoding: $0, as: UTF8.self).uppercased() }, values)
    return members.allSatisfy { $0 == ("FALSE", 0) || $0 == ("TRUE", 1) } && values[0] != values[1]
  }

  /// Integers of 1, 2, 4 or 8 whole bytes.
  private static func checkWholeBytes(
    _ cursor: inout HDF5Cursor, _ size: Int
  ) throws(FileError) {
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
    switch kind {
    case .float(let format):
      format.name(byteCount: size).map { isBigEndian ? "big-endian \($0)" : $0 }
        ?? "other \(size)-byte float"
    case .integer: "\(size)-byte integer"
    case .text: "\(size)-byte string"
    case .variableText, .truth, .other: "other \(size)-byte value"
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
    case .integer(let isSigned), .truth(let isSigned):
      return (0..<count).map { index in
        let word = word(bytes, index)
        return isSigned ? Double(signed(word)) : Double(word)
      }
    default: return nil
    }
  }

  /// The floats in `bytes` as float32, or nil where these are no floats.
  func floats(_ bytes: [UInt8]) -> [Float]? {
    guard case .float(let format) = kind else { return nil }
    return (0..<bytes.count / size).map { Float(format.value(of: word(bytes, $0))) }
  }

  /// The integers in `bytes`, or nil where these are none or one is larger than an `Int64`.
  func integers(_ bytes: [UInt8]) -> [Int64]? {
    switch kind {
    case .integer(let isSigned), .truth(let isSigned):
      var numbers: [Int64] = []
      numbers.reserveCapacity(bytes.count / size)
      for index in 0..<bytes.count / size {
        let word = word(bytes, index)
        if !isSigned && word > UInt64(Int64.max) { return nil }
        numbers.append(isSigned ? signed(word) : Int64(word))
      }
      return numbers
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
  init?(_ cursor: inout HDF5Cursor, bits: UInt64, size: Int) throws(FileError) {
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

  /// The name of a standard format of `byteCount` bytes: those of the element types, and float64.
  func name(byteCount: Int) -> String? {
    let known = ElementType.allCases.first { HDF5Float($0) == self && $0.byteCount == byteCount }
    let isDouble = byteCount == 8 && (exponentBits, fractionBits, bias) == (11, 52, 1023)
    return known?.rawValue ?? (isDouble ? "float64" : nil)
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
