import Support

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
