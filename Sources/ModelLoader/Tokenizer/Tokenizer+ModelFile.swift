import Foundation
import Support

extension Tokenizer {
  /// The tokenizer in a model file; every token it makes has an embedding.
  ///
  /// - Returns: Nil where the file has none and says of none.
  /// - Throws: `FileError` that names the file and the dataset, or why the import left the
  ///   tokenizer out.
  package init?(
    json: Data?, problem: String?, vocabulary: Int, path: String
  ) throws(FileError) {
    guard let json else {
      guard let problem else { return nil }
      throw .unusableTokenizer(
        path: path, problem: "it was left out when the model was imported, since \(problem)",
        fix: "import the model again with a tokenizer that can be used")
    }
    let place = "\(path): /\(ModelFormat.tokenizer)/\(ModelFormat.tokenizerFile)"
    let fix = "import the model again with the tokenizer it was published with"
    do {
      try self.init(json: json)
    } catch {
      throw .unusableTokenizer(
        path: place, problem: error.problem,
        fix: error.isUnsupported ? "`zigzag forward` takes ids from elsewhere" : fix)
    }
    guard vocabularySize <= vocabulary else {
      throw .unusableTokenizer(
        path: place,
        problem:
          "the tokenizer has \(vocabularySize) tokens, but the model's vocab_size is \(vocabulary)",
        fix: fix)
    }
  }
}

extension LoadedModel {
  /// The tokenizer in the model file; nil where it has none and its source had none.
  ///
  /// - Throws: `FileError` where there is one that cannot be used.
  package func tokenizer() throws(FileError) -> Tokenizer? {
    try Tokenizer(
      json: tokenizerJSON, problem: tokenizerProblem, vocabulary: configuration.vocabulary,
      path: path)
  }
}

extension ModelFile {
  /// Refuses a tokenizer that cannot be used in the model file at `path`.
  public static func requireUsableTokenizer(path: String) throws(FileError) {
    let contents = try ModelFileReader(path: path).contents
    _ = try Tokenizer(
      json: contents.tokenizerJSON, problem: contents.tokenizerProblem,
      vocabulary: contents.configuration.vocabulary, path: path)
  }
}
