import Foundation

/// Reads JSON text (RFC 8259) into a ``JSONValue``: the one reader of all JSON that is not our own.
///
/// A key that an object has twice is refused, since readers differ in which of the two they take. Keys are
/// compared by their bytes after escapes. Depth is limited, so that a hostile file cannot exhaust the stack,
/// and what the tree takes is drawn from a budget. A byte order mark of UTF-8 at the start is passed over.
package struct JSONReader {
  private static let maximumDepth = 64
  /// Objects of up to so many keys are searched for a key; larger ones keep a set.
  private static let smallObject = 8
  /// Every reservation draws this much more, for what an allocation takes besides its elements.
  private static let allocation = 48

  private let bytes: [UInt8]
  private let budget: ReadingBudget
  private var position = 0

  private init(_ bytes: [UInt8], _ budget: ReadingBudget) {
    (self.bytes, self.budget) = (bytes, budget)
  }

  /// The value that `bytes` holds.
  ///
  /// - Parameters:
  ///   - bytes: The text, in UTF-8.
  ///   - budget: What reading the file may still cost; nil stands for one of these bytes' own.
  /// - Returns: The document.
  /// - Throws: ``JSONError`` with the line and offset of the first byte that does not fit.
  package static func read(
    _ bytes: some Sequence<UInt8>, budget: ReadingBudget? = nil
  ) throws(JSONError) -> JSONValue {
    let bytes = Array(bytes)
    let budget = budget ?? ReadingBudget(path: "", byteCount: bytes.count)
    var reader = JSONReader(bytes, budget)
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { reader.position = 3 }
    if bytes.starts(with: [0xFE, 0xFF]) || bytes.starts(with: [0xFF, 0xFE]) {
      throw reader.error("the text is UTF-16, and UTF-8 was expected")
    }
    let value = try reader.value(depth: 0)
    reader.skipSpace()
    guard reader.position == bytes.count else { throw reader.error("text after the end") }
    return value
  }

  private func error(_ problem: String) -> JSONError { error(problem, at: position) }

  private func error(
    _ problem: String, at offset: Int, isKeyTwice: Bool = false
  ) -> JSONError {
    JSONError(
      line: line(of: offset), byteOffset: offset, problem: problem, isKeyTwice: isKeyTwice)
  }

  private func line(of offset: Int) -> Int {
    1 + bytes.prefix(offset).count { $0 == UInt8(ascii: "\n") }
  }

  /// Draws what `count` elements of a container or bytes of a text take.
  private func charge(_ count: Int, of size: Int) throws(JSONError) {
    do {
      try budget.charge(Self.allocation + count * size, for: "the text")
    } catch {
      throw self.error("more than a file of this size may hold")
    }
  }

  @inline(__always) private var current: UInt8? {
    position < bytes.count ? bytes[position] : nil
  }

  private mutating func skipSpace() {
    while position < bytes.count {
      let byte = bytes[position]
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
      position += 1
    }
  }

  private mutating func skip(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard current == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
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

  private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
    let start = position
    position += 1
    var members: [JSONValue.Member] = []
    if skip("}") { return .object(members) }
    var keys: Set<TokenBytes> = []
    repeat {
      skipSpace()
      guard current == UInt8(ascii: "\"") else { throw error("a key was expected") }
      let place = position
      let key = try string()
      guard Self.isNew(key, among: members, &keys) else {
        throw keyTwice(key, at: place, ofObjectAt: start)
      }
      guard skip(":") else { throw error("a colon was expected") }
      members.append(.init(key: key, value: try value(depth: depth + 1)))
    } while skip(",")
    guard skip("}") else { throw error("a comma or the object's end was expected") }
    try charge(members.count, of: MemoryLayout<JSONValue.Member>.stride)
    return .object(members)
  }

  /// Whether no member has the key yet; `keys` holds them all once there are many.
  private static func isNew(
    _ key: String, among members: [JSONValue.Member], _ keys: inout Set<TokenBytes>
  ) -> Bool {
    if members.count < smallObject {
      return !members.contains { $0.key.utf8.elementsEqual(key.utf8) }
    }
    if members.count == smallObject { keys = Set(members.map { TokenBytes($0.key) }) }
    return keys.insert(TokenBytes(key)).inserted
  }

  /// The error of a key that the object that starts at `start` has already.
  private func keyTwice(_ key: String, at place: Int, ofObjectAt start: Int) -> JSONError {
    var again = self
    again.position = start + 1
    var first = place
    // What was read once is read again without an error.
    while again.skip("\"") {
      again.position -= 1
      let candidate = again.position
      guard let other = try? again.string() else { break }
      if other.utf8.elementsEqual(key.utf8) {
        first = candidate
        break
      }
      guard again.skip(":"), (try? again.value(depth: 0)) != nil, again.skip(",") else { break }
    }
    return error(
      "the key \(key.quotedForMessage) is there twice, first on line \(line(of: first))",
      at: place, isKeyTwice: true)
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
    position += 1
    var values: [JSONValue] = []
    if skip("]") { return .array(values) }
    repeat {
      values.append(try value(depth: depth + 1))
    } while skip(",")
    guard skip("]") else { throw error("a comma or the list's end was expected") }
    try charge(values.count, of: MemoryLayout<JSONValue>.stride)
    return .array(values)
  }

  private mutating func word(
    _ word: StaticString, _ value: JSONValue
  ) throws(JSONError) -> JSONValue {
    let expected = Array(word.description.utf8)
    guard bytes[position...].starts(with: expected) else { throw error("an unknown word") }
    position += expected.count
    return value
  }

  // MARK: Numbers

  private mutating func number() throws(JSONError) -> JSONValue {
    let start = position
    let isWhole = try scanNumber()
    // No number of so few digits is too large.
    if isWhole, position - start < 18 { return .integer(small(bytes[start..<position])) }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isWhole {
      if let value = Int(text) { return .integer(value) }
      if let value = UInt64(text) { return .unsigned(value) }
    }
    guard let value = Double(text), value.isFinite else {
      position = start
      throw error("a value was expected, and \(text.shown(limit: 40)) is out of range")
    }
    return .number(value)
  }

  private func small(_ digits: ArraySlice<UInt8>) -> Int {
    var (value, isNegative) = (0, false)
    for byte in digits {
      if byte == UInt8(ascii: "-") {
        isNegative = true
      } else {
        value = 10 * value + Int(byte) - 48
      }
    }
    return isNegative ? -value : value
  }

  /// Passes over a number as the grammar has it; whether it is whole, without fraction and exponent.
  private mutating func scanNumber() throws(JSONError) -> Bool {
    let start = position
    if current == UInt8(ascii: "-") { position += 1 }
    let first = position
    guard skipDigits() else {
      position = start
      throw noValue()
    }
    if bytes[first] == UInt8(ascii: "0"), position - first > 1 {
      position = start
      throw error("a number was expected, without zeros before it")
    }
    var isWhole = true
    if current == UInt8(ascii: ".") {
      position += 1
      isWhole = false
      guard skipDigits() else { throw error("a digit behind the point was expected") }
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      position += 1
      isWhole = false
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      guard skipDigits() else { throw error("a digit of the exponent was expected") }
    }
    return isWhole
  }

  /// The error of what is no value; Python writes some numbers that are none in JSON.
  private func noValue() -> JSONError {
    let words = ["NaN", "Infinity", "-Infinity"]
    let word = words.first { bytes[position...].starts(with: $0.utf8) }
    return error("a value was expected" + (word.map { ", and \($0) is none in JSON" } ?? ""))
  }

  private mutating func skipDigits() -> Bool {
    let start = position
    while position < bytes.count, bytes[position] &- 0x30 < 10 { position += 1 }
    return position > start
  }

  // MARK: Strings

  private mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    try skipPlain()
    if current == UInt8(ascii: "\"") {
      defer { position += 1 }
      return try text(of: bytes[start..<position], from: start)
    }
    var content = Array(bytes[start..<position])
    while current == UInt8(ascii: "\\") {
      content.append(contentsOf: UTF8.encode(try escape()) ?? .init())
      let start = position
      try skipPlain()
      content += bytes[start..<position]
    }
    guard current == UInt8(ascii: "\"") else { throw error("a text without an end") }
    let value = try text(of: content[...], from: start)
    position += 1
    return value
  }

  private func text(of content: ArraySlice<UInt8>, from start: Int) throws(JSONError) -> String {
    // Texts of up to 15 bytes lie within the value itself.
    if content.count > 15 { try charge(content.count, of: 1) }
    guard let text = String(validating: content, as: UTF8.self) else {
      throw error("a text that is not UTF-8", at: start)
    }
    return text
  }

  /// Passes over what stands for itself in a text.
  private mutating func skipPlain() throws(JSONError) {
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return }
      guard byte >= 0x20 else { throw error("a bare control character in a text") }
      position += 1
    }
  }

  private mutating func escape() throws(JSONError) -> Unicode.Scalar {
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
    case UInt8(ascii: "u"): return try unicodeEscape()
    default: throw error("an unknown escape")
    }
  }

  private mutating func unicodeEscape() throws(JSONError) -> Unicode.Scalar {
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

  private mutating func hexadecimalUnit() throws(JSONError) -> UInt32 {
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw error("an escape without four hexadecimal digits")
      }
      unit = unit << 4 | UInt32(digit)
      position += 1
    }
    return unit
  }
}

/// Why a text is not JSON, or not JSON that has one meaning.
package struct JSONError: Error, Equatable, CustomStringConvertible {
  /// The line, from 1.
  package let line: Int
  /// The place in the file, from 0.
  package let byteOffset: Int
  /// What is there, or what was expected: a clause without a place.
  package let problem: String
  /// Whether a key is there a second time, rather than that the text is not JSON.
  package let isKeyTwice: Bool

  /// One clause: the line, the problem and, for a key that is there twice, what to do.
  package var description: String {
    isKeyTwice
      ? "line \(line): \(problem); keep one of them"
      : "not JSON: \(problem) on line \(line) (byte \(byteOffset))"
  }

  /// This error as one of the file at `path`; `format` is what the file should hold, for the message.
  package func inFile(_ path: String, format: String = "a JSON object") -> FileError {
    .invalid(
      path: path, place: "line \(line)", expected: isKeyTwice ? "each key once" : format,
      found: isKeyTwice ? problem : "other text at byte \(byteOffset): \(problem)",
      fix: isKeyTwice
        ? "keep one of them" : "correct the file or fetch it again")
  }
}
