import Foundation
import ModelLoader
import Support

/// What `tokenize` reads: a text, or ids.
enum TokenizeInput {
  /// A text and the name of where it is from.
  struct Given {
    let text: String
    let name: String
  }

  /// The text of the option, of the file, or of standard input.
  static func text(
    _ option: String?, named name: String = "--text", file: String?
  ) throws -> Given {
    if let option { return Given(text: option, name: name) }
    if let file, file != "-" {
      let text = try TextFile.text(at: file, what: "text", limit: FileLimit.text)
      return Given(text: text, name: file)
    }
    return try Given(
      text: TextFile.text(of: standardInput(), path: "standard input"), name: "standard input")
  }

  private static func standardInput() throws(FileError) -> Data {
    let bytes: Data
    do {
      bytes = try FileHandle.standardInput.read(upToCount: FileLimit.text + 1) ?? Data()
    } catch {
      throw .unreadable(
        path: "standard input",
        reason: "\(systemMessage(of: error)); give a text as an option, a file or a pipe")
    }
    guard bytes.count <= FileLimit.text else {
      throw .invalid(
        path: "standard input", place: "the text",
        expected: "at most \(FileLimit.words(FileLimit.text))", found: "more",
        fix: "give it in parts")
    }
    return bytes
  }

  /// The ids in a text: whole numbers with blanks, commas or brackets between them, behind a byte order mark or
  /// none.
  static func ids(_ given: Given, known tokenizer: Tokenizer) throws -> [Int32] {
    var ids: [Int32] = []
    var bytes = 0
    // Ids may stand for long tokens: the text is refused before it fills the memory.
    let limit = 64 * given.text.utf8.count + (16 << 20)
    func take(_ field: Substring) throws(ToolError) {
      guard let id = Int32(String(field)), let spelling = tokenizer.spelling(of: id) else {
        throw ToolError.badData(
          "\(given.name): number \(ids.count + 1) is \(String(field).quotedForMessage), which is no "
            + "id of this tokenizer; its ids are 0 to \(tokenizer.vocabularySize - 1)")
      }
      ids.append(id)
      bytes += spelling.utf8.count
      guard bytes <= limit else {
        throw ToolError.badData(
          "\(given.name): the text of these ids is too long; give fewer of them")
      }
    }
    let scalars = given.text.unicodeScalars
    var start = scalars.startIndex
    if scalars.first == "\u{FEFF}" { start = scalars.index(after: start) }
    for index in scalars[start...].indices where isBetweenIDs(scalars[index]) {
      if start < index { try take(given.text[start..<index]) }
      start = scalars.index(after: index)
    }
    if start < scalars.endIndex { try take(given.text[start...]) }
    return ids
  }

  private static func isBetweenIDs(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || scalar == "," || scalar == "[" || scalar == "]"
  }
}
