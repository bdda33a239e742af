import Foundation

/// Makes a `tokenizer.json` from what other files store of a tokenizer.
public enum TokenizerJSON {
  /// A `tokenizer.json` for the tokenizer of a GGUF file.
  ///
  /// `gpt2` is byte-level BPE whose pre-tokenizer is known by the name `tokenizer.ggml.pre`; `llama` is
  /// SentencePiece-style BPE, which stores scores instead of merges. Source: the GGUF specification
  /// (ggml, docs/gguf.md) and llama.cpp's `llama-vocab.cpp`.
  ///
  /// - Throws: `TokenizerError` for a kind or a pre-tokenizer that is not known, and for lists that do
  ///   not fit each other.
  public static func fromGGUF(
    _ metadata: GGUFTokenizerMetadata
  ) throws(TokenizerError) -> Data {
    try check(metadata)
    let document =
      switch metadata.model {
      case "gpt2": try byteLevel(metadata)
      case "llama": try sentencePiece(metadata)
      default:
        throw .unsupported(
          place: "tokenizer.ggml.model", found: metadata.model.quotedForMessage,
          supported: "gpt2 and llama")
      }
    return Data(document.serialized())
  }

  private static func check(_ metadata: GGUFTokenizerMetadata) throws(TokenizerError) {
    let count = metadata.tokens.count
    guard (1...(Vocabulary.maximumID + 1)).contains(count) else {
      throw .wrongShape(
        place: "tokenizer.ggml.tokens", expected: "a list of tokens", found: "a list of \(count)")
    }
    for (name, found) in [
      ("scores", metadata.scores?.count), ("token_type", metadata.tokenTypes?.count),
    ] {
      if let found, found != count {
        throw .wrongShape(
          place: "tokenizer.ggml.\(name)", expected: "a list of \(count), one for each token",
          found: "a list of \(found)")
      }
    }
  }

  // MARK: The two kinds

  private static func byteLevel(
    _ metadata: GGUFTokenizerMetadata
  ) throws(TokenizerError) -> JSONValue {
    guard let merges = metadata.merges else {
      throw .wrongShape(
        place: "tokenizer.ggml.merges", expected: "a list of merges", found: "missing")
    }
    let family = try GGUFPreTokenizer(named: metadata.pre)
    let pairs = try merges.enumerated().map { (rank, merge) throws(TokenizerError) in
      let parts = merge.unicodeScalars.split(separator: " ", omittingEmptySubsequences: false)
      guard parts.count == 2 else {
        throw .wrongShape(
          place: "tokenizer.ggml.merges[\(rank)]", expected: "two tokens with a space between them",
          found: merge.quotedForMessage)
      }
      return (String(parts[0]), String(parts[1]))
    }
    return try document(
      metadata, addsBOS: metadata.addBOS ?? family.addsBOS, normalizer: family.normalizer,
      preTokenizer: family.preTokenizer,
      decoder: [
        "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true,
      ],
      model: model(metadata, pairs, unknown: nil, ignoresMerges: family.ignoresMerges))
  }

  private static func sentencePiece(
    _ metadata: GGUFTokenizerMetadata
  ) throws(TokenizerError) -> JSONValue {
    let unknown = try token(metadata.unknownTokenID ?? 0, "unknown_token_id", metadata)
    let space: JSONValue = ["type": "Replace", "pattern": ["String": " "], "content": "▁"]
    let prepend: JSONValue = ["type": "Prepend", "prepend": "▁"]
    let strip: JSONValue = [
      "type": "Strip", "content": " ", "start": .integer(1), "stop": .integer(0),
    ]
    let addsSpace = metadata.addSpacePrefix ?? true
    let spaceBack: JSONValue = ["type": "Replace", "pattern": ["String": "▁"], "content": " "]
    return try document(
      metadata, addsBOS: metadata.addBOS ?? true,
      normalizer: [
        "type": "Sequence", "normalizers": .array(addsSpace ? [prepend, space] : [space]),
      ],
      preTokenizer: nil,
      decoder: [
        "type": "Sequence",
        "decoders": .array(
          [spaceBack, ["type": "ByteFallback"], ["type": "Fuse"]] + (addsSpace ? [strip] : [])),
      ],
      model: model(metadata, try scoredMerges(metadata), unknown: unknown, ignoresMerges: false))
  }

