import Foundation
import ModelLoader

/// A text as `tokenize` shows it.
struct TokenizedText: Encodable {
  /// One token.
  struct Token: Encodable {
    let id: Int32
    /// As the vocabulary spells it.
    let piece: String
    /// Where its bytes begin in the text that the ids stand for; nil for a token of the template.
    let offset: Int?
    /// What it stands for, in hexadecimal digits: it may be half a character.
    let bytes: String
    /// Its bytes as text; half a character reads as U+FFFD.
    let text: String

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(id, forKey: .id)
      try container.encode(piece, forKey: .piece)
      // Written as null: a reader finds the key in every token.
      try container.encode(offset, forKey: .offset)
      try container.encode(bytes, forKey: .bytes)
      try container.encode(text, forKey: .text)
    }

    private enum CodingKeys: String, CodingKey { case id, piece, offset, bytes, text }
  }

  let ids: [Int32]
  let tokens: [Token]

  /// Encodes `text`, with the template's tokens before it, around it (`special`) or not at all.
  init(_ text: String, _ tokenizer: Tokenizer, special: Bool?) {
    let before = special == false ? [] : tokenizer.startTokens
    let after = special == true ? tokenizer.endTokens : []
    let content = tokenizer.encode(text)
    var offset = 0
    let own = tokenizer.pieces(content).map { piece in
      defer { offset += piece.bytes.count }
      return Self.token(piece, offset: offset)
    }
    func around(_ ids: [Int32]) -> [Token] {
      tokenizer.pieces(ids).map { Self.token($0, offset: nil) }
    }
    ids = before + content + after
    tokens = around(before) + own + around(after)
  }

  private static func token(_ piece: Tokenizer.Piece, offset: Int?) -> Token {
    let digits = piece.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    return Token(
      id: piece.id, piece: piece.spelling, offset: offset, bytes: digits.joined(),
      text: String(decoding: piece.bytes, as: UTF8.self))
  }

  /// Lines for people: offset, id, piece and text.
  var table: [String] {
    let rows = tokens.map { token in
      (
        token.offset.map(String.init) ?? "-", String(token.id), Self.visible(token.piece),
        token.offset == nil ? "" : "\"" + Self.visible(token.text) + "\""
      )
    }
    let widths = (
      max(6, rows.map(\.0.count).max() ?? 0), max(2, rows.map(\.1.count).max() ?? 0),
      min(24, max(5, rows.map(\.2.count).max() ?? 0))
    )
    func line(_ row: (String, String, String, String)) -> String {
      let piece = row.2 + String(repeating: " ", count: max(0, widths.2 - row.2.count))
      let line =
        "\(padded(row.0, to: widths.0))  \(padded(row.1, to: widths.1))  \(piece)  \(row.3)"
      return String(line.reversed().drop { $0 == " " }.reversed())
    }
    return [line(("offset", "id", "piece", "text"))] + rows.map(line)
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
}
