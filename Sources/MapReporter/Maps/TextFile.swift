import Foundation
import ModelLoader
import Support

extension MapReporterError {
  /// What a file at `path` that cannot be read whole means.
  package init(_ error: TextFileError, path: String) {
    switch error {
    case .missing, .unreadable: self = .cannotRead(path: path, reason: error.reason)
    case .tooLarge(let limit):
      self = .invalidFile(
        path: path, place: "the file", expected: "at most \(FileLimit.words(limit))",
        found: "larger")
    case .notUTF8(let line):
      self = .invalidFile(
        path: path, place: "the file", expected: "UTF-8 text", found: "other bytes on line \(line)")
    case .otherKind(let name, let fix):
      self = .invalidFile(
        path: path, place: "the file", expected: "the file itself", found: "\(name) (\(fix))")
    }
  }
}

/// All bytes of a file; `what` names its kind in messages.
package func readBytes(of url: URL, what: String, limit: Int) throws(MapReporterError) -> Data {
  do {
    return try TextFile.bytes(at: url.path, what: what, limit: limit)
  } catch {
    throw MapReporterError(error, path: url.path)
  }
}

/// The text of a table in UTF-8.
package func readText(of url: URL) throws(MapReporterError) -> String {
  do {
    return try TextFile.text(at: url.path, what: "table", limit: FileLimit.table)
  } catch {
    throw MapReporterError(error, path: url.path)
  }
}

/// Writes through a temporary file beside `url`, creating the folder where needed.
package func writeAtomically(_ text: String, to url: URL) throws(MapReporterError) {
  do {
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try AtomicFile.write(text, to: url.path)
  } catch FileError.cannotWrite(let path, let reason) {
    throw .cannotWrite(path: path, reason: reason)
  } catch {
    let folder = url.deletingLastPathComponent().path
    throw .cannotWrite(path: url.path, reason: systemMessage(of: error, creating: folder))
  }
}
