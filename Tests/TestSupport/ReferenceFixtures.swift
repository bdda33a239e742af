import Foundation

/// The real model, where it is present, and what PyTorch computes of it.
package enum Reference {
  /// The repository's top folder.
  package static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// SmolLM2-135M-Instruct as `make run` and `make test` import it; nil where it is absent.
  package static let model: String? = {
    let path = root.appending(path: "models/smollm2-135m-instruct.h5").path
    return FileManager.default.fileExists(atPath: path) ? path : nil
  }()

  /// Hidden states, loss and gate gradients of one sample, made by
  /// Benchmarks/comparison/make_parity_fixtures.py.
  package static let fixtures = root.appending(path: "Tests/Fixtures/parity").path

  /// The rows of hidden states that the fixtures keep, of `tokens` in all.
  package static func rows(of tokens: Int) -> [Int] { Array(stride(from: 31, to: tokens, by: 32)) }
}
