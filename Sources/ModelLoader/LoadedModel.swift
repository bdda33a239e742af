import Foundation
import Support
import Transformer

/// A model as read from its file.
public struct LoadedModel: Sendable {
  /// The file's path.
  public let path: String
  /// The architecture.
  public let configuration: ModelConfiguration
  /// The parameters; matrices refer to the mapped file.
  public let weights: DecoderWeights
  /// The bytes of the Hugging Face tokenizer.json, if the file has one.
  public let tokenizerJSON: Data?
  /// Why the file has no tokenizer although the model's source had one; nil where nothing is wrong.
  public let tokenizerProblem: String?
  /// The identity of the weights, 64 hexadecimal digits, as the file states it.
  public let sha256: String
  /// Weights, configuration and tokenizer: which model this is.
  public let identity: ModelIdentity
  /// The open file.
  let file: FileInUse
  /// Where the model came from, for people.
  public let source: String
  /// The token that starts a text, if known.
  public let bosTokenID: Int?
  /// The tokens that end a text; empty if unknown.
  public let eosTokenIDs: [Int]
}

extension LoadedModel {
  /// Refuses to go on with a model whose file was written into since it was opened, since what is computed
  /// from it is of neither model.
  ///
  /// - Throws: `FileError.changed`.
  public func requireUnchanged() throws(FileError) {
    try file.requireUnchanged {
      // What cannot be read again is not the same either.
      guard let found = try? ModelFile.check(path: path), found.isSound else { return false }
      return (try? ModelFile.inspect(path: path))?.identity == identity
    }
  }

  /// Refuses a model whose path names another file by now: what is read there is not this model.
  ///
  /// - Throws: `FileError.changed`.
  package func requireAtItsPath() throws(FileError) {
    guard file.isAtItsPath else { throw .changed(path: path) }
  }
}
