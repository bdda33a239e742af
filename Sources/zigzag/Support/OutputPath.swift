import Foundation
import ModelLoader

/// Where a verb writes what it was asked for.
enum OutputPath {
  /// Refuses an output that is one of the files that are read, by whatever name; folders stand for the files
  /// in them.
  ///
  /// - Throws: `ToolError.usage`.
  static func require(_ output: String, otherThan inputs: [String?]) throws(ToolError) {
    guard let written = FileStamp(path: output) else { return }
    for input in inputs.compactMap({ $0 }) {
      let inside = (try? FileManager.default.contentsOfDirectory(atPath: input)) ?? []
      for path in [input] + inside.map({ "\(input)/\($0)" }) {
        if FileStamp(path: path)?.isSameFile(as: written) == true {
          throw .usage(
            "\(output) would replace \(path), which is read; name another place to write")
        }
      }
    }
  }
}
