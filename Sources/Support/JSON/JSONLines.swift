import Foundation

/// The lines of a file of JSON Lines: a JSON value in each, blank lines apart.
package struct JSONLines: Sendable {
  /// A line that is not blank.
  package struct Line: Sendable {
    /// Counted from 1.
    package let number: Int
    /// Its text in UTF-8.
    fileprivate let bytes: Data
  }

  /// Where it was read from.
  package let path: String
  /// The lines, in their order.
  package let lines: [Line]

  /// A line takes at most so many bytes: the longest contexts that models are made for, several times.
  package static let longestLine = 16 << 20

  /// Reads the file at `path`; `what` names its kind in messages.
  ///
  /// - Throws: `FileError` where it cannot be read or a line is too long.
  package init(_ path: String, what: String) throws(FileError) {
    self.path = path
    let bytes = try TextFile.bytes(at: path, what: what, limit: FileLimit.text)
    var lines: [Line] = []
    var number = 0
    var start = bytes.startIndex
    while start < bytes.endIndex {
      let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
      number += 1
      let line = bytes[start..<end]
      start = end < bytes.endIndex ? end + 1 : end
      guard line.count <= Self.longestLine else {
        throw .invalid(
          path: path, place: "line \(number)",
          expected: "at most \(FileLimit.words(Self.longestLine))", found: "\(line.count) bytes",
          fix: "give each sample a line of its own")
      }
      if line.allSatisfy({ $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }) { continue }
      lines.append(Line(number: number, bytes: line))
    }
    self.lines = lines
  }

  /// The value of a line.
  ///
  /// - Throws: `FileError` that names the line where it is not UTF-8 or not JSON.
  package func value(of line: Line) throws(FileError) -> JSONValue {
    guard let text = String(validating: line.bytes, as: UTF8.self) else {
      let kind = line.number == 1 ? FileKind(beginning: line.bytes.prefix(64)) : nil
      throw .invalid(
        path: path, place: "line \(line.number)", expected: "text in UTF-8",
        found: kind?.name ?? "other bytes",
        fix: kind == nil || kind == .utf16Text ? "save it as UTF-8" : "name another file")
    }
    do {
      return try JSONReader.read(text.utf8)
    } catch {
      throw .malformed(
        path: path, line: line.number,
        problem:
          "not valid JSON: \(error.problem), at byte \(error.byteOffset) of the line; correct the line"
      )
    }
  }
}
