import Foundation

/// What is wrong with a value that was decoded, where it is more than its type.
package struct ValueFlaw: Error, Equatable {
  /// The value's place, "gates[3][1]" say.
  package let place: String
  package let expected: String
  package let found: String

  package init(place: String, expected: String, found: String) {
    (self.place, self.expected, self.found) = (place, expected, found)
  }
}

/// JSON files as this package reads and writes them.
package enum JSONFile {
  /// `value` as the text of the file `name`, keys sorted, two spaces a level, lists of plain numbers on one line.
  ///
  /// - Throws: `FileError.cannotWrite` where a number is not finite.
  package static func text(
    of value: some Encodable, name: String
  ) throws(FileError) -> String {
    try text(named: name) { try JSONReader.read(encoded(value)).laidOut }
  }

  /// `value` likewise in Foundation's layout, each member of a list on a line of its own.
  ///
  /// - Throws: `FileError.cannotWrite` where a number is not finite.
  package static func prettyText(
    of value: some Encodable, name: String
  ) throws(FileError) -> String {
    try text(named: name) { String(decoding: try encoded(value, .prettyPrinted), as: UTF8.self) }
  }

  private static func text(
    named name: String, _ make: () throws -> String
  ) throws(FileError) -> String {
    do {
      return try make() + "\n"
    } catch {
      throw .cannotWrite(path: name, reason: "JSON has no place for it: \(error)")
    }
  }

  private static func encoded(
    _ value: some Encodable, _ layout: JSONEncoder.OutputFormatting = []
  ) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = layout.union([.sortedKeys, .withoutEscapingSlashes])
    return try encoder.encode(value)
  }

  /// The value in the file at `path`, which is a `format`, "run record" say; nil where nothing is there.
  ///
  /// - Throws: `FileError` as ``decode(_:from:path:format:fix:)``, or where the file cannot be read.
  package static func readIfThere<Value: Decodable>(
    _ type: Value.Type, at path: String, format: String, limit: Int, fix: String
  ) throws(FileError) -> Value? {
    let bytes: Data
    do {
      bytes = try TextFile.bytes(at: path, what: format, limit: limit)
    } catch .missing {
      return nil
    } catch .unreadable(_, let reason) {
      throw .invalid(
        path: path, place: "the file", expected: "a \(format)", found: "nothing: \(reason)",
        fix: fix)
    } catch .invalid(_, let place, let expected, let found, _) {
      throw .invalid(path: path, place: place, expected: expected, found: found, fix: fix)
    }
    return try decode(type, from: bytes, path: path, format: "a \(format)", fix: fix)
  }

  /// A value of a JSON file; `path` names it in errors, and `format` is what it should be.
  ///
  /// - Throws: `FileError` with the line of what is not JSON or of a key that is there twice, or with the
  ///   place of what the type does not take; `fix` says what to do.
  package static func decode<Value: Decodable>(
    _ type: Value.Type, from bytes: Data, path: String, format: String,
    fix: String = "correct the file or make it again"
  ) throws(FileError) -> Value {
    do {
      return try JSONReader.read(bytes).decode(type)
    } catch let syntax as JSONError where syntax.isKeyTwice {
      throw .malformed(
        path: path, line: syntax.line, problem: "\(syntax.problem); keep one of them")
    } catch {
      let flaw = flaw(for: error, format: format)
      throw .invalid(
        path: path, place: flaw.place, expected: flaw.expected, found: flaw.found, fix: fix)
    }
  }

  /// What a reader or decoder found wrong.
  private static func flaw(for error: any Error, format: String) -> ValueFlaw {
    if let flaw = error as? ValueFlaw { return flaw }
    guard let decoding = error as? DecodingError else {
      return ValueFlaw(place: "the file", expected: format, found: "\(error)")
    }
    switch decoding {
    case .keyNotFound(let key, let context):
      return ValueFlaw(
        place: place(context.codingPath + [key]), expected: "a value", found: "nothing")
    case .typeMismatch(let type, let context):
      return ValueFlaw(
        place: place(context.codingPath), expected: name(of: type),
        found: context.debugDescription)
    case .valueNotFound(let type, let context):
      return ValueFlaw(place: place(context.codingPath), expected: name(of: type), found: "null")
    case .dataCorrupted(let context):
      return ValueFlaw(
        place: context.codingPath.isEmpty ? "the file" : place(context.codingPath),
        expected: format, found: context.debugDescription)
    @unknown default:
      return ValueFlaw(place: "the file", expected: format, found: "\(decoding)")
    }
  }

  /// A coding path as "gates[3][1]" or "window.sink".
  private static func place(_ path: [any CodingKey]) -> String {
    path.reduce(into: "") { text, key in
      if let index = key.intValue {
        text += "[\(index)]"
      } else {
        text += (text.isEmpty ? "" : ".") + key.stringValue
      }
    }
  }

  private static func name(of type: any Any.Type) -> String {
    switch type {
    case is Bool.Type: "true or false"
    case is Int.Type: "a whole number"
    case is Double.Type: "a number"
    case is String.Type: "a string"
    case is [[Bool]].Type, is [[Double]].Type, is [Bool].Type, is [Double].Type: "an array"
    default: "an object or array"
    }
  }
}
