import Foundation
import ModelLoader

/// A text as `tokenize` shows it.
///
/// Only the ids are kept: all else that is shown of a token is made while it is shown, and known by the id from
/// then on, so that a long text costs little memory.
struct TokenizedText {
  /// More tokens than texts have; those of other ids are made again each time.
  private static let mostForms = 100_000

  private let tokenizer: Tokenizer
  private let before: [Int32]
  private let content: [Int32]
  private let after: [Int32]

  /// Encodes `text`, with the template's tokens before it, around it (`special`) or not at all.
  init(_ text: String, _ tokenizer: Tokenizer, special: Bool?) {
    self.tokenizer = tokenizer
    before = special == false ? [] : tokenizer.startTokens
    content = tokenizer.encode(text)
    after = special == true ? tokenizer.endTokens : []
  }

  private var ids: some Sequence<Int32> { [before, content, after].joined() }

  /// Calls `body` for each token with its id, where its bytes begin in the text that the ids stand for (nil for a
  /// token of the template), and what `form` makes of its piece.
  private func forEachToken<Form>(
    _ form: (Tokenizer.Piece) throws -> Form,
    _ body: (_ id: Int32, _ offset: Int?, _ form: Form) throws -> Void
  ) throws {
    var known: [Int32: (form: Form, bytes: Int)] = [:]
    for (ids, isText) in [(before, false), (content, true), (after, false)] {
      var offset = 0
      for (index, id) in ids.enumerated() {
        // The first piece may be without its blank.
        var entry = index == 0 ? nil : known[id]
        if entry == nil, let piece = tokenizer.piece(of: id, isFirst: index == 0) {
          entry = (try form(piece), piece.bytes.count)
          if index > 0, known.count < Self.mostForms { known[id] = entry }
        }
        guard let entry else { continue }
        try body(id, isText ? offset : nil, entry.form)
        offset += entry.bytes
      }
    }
  }

  // MARK: Ids

  /// The ids alone, one a line.
  func printIDs() throws {
    var output = ResultWriter()
    for id in ids { try output.line(String(id)) }
    try output.flush()
  }

  // MARK: Lines for people

  /// Offset, id, piece and text in columns.
  func printTable() throws {
    var (lastOffset, largestID, longestPiece) = (0, Int32(0), 5)
    try forEachToken {
      Self.visible($0.spelling).count
    } _: { id, offset, count in
      lastOffset = offset ?? lastOffset
      (largestID, longestPiece) = (max(largestID, id), max(longestPiece, count))
    }
    let widths = (
      max(6, String(lastOffset).count), max(2, String(largestID).count), min(24, longestPiece)
    )
    func line(_ offset: String, _ id: String, _ rest: String) -> String {
      "\(padded(offset, to: widths.0))  \(padded(id, to: widths.1))  \(rest)"
    }
    func piece(_ text: String) -> String {
      text + String(repeating: " ", count: max(0, widths.2 - text.count))
    }
    var output = ResultWriter()
    try output.line(line("offset", "id", piece("piece") + "  text"))
    try forEachToken { token in
      let own = Self.visible(token.spelling)
      let text = Self.visible(String(decoding: token.bytes, as: UTF8.self))
      return (alone: own, withText: "\(piece(own))  \"\(text)\"")
    } _: { id, offset, form in
      if let offset {
        try output.line(line(String(offset), String(id), form.withText))
      } else {
        let line = line("-", String(id), form.alone)
        try output.line(String(line.reversed().drop { $0 == " " }.reversed()))
      }
    }
    try output.flush()
  }

  /// A text on one line, with escapes for what cannot be seen.
  private static func visible(_ text: String) -> String {
    text.unicodeScalars.map { scalar in
      switch scalar {
      case "\n": return "\\n"
      case "\r": return "\\r"
      case "\t": return "\\t"
      case "\"": return "\\\""
      case "\\": return "\\\\"
      default:
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse:
          return "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
        default: return String(scalar)
        }
      }
    }.joined()
  }

  // MARK: JSON

  /// `ids`, and `tokens` with their bytes in hexadecimal digits (they may be half a character), id, offset (null
  /// for a token of the template), piece as the vocabulary spells it, and text (half a character reads as U+FFFD).
  ///
  /// The text is what `Results.print(json:)` would make of all tokens at once.
  func printJSON() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    func quoted(_ text: String) throws -> String {
      String(decoding: try encoder.encode(text), as: UTF8.self)
    }
    var output = ResultWriter()
    var isFirst = true
    func separator() -> String {
      defer { isFirst = false }
      return isFirst ? "\n" : ",\n"
    }
    try output.write("{\n  \"ids\" : [")
    for id in ids { try output.write("\(separator())    \(id)") }
    try output.write((isFirst ? "\n" : "") + "\n  ],\n  \"tokens\" : [")
    isFirst = true
    try forEachToken { token in
      let digits = token.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      let piece = try quoted(token.spelling)
      let text = try quoted(String(decoding: token.bytes, as: UTF8.self))
      return (
        "    {\n      \"bytes\" : \"\(digits)\",\n      \"id\" : \(token.id),\n      \"offset\" : ",
        ",\n      \"piece\" : \(piece),\n      \"text\" : \(text)\n    }"
      )
    } _: { _, offset, form in
      try output.write(separator() + form.0 + (offset.map(String.init) ?? "null") + form.1)
    }
    try output.write((isFirst ? "\n" : "") + "\n  ]\n}\n")
    try output.flush()
  }
}
