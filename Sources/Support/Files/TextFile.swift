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
  /// It stands for another file, or is no text at all.
  case otherKind(name: String, fix: String)

  /// What is wrong, as a clause.
  package var reason: String {
    switch self {
    case .missing: systemMessage(ENOENT)
    case .unreadable(let reason): reason
    case .tooLarge(let limit): "it is larger than \(FileLimit.words(limit))"
    case .notUTF8(let line): "line \(line) is not UTF-8 text"
    case .otherKind(let name, let fix): "it is \(name); \(fix)"
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
      let file: FileReader
      do {
        file = try FileReader(path: path, what: what)
      } catch .invalid(_, _, _, let found, let fix) {
        throw TextFileError.otherKind(name: found, fix: fix)
      }
      guard file.byteCount <= limit else { throw TextFileError.tooLarge(limit: limit) }
      return try file.readAll()
    } catch let error as TextFileError {
      throw error
    } catch FileError.missing {
      throw .missing
    } catch FileError.unreadable(_, let reason) {
      throw .unreadable(reason: reason)
    } catch {
      throw .unreadable(reason: "it changed while it was read")
    }
  }

  /// The text of the UTF-8 file at `path`; `what` names its kind in messages.
  package static func text(
    at path: String, what: String, limit: Int
  ) throws(TextFileError) -> String {
    try text(of: bytes(at: path, what: what, limit: limit))
  }

  /// The text that `bytes` are in UTF-8; a byte order mark at its start is part of it.
  package static func text(of bytes: Data) throws(TextFileError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .notUTF8(line: badLine(of: bytes))
    }
    return text
  }

  /// What is to be said of a text that begins with a byte order mark, a sentence without an end; nil for any
  /// other.
  ///
  /// Python's `open(path, encoding="utf-8")` keeps the mark too, so that ids compare with those of Hugging
  /// Face's tokenizers.
  package static func byteOrderMarkWarning(of text: some Sequence<UInt8>) -> String? {
    guard text.starts(with: [0xEF, 0xBB, 0xBF]) else { return nil }
    return
      "it begins with a byte order mark (U+FEFF), which is part of the text and makes tokens of its "
      + "own; save it as UTF-8 without the mark if it should not"
  }

  /// ``byteOrderMarkWarning(of:)`` of the file at `path`; nil where it cannot be read.
  package static func byteOrderMarkWarning(at path: String) -> String? {
    guard let file = try? FileReader(path: path, what: "text"),
      let beginning = try? file.read(at: 0, count: min(3, file.byteCount), place: "the file")
    else { return nil }
    return byteOrderMarkWarning(of: beginning)
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
