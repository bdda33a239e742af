import Foundation

/// A whole file that a user names.
public enum TextInput {
  /// The bytes of the regular file at `path`.
  ///
  /// - Throws: `ModelLoaderError` where it is missing, cannot be read or stands for another file.
  public static func read(_ path: String) throws(ModelLoaderError) -> Data {
    try FileReader(path: path, what: "text").readAll(limit: FileLimit.text)
  }
}
