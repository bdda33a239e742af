import Foundation
import ModelLoader
import Support

extension HeadMap {
  /// Reads and checks `headmap.json`.
  ///
  /// - Parameter url: The file.
  /// - Returns: A sound map.
  /// - Throws: ``MapReporterError`` naming the file, the place in it and what should be there.
  public static func read(from url: URL) throws(MapReporterError) -> HeadMap {
    try parse(try readBytes(of: url, what: "map", limit: FileLimit.map), path: url.path)
  }

  /// Reads a map from the bytes of a file; `path` names it in errors.
  ///
  /// - Throws: ``MapReporterError/invalidFile(path:place:expected:found:)``.
  package static func parse(_ bytes: Data, path: String) throws(MapReporterError) -> HeadMap {
    try JSONText.decode(HeadMap.self, from: bytes, path: path, format: "a headmap.json")
  }

  /// The file's text: keys in order of the alphabet, one row of gates per line, newline at the end.
  public func json() throws(MapReporterError) -> String {
    try JSONText.encode(self)
  }

  /// Writes `headmap.json` so that a reader never sees half of it.
  ///
  /// - Parameter url: The file to create or replace.
  /// - Throws: ``MapReporterError/cannotWrite(path:reason:)``.
  public func write(to url: URL) throws(MapReporterError) {
    try writeAtomically(try json(), to: url)
  }
}
