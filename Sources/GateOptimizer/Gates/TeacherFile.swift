import Foundation
import ModelLoader
import Support

/// The file of one sample's teacher outputs: an archive with one array, written as a whole.
package struct TeacherFile {
  private static let format = MetadataValue.text("zigzag-teacher")
  /// The file's path.
  package let path: String
  private let identity: MetadataValue

  /// The file at `path` of the run that `identity` names.
  package init(path: String, identity: String) {
    self.path = path
    self.identity = .text(identity)
  }

  /// The size of all such files in a folder.
  static func bytes(in folder: String) -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasPrefix("sample-") && $0.hasSuffix(".h5") }
      .reduce(0) { $0 + byteCount(of: "\(folder)/\($1)") }
  }

  /// The size of this file; 0 if there is none.
  var bytes: Int { Self.byteCount(of: path) }

  private static func byteCount(of path: String) -> Int {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return (attributes?[.size] as? Int) ?? 0
  }

  /// The outputs, `count` finite values.
  ///
  /// - Throws: `FileError` where the file cannot be read or is damaged,
  ///   ``CalibrationError/checkpoint(path:expected:found:)`` where it is another's.
  package func values(count: Int) throws -> [Float] {
    let archive = try HDF5Archive(reading: path, attributes: ["format", "identity"]) { attributes in
      guard attributes["format"] == Self.format, attributes["identity"] == identity else {
        throw CalibrationError.checkpoint(
          path: path, expected: "the teacher's outputs for this model and these settings",
          found: "another file")
      }
      return ["outputs": .floats([count])]
    }
    guard case .floats(let values, _)? = archive.arrays["outputs"],
      values.allSatisfy(\.isFinite)
    else {
      throw CalibrationError.checkpoint(
        path: path, expected: "\(count) finite numbers", found: "something else")
    }
    return values
  }

  /// Writes the outputs.
  ///
  /// - Throws: `FileError` if the file cannot be written.
  package func write(_ values: [Float]) throws(FileError) {
    try HDF5Archive(
      attributes: ["format": Self.format, "identity": identity],
      arrays: ["outputs": .floats(values, shape: [values.count])]
    ).write(to: path)
  }
}
