import Foundation
import ModelLoader
import Support

extension HeadMap {
  /// Reads and checks `headmap.json`.
  ///
  /// - Parameter url: The file.
  /// - Returns: A sound map.
  /// - Throws: `FileError` naming the file, the place in it and what should be there.
  public static func read(from url: URL) throws(FileError) -> HeadMap {
    try parse(try TextFile.bytes(at: url.path, what: "map", limit: FileLimit.map), path: url.path)
  }

  /// Reads a map from the bytes of a file; `path` names it in errors.
  ///
  /// - Throws: `FileError`.
  package static func parse(_ bytes: Data, path: String) throws(FileError) -> HeadMap {
    try JSONFile.decode(HeadMap.self, from: bytes, path: path, format: "a headmap.json")
  }

  /// The file's text: keys in order of the alphabet, one row of gates per line, newline at the end.
  public func json() throws(FileError) -> String {
    try JSONFile.text(of: self, name: "headmap.json")
  }

  /// Writes `headmap.json` so that a reader never sees half of it.
  ///
  /// - Parameter url: The file to create or replace.
  /// - Throws: `FileError`.
  public func write(to url: URL) throws(FileError) {
    try AtomicFile.write(try json(), creatingFolderOf: url)
  }
}
