import Foundation
import ModelLoader

/// All bytes of a file.
func readBytes(of url: URL) throws(MapReporterError) -> Data {
  do {
    return try Data(contentsOf: url)
  } catch {
    throw .cannotRead(path: url.path, reason: systemMessage(of: error))
  }
}

/// The text of a UTF-8 file.
func readText(of url: URL) throws(MapReporterError) -> String {
  guard let text = String(data: try readBytes(of: url), encoding: .utf8) else {
    throw .invalidFile(
      path: url.path, place: "the file", expected: "UTF-8 text", found: "other bytes")
  }
  return text
}

/// Writes through a temporary file beside `url`, creating the folder where needed.
func writeAtomically(_ text: String, to url: URL) throws(MapReporterError) {
  do {
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try AtomicFile.write(text, to: url.path)
  } catch ModelLoaderError.cannotWrite(let path, let reason) {
    throw .cannotWrite(path: path, reason: reason)
  } catch {
    throw .cannotWrite(path: url.path, reason: systemMessage(of: error))
  }
}
