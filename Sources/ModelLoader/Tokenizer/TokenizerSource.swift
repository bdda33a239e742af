import Foundation
import Support

/// The tokenizer of whatever a model comes in: a model file, a Hugging Face folder, a tokenizer.json or a
/// GGUF file.
package struct TokenizerSource: Sendable {
  /// The tokenizer.
  package let tokenizer: Tokenizer
  /// Sentences, without an end, about what was decided.
  package let warnings: [String]

  /// Reads the tokenizer at `path`.
  ///
  /// - Throws: `FileError` where there is none, or one that cannot be used.
  package init(path: String) throws(FileError) {
    var isFolder: ObjCBool = false
    guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw .missing(path: path, what: "model file, model folder, tokenizer.json or .gguf file")
    }
    if isFolder.boolValue {
      let file = URL(fileURLWithPath: path).appendingPathComponent(ModelFormat.tokenizerFile).path
      self = try Self.json(FileReader(path: file, what: "tokenizer.json"))
      return
    }
    let file = try FileReader(path: path, what: "tokenizer")
    // HDF5 files may begin with a block of the user's.
    switch path.hasSuffix(".h5") ? .hdf5 : FileKind(beginning: try file.beginning) {
    case .hdf5: self = try Self.modelFile(path)
    case .gguf: self = try Self.gguf(path)
    case nil: self = try Self.json(file)
    case let kind?:
      throw .invalid(
        path: path, place: "the file",
        expected: "a model file, a tokenizer.json or a .gguf file", found: kind.name,
        fix: "give one of these, or a folder with tokenizer.json")
    }
  }

  private init(_ tokenizer: Tokenizer, warnings: [String] = []) {
    (self.tokenizer, self.warnings) = (tokenizer, warnings)
  }

  private static func json(_ file: FileReader) throws(FileError) -> Self {
    let data = try file.readAll(limit: FileLimit.tokenizer)
    do throws(TokenizerError) {
      return Self(try Tokenizer(json: data))
    } catch {
      throw .unusableTokenizer(
        path: file.path, problem: error.problem,
        fix: error.isUnsupported
          ? "take ids from the program that it was made for" : "fetch it again")
    }
  }

  private static func modelFile(_ path: String) throws(FileError) -> Self {
    let contents = try ModelFileReader(path: path).contents
    let tokenizer = try Tokenizer(
      json: contents.tokenizerJSON, problem: contents.tokenizerProblem,
      vocabulary: contents.configuration.vocabulary, path: path)
    guard let tokenizer else {
      throw .unusableTokenizer(
        path: path, problem: "there is none", fix: "import the model again with its tokenizer.json")
    }
    return Self(tokenizer)
  }

  private static func gguf(_ path: String) throws(FileError) -> Self {
    guard let metadata = GGUFTokenizerMetadata(try GGUFFile(path: path)) else {
      throw .unusableTokenizer(
        path: path, problem: "there is none", fix: "give a .gguf file with tokenizer.ggml.tokens")
    }
    do throws(TokenizerError) {
      return Self(
        try Tokenizer(json: TokenizerJSON.fromGGUF(metadata)),
        warnings: TokenizerJSON.warnings(for: metadata))
    } catch {
      throw .unusableTokenizer(
        path: path, problem: error.problem,
        fix: "give the model's Hugging Face folder to use its tokenizer.json")
    }
  }
}
