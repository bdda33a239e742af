/// A JSON document as a tree that keeps keys apart by their bytes and in the order of the file.
///
/// Foundation's decoders put an object's keys into a `Dictionary<String, …>`, and Swift strings are equal
/// when they are canonically equivalent: "é" of one scalar and "é" of two become one key. In a vocabulary
/// they are two tokens, hence this type.
package enum JSONValue: Sendable {
  case null
  case bool(Bool)
  case integer(Int)
  /// A whole number above the largest `Int`.
  case unsigned(UInt64)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([Member])

  /// A key and its value.
  package struct Member: Sendable {
    /// The key, escapes resolved.
    package var key: String
    /// Its value.
    package var value: JSONValue

    /// A key with its value.
    package init(key: String, value: JSONValue) {
      self.key = key
      self.value = value
    }
  }

  /// What this value is, for an error message.
  package var kind: String {
    switch self {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .integer(let value): "the number \(value)"
    case .unsigned(let value): "the number \(value)"
    case .number(let value): "the number \(value)"
    case .string(let value): "the text \(value.quotedForMessage)"
    case .array(let values): "a list of \(values.count)"
    case .object(let members): "an object of \(members.count) keys"
    }
  }
}

extension JSONValue {
  /// The members of an object; nil for anything else.
  package var members: [Member]? {
    if case .object(let members) = self { members } else { nil }
  }

  /// The value as a whole number, `7.0` included; nil where it is none or too large.
  package var integer: Int? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  /// The value as a number.
  package var real: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .unsigned(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }
}

// Literals keep the trees that `TokenizerJSON` builds readable.
extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  package init(nilLiteral: ()) { self = .null }
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(stringLiteral value: String) { self = .string(value) }
  package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  package init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(elements.map { Member(key: $0.0, value: $0.1) })
  }
}

extension JSONValue {
  /// This value as UTF-8 JSON text without white space.
  package func serialized() -> [UInt8] {
    var output: [UInt8] = []
    write(to: &output)
    return output
  }

  private func write(to output: inout [UInt8]) {
    switch self {
    case .null: output += "null".utf8
    case .bool(let value): output += (value ? "true" : "false").utf8
    case .integer(let value): output += String(value).utf8
    case .unsigned(let value): output += String(value).utf8
    case .number(let value): output += String(value).utf8
    case .string(let value): Self.write(value, to: &output)
    case .array(let values):
      output.append(UInt8(ascii: "["))
      for (index, value) in values.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        value.write(to: &output)
      }
      output.append(UInt8(ascii: "]"))
    case .object(let members):
      output.append(UInt8(ascii: "{"))
      for (index, member) in members.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        Self.write(member.key, to: &output)
        output.append(UInt8(ascii: ":"))
        member.value.write(to: &output)
      }
      output.append(UInt8(ascii: "}"))
    }
  }

  private static func write(_ text: String, to output: inout [UInt8]) {
    let hex = Array("0123456789abcdef".utf8)
    output.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        output += [UInt8(ascii: "\\"), byte]
      case 0..<0x20:
        output += "\\u00".utf8
        output += [hex[Int(byte >> 4)], hex[Int(byte & 15)]]
      default:
        output.append(byte)
      }
    }
    output.append(UInt8(ascii: "\""))
  }
}

extension JSONValue {
  /// This value as JSON for people: two spaces for each level, and lists of plain numbers on one line.
  package var laidOut: String {
    var text = ""
    layOut(to: &text, indent: "")
    return text
  }

  private func layOut(to text: inout String, indent: String) {
    switch self {
    case .array(let values) where values.allSatisfy(\.isPlain):
      text += "[" + values.map(\.plainText).joined(separator: ", ") + "]"
    case .array(let values):
      Self.layOut(values, between: ("[", "]"), to: &text, indent: indent) { value, text, inner in
        value.layOut(to: &text, indent: inner)
      }
    case .object(let members):
      Self.layOut(members, between: ("{", "}"), to: &text, indent: indent) { member, text, inner in
        text += JSONValue.string(member.key).plainText + ": "
        member.value.layOut(to: &text, indent: inner)
      }
    default: text += plainText
    }
  }

  private static func layOut<Item>(
    _ items: [Item], between brackets: (open: String, close: String), to text: inout String,
    indent: String, _ write: (Item, inout String, _ inner: String) -> Void
  ) {
    guard !items.isEmpty else {
      text += brackets.open + brackets.close
      return
    }
    let inner = indent + "  "
    text += brackets.open
    for (index, item) in items.enumerated() {
      text += (index > 0 ? ",\n" : "\n") + inner
      write(item, &text, inner)
    }
    text += "\n" + indent + brackets.close
  }

  /// Whether it is a number, true, false or null.
  private var isPlain: Bool {
    switch self {
    case .null, .bool, .integer, .unsigned, .number: true
    case .string, .array, .object: false
    }
  }

  /// The text of what has no parts.
  private var plainText: String { String(decoding: serialized(), as: UTF8.self) }
}
