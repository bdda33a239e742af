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
  static func text(_ option: String?, file: String?) throws -> Given {
    if let option { return Given(text: option, name: "--text") }
    if let file, file != "-" {
      return try given(
        { () throws(TextFileError) in
          try TextFile.bytes(at: file, what: "text", limit: FileLimit.text)
        }, name: file)
    }
    return try given(
      { () throws(TextFileError) in
        let bytes: Data
        do {
          bytes = try FileHandle.standardInput.read(upToCount: FileLimit.text + 1) ?? Data()
        } catch {
          throw .unreadable(
            reason: "\(systemMessage(of: error)); give a text with --text, a file or a pipe")
        }
        guard bytes.count <= FileLimit.text else { throw .tooLarge(limit: FileLimit.text) }
        return bytes
      }, name: "standard input")
  }

  /// The text of the bytes that `read` gives.
  private static func given(
    _ read: () throws(TextFileError) -> Data, name: String
  ) throws(ToolError) -> Given {
    var beginning = Data()
    do {
      let bytes = try read()
      beginning = bytes.prefix(64)
      return Given(text: try TextFile.text(of: bytes), name: name)
    } catch {
      throw refusal(of: error, name: name, beginning: beginning)
    }
  }

  private static func refusal(
    of error: TextFileError, name: String, beginning: Data
  ) -> ToolError {
    switch error {
    case .missing: .missing("\(name): there is no such file; check the path")
    case .unreadable(let reason): .missing("\(name) cannot be read: \(reason)")
    case .tooLarge(let limit):
      .badData("\(name) has more than \(FileLimit.words(limit)); give it in parts")
    case .notUTF8(let line):
      .badData(
        FileKind(beginning: beginning).map { "\(name) is \($0.name) and not UTF-8 text" }
          .map { "\($0); save it as UTF-8" }
          ?? "\(name) is not UTF-8 text: other bytes on line \(line); save it as UTF-8")
    case .otherKind(let kind, let fix): .badData("\(name) is \(kind); \(fix)")
    }
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
