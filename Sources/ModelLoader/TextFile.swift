import Foundation

/// Why a file cannot be read whole.
package enum TextFileError: Error, Equatable {
  /// Nothing is there.
  case missing
  /// It cannot be opened or read, or is a folder, a pipe or a device.
  case unreadable(reason: String)
  /// It has more bytes than a file of its kind may have.
  case tooLarge(limit: Int)
  /// A line, counted from 1, is not UTF-8.
  case notUTF8(line: Int)

  /// What is wrong, as a clause.
  package var reason: String {
    switch self {
    case .missing: systemMessage(ENOENT)
    case .unreadable(let reason): reason
    case .tooLarge(let limit): "it is larger than \(FileLimit.words(limit))"
    case .notUTF8(let line): "line \(line) is not UTF-8 text"
    }
  }
}

/// Reads small files whole: the one door for everything that is not read by offsets.
///
/// The file is opened without blocking, must be a regular one, and is measured before it is read, so that
/// a named pipe, a device or a huge file is refused at once.
package enum TextFile {
  /// The bytes of the file at `path`; `what` names its kind in messages.
  package static func bytes(
    at path: String, what: String, limit: Int
  ) throws(TextFileError) -> Data {
    do {
      let file = try FileReader(path: path, what: what)
      guard file.byteCount <= limit else { throw TextFileError.tooLarge(limit: limit) }
      return try file.readAll()
    } catch let error as TextFileError {
      throw error
    } catch ModelLoaderError.missing {
      throw .missing
    } catch ModelLoaderError.unreadable(_, let reason) {
      throw .unreadable(reason: reason)
    } catch {
      throw .unreadable(reason: "it changed while it was read")
    }
  }

  /// The text of the UTF-8 file at `path`; `what` names its kind in messages.
  package static func text(
    at path: String, what: String, limit: Int
  ) throws(TextFileError) -> String {
    let bytes = try bytes(at: path, what: what, limit: limit)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .notUTF8(line: badLine(of: bytes))
    }
    return text
  }

  /// The SHA-256 of a file of any kind above; nil where it cannot be read.
  package static func sha256(of path: String) -> String? {
    guard let file = try? FileReader(path: path, what: "file"), file.byteCount <= FileLimit.text
    else { return nil }
    let hash = SHA256()
    for start in stride(from: 0, to: file.byteCount, by: 1 << 20) {
      let count = min(1 << 20, file.byteCount - start)
      guard let bytes = try? file.read(at: start, count: count, place: "the file") else {
        return nil
      }
      unsafe hash.update(bytes.span.bytes)
    }
    return hash.finish()
  }

  /// The first line that is not UTF-8, counted from 1.
  package static func badLine(of bytes: Data) -> Int {
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let line = lines.firstIndex { String(validating: $0, as: UTF8.self) == nil }
    return 1 + (line ?? lines.count - 1)
  }
}
