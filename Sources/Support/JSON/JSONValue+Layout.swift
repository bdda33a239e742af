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
