import Foundation

/// Files of other tests that the tool is run on.
enum ToolFixture {
  /// A GGUF file of a tiny Llama.
  static let tinyLlama = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appending(path: "../ModelLoaderTests/Fixtures/tiny-llama.gguf").path

  /// The path of a file among the model loader's fixtures.
  static func path(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appending(path: "../ModelLoaderTests/Fixtures/\(name)").path
  }
}