  // MARK: The parts

  private static func document(
    _ metadata: GGUFTokenizerMetadata, addsBOS: Bool, normalizer: JSONValue,
    preTokenizer: JSONValue, decoder: JSONValue, model: JSONValue
  ) throws(TokenizerError) -> JSONValue {
    let postProcessor: JSONValue =
      if addsBOS, let bos = metadata.bosTokenID {
        template(bos: try token(bos, "bos_token_id", metadata), id: bos)
      } else {
        nil
      }
    return [
      "version": "1.0", "truncation": nil, "padding": nil,
      "added_tokens": addedTokens(metadata), "normalizer": normalizer,
      "pre_tokenizer": preTokenizer, "post_processor": postProcessor, "decoder": decoder,
      "model": model,
    ]
  }

  /// Control and unknown tokens as special tokens, tokens that users defined as plain added ones.
  private static func addedTokens(_ metadata: GGUFTokenizerMetadata) -> JSONValue {
    let types = (metadata.tokenTypes ?? []).map(GGUFTokenType.init(rawValue:))
    let elements = zip(metadata.tokens, types).enumerated().compactMap {
      (id, token) -> JSONValue? in
      guard let type = token.1, type.isAdded else { return nil }
      return [
        "id": .integer(id), "content": .string(token.0), "single_word": false, "lstrip": false,
        "rstrip": false, "normalized": false, "special": .bool(type != .userDefined),
      ]
    }
    return .array(elements)
  }

  private static func model(
    _ metadata: GGUFTokenizerMetadata, _ merges: [(String, String)], unknown: String?,
    ignoresMerges: Bool
  ) -> JSONValue {
    let isSentencePiece = unknown != nil
    let vocabulary = metadata.tokens.enumerated().map {
      JSONValue.Member(key: $1, value: .integer($0))
    }
    return [
      "type": "BPE", "dropout": nil, "unk_token": unknown.map(JSONValue.string) ?? .null,
      "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
      "fuse_unk": .bool(isSentencePiece), "byte_fallback": .bool(isSentencePiece),
      "ignore_merges": .bool(ignoresMerges), "vocab": .object(vocabulary),
      "merges": .array(merges.map { [.string($0.0), .string($0.1)] }),
    ]
  }

  private static func template(bos: String, id: Int) -> JSONValue {
    func special(_ type: Int) -> JSONValue {
      ["SpecialToken": ["id": .string(bos), "type_id": .integer(type)]]
    }
    func text(_ name: String, _ type: Int) -> JSONValue {
      ["Sequence": ["id": .string(name), "type_id": .integer(type)]]
    }
    let token: JSONValue = [
      "id": .string(bos), "ids": [.integer(id)], "tokens": [.string(bos)],
    ]
    return [
      "type": "TemplateProcessing", "single": [special(0), text("A", 0)],
      "pair": [special(0), text("A", 0), special(1), text("B", 1)],
      "special_tokens": .object([.init(key: bos, value: token)]),
    ]
  }

  private static func token(
    _ id: Int, _ key: String, _ metadata: GGUFTokenizerMetadata
  ) throws(TokenizerError) -> String {
    guard metadata.tokens.indices.contains(id) else {
      throw .wrongShape(
        place: "tokenizer.ggml.\(key)", expected: "an id below \(metadata.tokens.count)",
        found: "\(id)")
    }
    return metadata.tokens[id]
  }
}

/// `tokenizer.ggml.token_type`.
enum GGUFTokenType: Int32 {
  case normal = 1
  case unknown
  case control
  case userDefined
  case unused
  case byte

  /// Whether the token is cut out of the text rather than made by merges.
  var isAdded: Bool { self == .unknown || self == .control || self == .userDefined }
}
