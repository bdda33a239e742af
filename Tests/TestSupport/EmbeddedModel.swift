import Foundation
import ModelLoader
import Testing

/// The small model in data/.
package enum EmbeddedModel {
  /// The repository's folder.
  package static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path
  /// The model's file.
  package static let path = "\(repository)/data/passkey.h5"

  /// Its tokenizer, byte-level BPE with 1,536 tokens.
  package static func tokenizer() throws -> Tokenizer {
    try ModelFile.open(path: path).requiredTokenizer()
  }
}
