import Foundation

/// Writes whole files so that no reader, and no crash, ever sees half of one.
public enum AtomicFile {
  /// Writes `data` to a temporary name in the folder of `path`, flushes it and renames it to `path`.
  ///
  /// - Throws: `FileError.cannotWrite` where the folder is missing or not writable or the
  ///   disk is full; the temporary file is removed and what was at `path` stays.
  public static func write(_ data: Data, to path: String) throws(FileError) {
    let file = try TemporaryFile(for: path)
    try file.write(data.bytes, at: 0)
    try file.commit()
  }

  /// Writes `text` in UTF-8, as ``write(_:to:)-(Data,_)`` does.
  public static func write(_ text: String, to path: String) throws(FileError) {
    try write(Data(text.utf8), to: path)
  }

  /// Writes `text` likewise, and creates the folder where it is not there.
  package static func write(_ text: String, creatingFolderOf url: URL) throws(FileError) {
    try createFolder(url.deletingLastPathComponent().path)
    try write(text, to: url.path)
  }

  /// Creates a folder, and those it is in, where it is not there.
  package static func createFolder(_ path: String) throws(FileError) {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw .cannotWrite(path: path, reason: systemMessage(of: error, creating: path))
    }
  }
}
