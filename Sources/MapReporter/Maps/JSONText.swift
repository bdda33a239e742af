import Foundation
import ModelLoader
import Support

/// JSON as this package writes it: stable, and short enough to read.
package enum JSONText {
  /// Encodes with sorted keys and two spaces; arrays of plain numbers stay on one line.
  package static func encode(_ value: some Encodable) throws(MapReporterError) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return try JSONReader.read(encoder.encode(value)).laidOut + "\n"
    } catch {
      throw .invalidValue(place: "a number", expected: "finite", found: "\(error)")
    }
  }

  /// A value of a JSON file; `path` names it in errors, and `format` is what it should be.
  ///
  /// - Throws: ``MapReporterError`` with the line of what is not JSON or of a key that is there twice, or
  ///   with the place of what the type does not take.
  package static func decode<Value: Decodable>(
    _ type: Value.Type, from bytes: Data, path: String, format: String
  ) throws(MapReporterError) -> Value {
    do {
      return try JSONReader.read(bytes).decode(type)
    } catch let flaw as HeadMapFlaw {
      throw .invalidFile(
        path: path, place: flaw.place, expected: flaw.expected, found: flaw.found)
    } catch {
      throw self.error(for: error, path: path, format: format)
    }
  }

  /// One sentence for what a reader or decoder found wrong.
  private static func error(for error: any Error, path: String, format: String) -> MapReporterError
  {
    if let syntax = error as? JSONError {
      return syntax.isKeyTwice
        ? .keyTwice(path: path, line: syntax.line, problem: syntax.problem)
        : .invalidFile(
          path: path, place: "the file", expected: format, found: syntax.description)
    }
    guard let decoding = error as? DecodingError else {
      return .invalidFile(path: path, place: "the file", expected: format, found: "\(error)")
    }
    switch decoding {
    case .keyNotFound(let key, let context):
      return .invalidFile(
        path: path, place: place(context.codingPath + [key]), expected: "present",
        found: "missing")
    case .typeMismatch(let type, let context):
      return .invalidFile(
        path: path, place: place(context.codingPath), expected: name(of: type),
        found: context.debugDescription)
    case .valueNotFound(let type, let context):
      return .invalidFile(
        path: path, place: place(context.codingPath), expected: name(of: type), found: "null")
    case .dataCorrupted(let context):
      return .invalidFile(
        path: path, place: context.codingPath.isEmpty ? "the file" : place(context.codingPath),
        expected: format, found: context.debugDescription)
    @unknown default:
      return .invalidFile(path: path, place: "the file", expected: format, found: "\(decoding)")
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
