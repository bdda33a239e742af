import Foundation
import Transformer

/// What a model file holds besides the weights.
public struct ModelFileContents: Sendable, Equatable {
  /// The architecture.
  public var configuration: ModelConfiguration
  /// Where the model came from, for people: a folder or file name.
  public var source: String
  /// The bytes of the Hugging Face tokenizer.json, if the model has one.
  public var tokenizerJSON: Data?
  /// Why the model has no tokenizer although its source has one: a clause; nil where nothing is wrong.
  public var tokenizerProblem: String?
  /// The token that starts a text, if the model has one.
  public var bosTokenID: Int?
  /// The tokens that end a text; empty if unknown.
  public var eosTokenIDs: [Int]

  /// Collects the contents.
  public init(
    configuration: ModelConfiguration, source: String, tokenizerJSON: Data? = nil,
    tokenizerProblem: String? = nil, bosTokenID: Int? = nil, eosTokenIDs: [Int] = []
  ) {
    self.configuration = configuration
    self.source = source
    self.tokenizerJSON = tokenizerJSON
    self.tokenizerProblem = tokenizerProblem
    self.bosTokenID = bosTokenID
    self.eosTokenIDs = eosTokenIDs
  }
}

/// The names that docs/model-format.md fixes.
enum ModelFormat {
  static let name = "zigzag-model"
  static let version = 1
  static let weights = "weights"
  static let configuration = "config"
  static let tokenizer = "tokenizer"
  static let tokenizerFile = "tokenizer.json"
  static let tokenizerProblem = "problem"
}
