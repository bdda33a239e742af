import Foundation
import Support

/// What the bytes of a file are before anything is known of their meaning: what its kind is decided by.
package enum FileContent: Sendable {
  /// A JSON object or list.
  case json(JSONValue)
  /// Text that begins as JSON does and is none.
  case damagedJSON(JSONError)
  /// Other text in UTF-8, without a byte order mark.
  case text(String)
  /// A zip archive, which is not opened here.
  case zip
  /// Bytes that are no text; their kind where it is known.
  case bytes(FileKind?)

  /// What `bytes` are.
  package init(_ bytes: Data) {
    switch FileKind(beginning: bytes.prefix(64)) {
    case .zipArchive: self = .zip
    case let kind?: self = .bytes(kind)
    case nil: self = Self.text(bytes)
    }
  }

  private static func text(_ bytes: Data) -> FileContent {
    guard var text = String(validating: bytes, as: UTF8.self) else { return .bytes(nil) }
    if text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
    let first = text.unicodeScalars.first { !$0.properties.isWhitespace }
    guard first == "{" || first == "[" else { return .text(text) }
    do {
      return .json(try JSONReader.read(bytes))
    } catch {
      return .damagedJSON(error)
    }
  }

  /// The value of a key of a JSON object.
  package func member(_ key: String) -> JSONValue? {
    guard case .json(let document) = self else { return nil }
    return document.members?.first { $0.key == key }?.value
  }

  /// What was found, for an error message.
  package var found: String {
    switch self {
    case .json(let document): document.keysForMessage ?? document.kind
    case .damagedJSON(let error): error.description
    case .text(let text):
      text.isEmpty
        ? "an empty file" : "the text \(String(text.prefix { !$0.isNewline }).quotedForMessage)"
    case .zip: "a zip archive"
    case .bytes(let kind): kind?.name ?? "other bytes"
    }
  }
}

extension JSONValue {
  /// The first keys of an object, for an error message; nil where there are none.
  fileprivate var keysForMessage: String? {
    guard let members, !members.isEmpty else { return nil }
    return "a JSON object with "
      + members.prefix(3).map(\.key.quotedForMessage).joined(separator: ", ")
      + (members.count > 3 ? ", …" : "")
  }
}
