import Foundation
import ModelLoader
import Transformer

/// A folder of its own for the files of one test, removed with the value.
package final class ModelTestFolder {
  /// The folder's path.
  package let path: String

  /// Creates an empty folder.
  package init() throws {
    let url = FileManager.default.temporaryDirectory
      .appendingPathComponent("zigzag-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of `name` in the folder.
  package func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Names of all files in the folder, hidden ones included, sorted.
  package func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).sorted()
  }
}

/// Small model files with values that can be told apart.
package enum ModelTestFiles {
  /// Two layers, hidden 32, 4 query and 2 key-value heads of 8, feed-forward 64, vocabulary 64.
  package static let configuration = ModelConfiguration(
    modelType: "llama", layers: 2, hidden: 32, feedForward: 64, queryHeads: 4, keyValueHeads: 2,
    headDim: 8, vocabulary: 64, maxPositions: 128, tiedEmbeddings: true)

  /// Value k of the tensor `name`: a multiple of 1/64 within ±3/4, the same in every float type.
  package static func value(_ index: Int, of name: String) -> Float {
    Float((index * 7 + name.utf8.count) % 97 - 48) / 64
  }

  /// All values of `parameter`.
  package static func values(
    of parameter: Parameter, in configuration: ModelConfiguration
  ) -> [Float] {
    let count = parameter.shape(in: configuration).reduce(1, *)
    return (0..<count).map { value($0, of: parameter.name) }
  }

  /// Writes a float32 model file with the values of ``value(_:of:)``.
  @discardableResult
  package static func write(
    to path: String, configuration: ModelConfiguration = configuration
  ) throws -> String {
    let contents = ModelFileContents(
      configuration: configuration, source: "test", tokenizerJSON: Data("{}".utf8), bosTokenID: 1,
      eosTokenIDs: [2])
    var writer = try ModelFileWriter(path: path, contents: contents) { _ in .float32 }
    for parameter in Parameter.all(in: configuration) {
      let values = values(of: parameter, in: configuration)
      try writer.append(values.span, to: parameter.name)
    }
    return try writer.finish()
  }
}
