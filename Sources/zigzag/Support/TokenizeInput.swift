import Foundation
import ModelLoader

/// What `tokenize` reads: a text, or ids.
enum TokenizeInput {
  /// A text and the name of where it is from.
  struct Given {
    let text: String
    let name: String
  }

  /// More ids than any text needs.
  private static let mostBytes = 1 << 30

  /// The text of the option, of the file, or of standard input.
  static func text(_ option: String?, file: String?) throws -> Given {
    if let option { return Given(text: option, name: "--text") }
    let (bytes, name): (Data, String)
    if let file, file != "-" {
      (bytes, name) = (try TextInput.read(file), file)
    } else {
      do {
        bytes = try FileHandle.standardInput.read(upToCount: mostBytes + 1) ?? Data()
      } catch {
        throw ToolError.missing(
          "standard input cannot be read; give a text with --text, a file or a pipe")
      }
      name = "standard input"
    }
    guard bytes.count <= mostBytes else {
      throw ToolError.badData("\(name) has more than \(mostBytes >> 20) MiB; give it in parts")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ToolError.badData(
        "\(name) is not UTF-8 text: \(FileKind(beginning: bytes)?.name ?? "other bytes"); "
          + "save it as UTF-8")
    }
    return Given(text: text, name: name)
  }

  /// The ids in a text: whole numbers with blanks, commas or brackets between them.
  static func ids(_ given: Given, known tokenizer: Tokenizer) throws -> [Int32] {
    let fields = given.text.unicodeScalars.split {
      $0.properties.isWhitespace || $0 == "," || $0 == "[" || $0 == "]"
    }
    var ids: [Int32] = []
    var bytes = 0
    // Ids may stand for long tokens: the text is refused before it fills the memory.
    let limit = 64 * given.text.utf8.count + (16 << 20)
    for (index, field) in fields.enumerated() {
      guard let id = Int32(String(field)), let spelling = tokenizer.spelling(of: id) else {
        throw ToolError.badData(
          "\(given.name): number \(index + 1) is \(String(field).quotedForMessage), which is no id of "
            + "this tokenizer; its ids are 0 to \(tokenizer.vocabularySize - 1)")
      }
      ids.append(id)
      bytes += spelling.utf8.count
      guard bytes <= limit else {
        throw ToolError.badData(
          "\(given.name): the text of these ids is too long; give fewer of them")
      }
    }
    return ids
  }
}
