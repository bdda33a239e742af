import Foundation
import Support

/// The tokenizer that an import takes along, and what is to be said about it.
///
/// Weights are worth importing without a tokenizer, so that one that cannot be used is no reason to refuse them.
/// One that is whole but not supported is kept; one that is damaged, or cannot be made from a GGUF file's
/// metadata, is left out, and the model file says why.
struct ImportedTokenizer {
  /// The bytes of tokenizer.json.
  private(set) var json: Data?
  /// Why the model file has no tokenizer although the source has one.
  private(set) var problem: String?
  /// Sentences without an end.
  private(set) var warnings: [String] = []

  /// The tokenizer of the Hugging Face folder at `folder`, for a model of `vocabulary` tokens.
  ///
  /// - Throws: `FileError.unreadable` for a file that is there and cannot be read.
  init(folder: String, vocabulary: Int) throws(FileError) {
    let path = URL(fileURLWithPath: folder).appendingPathComponent(ModelFormat.tokenizerFile).path
    guard FileManager.default.fileExists(atPath: path) else { return }
    let data: Data
    do {
      data = try FileReader(path: path, what: "tokenizer").readAll(limit: FileLimit.tokenizer)
    } catch {
      guard case .invalid(_, _, _, let found, let fix) = error else { throw error }
      leaveOut(because: "tokenizer.json is \(found)", fix: "\(fix) and import the model again")
      return
    }
    do {
      let tokenizer = try Tokenizer(json: data)
      json = data
      if tokenizer.vocabularySize > vocabulary {
        warnings.append(
          "tokenizer.json cannot be used: it has \(tokenizer.vocabularySize) tokens, but the model's "
            + "vocab_size is \(vocabulary); it is kept, but no samples can be made with it")
      }
      warnings += Self.contradictions(to: tokenizer, in: folder)
    } catch  where error.isDamage {
      leaveOut(
        because: "tokenizer.json is damaged: \(error.problem)",
        fix: "fetch it again and import the model again")
    } catch {
      json = data
      warnings.append(
        "tokenizer.json cannot be used: \(error.problem); it is kept, but no samples can be made with it"
      )
    }
  }

  /// The tokenizer of the GGUF file at `path`, made by `convert`; empty if it has none.
  ///
  /// - Throws: `FileError` where `convert` fails for another reason than the tokenizer.
  init(
    _ metadata: GGUFTokenizerMetadata?, path: String,
    convert: (GGUFTokenizerMetadata) throws -> Data
  ) throws(FileError) {
    guard let metadata else { return }
    do {
      json = try convert(metadata)
      warnings = TokenizerJSON.warnings(for: metadata)
    } catch let error as TokenizerError {
      leaveOut(
        because: error.problem,
        fix: "import the model from its Hugging Face folder to have its tokenizer")
      return
    } catch {
      throw .unsupported(
        path: path, place: "tokenizer.ggml", found: "this tokenizer (\(error))",
        supported: "a byte-level or SentencePiece-style BPE tokenizer")
    }
    if let json, let error = Self.error(of: json) {
      warnings.append(
        "the tokenizer cannot be used: \(error.problem); it is kept, but no samples can be made with it"
      )
    }
  }

  private static func error(of json: Data) -> TokenizerError? {
    do throws(TokenizerError) {
      _ = try Tokenizer(json: json)
      return nil
    } catch {
      return error
    }
  }

  private mutating func leaveOut(because problem: String, fix: String) {
    self.problem = problem
    warnings.append("the tokenizer is left out: \(problem); \(fix)")
  }

  /// Where tokenizer_config.json says otherwise than tokenizer.json of the tokens around a text.
  ///
  /// tokenizer.json counts, as in the `tokenizers` library.
  private static func contradictions(to tokenizer: Tokenizer, in folder: String) -> [String] {
    let name = "tokenizer_config.json"
    let path = URL(fileURLWithPath: folder).appendingPathComponent(name).path
    guard FileManager.default.fileExists(atPath: path),
      let data = try? FileReader(path: path, what: "tokenizer's configuration")
        .readAll(limit: FileLimit.modelConfiguration),
      let value = try? JSONReader.read(data)
    else { return [] }
    let root = JSONNode(value: value, path: "")
    return [
      ("add_bos_token", "before", tokenizer.startTokens),
      ("add_eos_token", "behind", tokenizer.endTokens),
    ].compactMap { key, place, tokens in
      guard case .bool(let isStated) = root[key].value, isStated == tokens.isEmpty else {
        return nil
      }
      return "\(name) has \(key) \(isStated), but tokenizer.json puts "
        + (tokens.isEmpty ? "no token" : "tokens") + " \(place) a text; tokenizer.json counts"
    }
  }
}
