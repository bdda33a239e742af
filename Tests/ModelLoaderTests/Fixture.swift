import Foundation
import ModelLoader
import Testing

/// Files made by the reference Python packages (gguf, safetensors, h5py).
enum Fixture {
  /// The path of the fixture `name`.
  static func path(_ name: String) throws -> String {
    let url = try #require(Bundle.module.resourceURL)
    return url.appendingPathComponent("Fixtures/\(name)").path
  }
}
