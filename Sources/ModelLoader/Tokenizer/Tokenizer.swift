import Foundation
import Support

/// Turns text into the token ids of a model and back, as a Hugging Face `tokenizer.json` says.
///
/// Byte-pair encoding, over bytes (GPT-2, Llama 3, Qwen2, SmolLM2) or over characters (Llama 2, Mistral).
/// The ids are those of Hugging Face's `tokenizers` library, token for token.
///
/// The way of a text: added tokens are cut out; what is between them is normalised, cut into pieces of
/// about a word, and each piece is encoded by itself.
public struct Tokenizer: Sendable {
  private let normalizer: TextNormalizer
  private let preTokenizer: PreTokenizer
  private let addedTokens: AddedTokens
  private let model: BytePairModel
  private let template: SpecialTokenTemplate
  private let decoder: TokenDecoder

  /// Reads a `tokenizer.json`.
  ///
  /// - Parameter json: The bytes of the file.
  /// - Throws: `TokenizerError` for a file that is not JSON, lacks a part, contradicts itself or asks for
  ///   something that is not implemented.
  public init(json: Data) throws(TokenizerError) {
    let root = JSONNode(value: try Self.read(json), path: "")
    guard case .object = root.value else {
      throw .wrongShape(place: "file", expected: "an object", found: root.value.kind)
    }
    normalizer = try TextNormalizer(root["normalizer"])
    preTokenizer = try PreTokenizer(root["pre_tokenizer"])
    model = try BytePairModel(root["model"], isByteLevel: preTokenizer.isByteLevel)
    addedTokens = try AddedTokens(
      root["added_tokens"], vocabulary: model.vocabulary, normalizer: normalizer)
    template = try SpecialTokenTemplate(root["post_processor"])
    decoder = try TokenDecoder(root["decoder"])
    vocabularySize = max(
      model.vocabulary.tokens.count, Int(addedTokens.tokens.keys.max() ?? -1) + 1)
  }

  private static func read(_ json: Data) throws(TokenizerError) -> JSONValue {
    do {
      return try JSONReader.read(json)
    } catch {
      throw error.isKeyTwice
        ? .keyTwice(line: error.line, problem: error.problem)
        : .invalidJSON(line: error.line, byteOffset: error.byteOffset, problem: error.problem)
    }
  }

  /// The number of ids, counted to the highest one: the rows a model's embedding needs at least.
  public let vocabularySize: Int

  /// The id of a token by its exact spelling in the file; nil if there is none.
  ///
  /// Byte-level vocabularies spell a space "Ġ", SentencePiece's "▁".
  public func id(of token: String) -> Int32? {
    addedTokens.ids[TokenBytes(token)] ?? model.vocabulary.id(of: token)
  }

  // MARK: Text to ids

  /// The tokens that a text begins with, such as the one that begins a sequence: what the file's
  /// post-processor puts before it.
  ///
  /// A text that goes on, as a prompt does, has these and not ``endTokens``.
  public var startTokens: [Int32] { template.prefix }

  /// The tokens that a whole text ends with: what the file's post-processor puts behind it.
  public var endTokens: [Int32] { template.suffix }

  /// The token ids of a text.
  ///
  /// Added tokens, such as `<|im_start|>`, are recognised in the text. An empty text has no ids.
  ///
  /// - Parameters:
  ///   - text: The text.
  ///   - addSpecialTokens: Whether to add what the file's post-processor adds, such as a token that begins
  ///     the sequence.
  /// - Returns: The ids in the order of the text.
  public func encode(_ text: String, addSpecialTokens: Bool = false) -> [Int32] {
    var encoder = PieceEncoder(model)
    let text = Array(text.utf8)
    if addSpecialTokens { encoder.ids += template.prefix }
    addedTokens.verbatim.forEachSegment(of: text) { segment in
      if let id = segment.tokenID {
        encoder.ids.append(id)
      } else {
        let isFirst = segment.range.lowerBound == 0
        encode(normalizer.normalize(text.part(segment.range)), isFirst, with: &encoder)
      }
    }
    if addSpecialTokens { encoder.ids += template.suffix }
    return encoder.ids
  }

  /// Encodes normalised text, in which added tokens may still be found.
  private func encode(_ text: [UInt8], _ isFirst: Bool, with encoder: inout PieceEncoder) {
    addedTokens.normalized.forEachSegment(of: text) { segment in
      if let id = segment.tokenID {
        encoder.ids.append(id)
      } else {
        preTokenizer.forEachPiece(
          of: text.part(segment.range), isFirst: isFirst && segment.range.lowerBound == 0
        ) { encoder.encode($0, $1) }
      }
    }
  }

  // MARK: Ids to text

  /// A token as the file spells it, and the bytes it stands for in a text.
  package struct Piece: Sendable {
    package let id: Int32
    package let spelling: String
    package let bytes: [UInt8]
  }

  /// The piece of a text that a token stands for; nil for an id without a token.
  ///
  /// `isFirst` says that the text begins with it. The bytes of a text's pieces, one after another, are what
  /// ``decode(_:skipSpecialTokens:)`` gives, where those are UTF-8.
  package func piece(of id: Int32, isFirst: Bool) -> Piece? {
    spelling(of: id).map {
      Piece(id: id, spelling: $0, bytes: decoder.bytes(of: $0, isFirst: isFirst))
    }
  }

  /// How `decode` reads a token before it decodes; nil for an id without a token.
  package func spelling(of id: Int32) -> String? {
    addedTokens.spellings[id] ?? model.vocabulary.token(id)
  }

  /// The text of token ids.
  ///
  /// Ids without a token are left out; bytes that are not UTF-8, such as those of half a character, read
  /// as U+FFFD.
  ///
  /// - Parameters:
  ///   - ids: The token ids.
  ///   - skipSpecialTokens: Whether to leave out special tokens, such as `<|im_end|>`.
  /// - Returns: The text.
  public func decode(_ ids: [Int32], skipSpecialTokens: Bool = false) -> String {
    var texts = TextList()
    for id in ids {
      if let added = addedTokens.tokens[id] {
        guard !(added.special && skipSpecialTokens), let text = addedTokens.spellings[id] else {
          continue
        }
        texts.append(text.utf8)
      } else if let token = model.vocabulary.token(id) {
        texts.append(token.utf8)
      }
    }
    return decoder.decode(texts)
  }
}

extension [UInt8] {
  /// The bytes in `range`, without a copy where that is all of them.
  fileprivate func part(_ range: Range<Int>) -> [UInt8] {
    range == 0..<count ? self : Array(self[range])
  }
}

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
  public func tokenizer() throws(FileError) -> Tokenizer? {
    try Tokenizer(
      json: tokenizerJSON, problem: tokenizerProblem, vocabulary: configuration.vocabulary,
      path: path)
  }

  /// The tokenizer in the model file; every token it makes has an embedding.
  ///
  /// - Throws: `FileError` where there is none, or one that cannot be used.
  public func requiredTokenizer() throws(FileError) -> Tokenizer {
    guard let tokenizer = try tokenizer() else {
      throw .malformed(
        path: path, line: nil,
        problem: "the model has no tokenizer; import it again with its tokenizer.json")
    }
    return tokenizer
  }
}

extension ModelFile {
  /// Refuses a tokenizer that cannot be used in the model file at `path`.
  package static func requireUsableTokenizer(path: String) throws(FileError) {
    let contents = try ModelFileReader(path: path).contents
    _ = try Tokenizer(
      json: contents.tokenizerJSON, problem: contents.tokenizerProblem,
      vocabulary: contents.configuration.vocabulary, path: path)
  }
}
