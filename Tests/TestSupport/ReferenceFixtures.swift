import Foundation
import ModelLoader

/// The real model and the reference results, where they are present.
public enum Reference {
  /// The repository's top folder.
  public static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// SmolLM2-135M-Instruct as `make run` and `make test` import it; nil where it is absent.
  public static let model: String? = existing("models/smollm2-135m-instruct.h5")

  /// The folder of hidden states, losses and gradients computed with PyTorch; nil where absent.
  public static let fixtures: String? = existing("../shared/fixtures")

  /// Whether the parity tests can run.
  public static let isPresent = model != nil && fixtures != nil

  private static func existing(_ path: String) -> String? {
    let url = root.appendingPathComponent(path).standardizedFileURL
    return FileManager.default.fileExists(atPath: url.path) ? url.path : nil
  }
}
