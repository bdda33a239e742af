import Foundation

/// Reads JSON text (RFC 8259) into a ``JSONValue``.
///
/// Depth is limited, so that a hostile file cannot exhaust the stack. Numbers may have leading zeros.
struct JSONReader {
  private static let maximumDepth = 64

  private let bytes: [UInt8]
  private var position = 0

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The value that `data` holds.
  ///
  /// - Throws: `TokenizerError.invalidJSON` with the offset of the first byte that does not fit.
  static func read(_ data: Data) throws(TokenizerError) -> JSONValue {
    var reader = JSONReader(Array(data))
    let value = try reader.value(depth: 0)
    reader.skipSpace()
    guard reader.position == reader.bytes.count else { throw reader.error("text after the end") }
    return value
  }

  private func error(_ problem: String) -> TokenizerError {
    .invalidJSON(byteOffset: position, problem: problem)
  }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  private mutating func skip(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard current == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func value(depth: Int) throws(TokenizerError) -> JSONValue {
    guard depth < Self.maximumDepth else { throw error("nested too deeply") }
    skipSpace()
    switch current {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case nil: throw error("the file ends early")
    default: return try number()
    }
  }

  private mutating func object(depth: Int) throws(TokenizerError) -> JSONValue {
    position += 1
    var members: [JSONValue.Member] = []
    if skip("}") { return .object(members) }
    repeat {
      skipSpace()
      guard current == UInt8(ascii: "\"") else { throw error("a key was expected") }
      let key = try string()
      guard skip(":") else { throw error("a colon was expected") }
      members.append(.init(key: key, value: try value(depth: depth + 1)))
    } while skip(",")
    guard skip("}") else { throw error("a comma or the object's end was expected") }
    return .object(members)
  }

  private mutating func array(depth: Int) throws(TokenizerError) -> JSONValue {
    position += 1
    var values: [JSONValue] = []
    if skip("]") { return .array(values) }
    repeat {
      values.append(try value(depth: depth + 1))
    } while skip(",")
    guard skip("]") else { throw error("a comma or the list's end was expected") }
    return .array(values)
  }

  private mutating func word(
    _ word: StaticString, _ value: JSONValue
  ) throws(TokenizerError) -> JSONValue {
    let expected = Array(word.description.utf8)
    guard bytes[position...].starts(with: expected) else { throw error("an unknown word") }
    position += expected.count
    return value
  }

  private mutating func number() throws(TokenizerError) -> JSONValue {
    let start = position
    while let byte = current, "+-.eE0123456789".utf8.contains(byte) { position += 1 }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if let value = Int(text), !text.hasPrefix("+") { return .integer(value) }
    guard let value = Double(text), value.isFinite, !text.hasPrefix("+") else {
      position = start
      throw error("a value was expected")
    }
    return .number(value)
  }

  // MARK: Strings

  private mutating func string() throws(TokenizerError) -> String {
    position += 1
    let start = position
    while let byte = current, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
      guard byte >= 0x20 else { throw error("a bare control character in a text") }
      position += 1
    }
    var content = bytes[start..<position]
    while current == UInt8(ascii: "\\") {
      content += try escape().utf8
      let start = position
      while let byte = current, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
        guard byte >= 0x20 else { throw error("a bare control character in a text") }
        position += 1
      }
      content += bytes[start..<position]
    }
    guard current == UInt8(ascii: "\"") else { throw error("a text without an end") }
    guard let text = String(validating: content, as: UTF8.self) else {
      throw error("a text that is not UTF-8")
    }
    position += 1
    return text
  }

  private mutating func escape() throws(TokenizerError) -> String {
    position += 1
    guard let byte = current else { throw error("a text without an end") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): return String(try unicodeEscape())
    default: throw error("an unknown escape")
    }
  }

  private mutating func unicodeEscape() throws(TokenizerError) -> Unicode.Scalar {
    let unit = try hexadecimalUnit()
    if let scalar = Unicode.Scalar(unit) { return scalar }
    guard unit < 0xDC00, bytes[position...].starts(with: "\\u".utf8) else {
      throw error("half a surrogate pair")
    }
    position += 2
    let low = try hexadecimalUnit()
    guard (0xDC00..<0xE000).contains(low),
      let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
    else { throw error("half a surrogate pair") }
    return scalar
  }

  private mutating func hexadecimalUnit() throws(TokenizerError) -> UInt32 {
    let digits = bytes[position...].prefix(4)
    let text = String(decoding: digits, as: UTF8.self)
    guard digits.count == 4, !text.hasPrefix("+"), !text.hasPrefix("-"),
      let unit = UInt32(text, radix: 16)
    else { throw error("an escape without four hexadecimal digits") }
    position += 4
    return unit
  }
}
