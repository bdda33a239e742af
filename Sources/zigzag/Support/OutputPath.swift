import Foundation
import MapReporter
import ModelLoader
import Runs
import Support

/// Where a verb writes what it was asked for.
enum OutputPath {
  /// Refuses an output that is one of the files that are read, by whatever name.
  ///
  /// - Throws: `ToolError.usage`.
  static func require(_ output: String, otherThan inputs: [String?]) throws(ToolError) {
    guard let written = FileStamp(path: output) else { return }
    for input in inputs.compactMap({ $0 })
    where FileStamp(path: input)?.isSameFile(as: written) == true {
      throw .usage(
        "\(output) would replace \(input), which belongs to what is read; name another place to write"
      )
    }
  }

  /// The files that are read of gates, a map, a model's configuration or a run at `path`.
  static func files(of path: String) -> [String] {
    guard isFolder(path) else { return [path] }
    return RunFiles(folder: path).all + ImportedFile.files(in: path)
  }
}
