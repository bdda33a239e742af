import Foundation

/// Reads small files whole: the one door for everything that is not read by offsets.
///
/// The file is opened without blocking, must be a regular one, and is measured before it is read, so that
/// a named pipe, a device or a huge file is refused at once.
package enum TextFile {
  /// The bytes of the file at `path`; `what` names its kind in messages.
  ///
  /// - Throws: `FileError` where nothing is there, or no regular file of at most `limit` bytes.
  package static func bytes(
    at path: String, what: String, limit: Int
  ) throws(FileError) -> Data {
    try FileReader(path: path, what: what).readAll(limit: limit)
  }

  /// The text of the UTF-8 file at `path`; `what` names its kind in messages.
  ///
  /// - Throws: `FileError` as ``bytes(at:what:limit:)``, and for a line that is not UTF-8.
  package static func text(
    at path: String, what: String, limit: Int
  ) throws(FileError) -> String {
    try text(of: bytes(at: path, what: what, limit: limit), path: path)
  }

  /// The text that `bytes` are in UTF-8; a byte order mark at its start is part of it.
  package static func text(of bytes: Data, path: String) throws(FileError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      let kind = FileKind(beginning: bytes.prefix(64))
      throw .invalid(
        path: path, place: kind == nil ? "line \(badLine(of: bytes))" : "the file",
        expected: "text in UTF-8", found: kind?.name ?? "other bytes",
        fix: kind == nil || kind == .utf16Text ? "save it as UTF-8" : "name another file")
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

  /// The SHA-256 of a file of any kind above, or of an HDF5 file of any size; nil where it cannot be read.
  package static func sha256(of path: String) -> String? {
    guard let file = try? FileReader(path: path, what: "file"), let beginning = try? file.beginning,
      file.byteCount <= FileLimit.text || FileKind(beginning: beginning) == .hdf5
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
