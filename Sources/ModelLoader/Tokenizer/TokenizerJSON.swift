import Foundation
import Support

/// Makes a `tokenizer.json` from what other files store of a tokenizer.
package enum TokenizerJSON {
  /// A `tokenizer.json` for the tokenizer of a GGUF file.
  ///
  /// `gpt2` is byte-level BPE whose pre-tokenizer is known by the name `tokenizer.ggml.pre`; `llama` is
  /// SentencePiece-style BPE, which stores scores instead of merges. Source: the GGUF specification
  /// (ggml, docs/gguf.md) and llama.cpp's `llama-vocab.cpp`.
  ///
  /// - Throws: `TokenizerError` for a kind or a pre-tokenizer that is not known, and for lists that do
  ///   not fit each other.
  package static func fromGGUF(
    _ metadata: GGUFTokenizerMetadata
  ) throws(TokenizerError) -> Data {
    try check(metadata)
    try refuseRepeatedTokens(metadata.tokens)
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

  /// What a user should know of the tokenizer that ``fromGGUF(_:)`` makes, a sentence each.
  package static func warnings(for metadata: GGUFTokenizerMetadata) -> [String] {
    guard metadata.model == "gpt2", metadata.statedPre == nil,
      let family = GGUFVocabularyFamily(metadata.tokens)
    else { return [] }
    let stated =
      metadata.pre.map { "is \($0.quotedForMessage), which says nothing" } ?? "is missing"
    return [
      "tokenizer.ggml.pre \(stated); the vocabulary is that of \(family.name), so the text is split as "
        + "for \(family.pre)"
    ]
  }

  private static func refuseRepeatedTokens(_ tokens: [String]) throws(TokenizerError) {
    var ids: [TokenBytes: Int] = [:]
    ids.reserveCapacity(tokens.count)
    for (id, token) in tokens.enumerated() {
      if let other = ids.updateValue(id, forKey: TokenBytes(token)) {
        throw .inconsistent(
          place: "tokenizer.ggml.tokens[\(id)]",
          problem: "\(token.quotedForMessage) is the token of two ids, \(other) and \(id)")
      }
    }
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
    let family = try GGUFPreTokenizer(of: metadata)
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
    let bos = addsBOS ? try edgeToken(.first, metadata) : nil
    let eos = metadata.addEOS == true ? try edgeToken(.last, metadata) : nil
    let postProcessor: JSONValue =
      bos == nil && eos == nil
      ? nil : template(before: bos.map { [$0] } ?? [], after: eos.map { [$0] } ?? [])
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

  private enum Edge: String {
    case first = "bos"
    case last = "eos"
  }

  /// The token before or behind a text: the one the file names, else the one llama.cpp assumes.
  ///
  /// - Throws: `TokenizerError` where the file asks for such a token and there is none to take.
  private static func edgeToken(
    _ edge: Edge, _ metadata: GGUFTokenizerMetadata
  ) throws(TokenizerError) -> (name: String, id: Int)? {
    let name = edge.rawValue
    if let id = edge == .first ? metadata.bosTokenID : metadata.eosTokenID {
      return (try token(id, "\(name)_token_id", metadata), id)
    }
    // SentencePiece's own places, and Llama 3's name.
    let usual = edge == .first ? ["<s>", "<|begin_of_text|>"] : ["</s>", "<|end_of_text|>"]
    for candidate in usual {
      if let id = metadata.tokens.firstIndex(of: candidate) { return (candidate, id) }
    }
    guard edge == .last || metadata.addBOS == true else { return nil }
    throw .inconsistent(
      place: "tokenizer.ggml.add_\(name)_token",
      problem: "it is true, but there is no tokenizer.ggml.\(name)_token_id")
  }

  private static func template(
    before: [(name: String, id: Int)], after: [(name: String, id: Int)]
  ) -> JSONValue {
    func special(_ token: (name: String, id: Int), _ type: Int) -> JSONValue {
      ["SpecialToken": ["id": .string(token.name), "type_id": .integer(type)]]
    }
    func text(_ name: String, _ type: Int) -> JSONValue {
      ["Sequence": ["id": .string(name), "type_id": .integer(type)]]
    }
    func part(_ name: String, _ type: Int) -> [JSONValue] {
      before.map { special($0, type) } + [text(name, type)] + after.map { special($0, type) }
    }
    var tokens: [JSONValue.Member] = []
    for token in before + after where !tokens.contains(where: { $0.key == token.name }) {
      tokens.append(
        .init(
          key: token.name,
          value: [
            "id": .string(token.name), "ids": [.integer(token.id)],
            "tokens": [.string(token.name)],
          ]))
    }
    return [
      "type": "TemplateProcessing", "single": .array(part("A", 0)),
      "pair": .array(part("A", 0) + part("B", 1)), "special_tokens": .object(tokens),
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

extension TokenizerJSON {
  /// Longer tokens, in characters, are refused.
  private static let longestToken = 1024

  /// The merges that SentencePiece's scores stand for.
  ///
  /// SentencePiece joins the two neighbours whose union has the highest score. As a list: every way to
  /// cut a token into two tokens, by the token's score, then by the length in characters of the left and
  /// of the right part, larger first. Source: `generate_merges` in Hugging Face transformers,
  /// `convert_slow_tokenizer.py`.
  static func scoredMerges(
    _ metadata: GGUFTokenizerMetadata
  ) throws(TokenizerError) -> [(String, String)] {
    guard let scores = metadata.scores, scores.allSatisfy(\.isFinite) else {
      throw .wrongShape(
        place: "tokenizer.ggml.scores", expected: "a number for each token",
        found: metadata.scores == nil ? "missing" : "not finite")
    }
    if let (id, count) = overlong(metadata.tokens) {
      throw .wrongShape(
        place: "tokenizer.ggml.tokens[\(id)]", expected: "at most \(longestToken) characters",
        found: "a text of \(count)")
    }
    let tokens = metadata.tokens.map { Array($0.utf8) }
    let types = (metadata.tokenTypes ?? []).map(GGUFTokenType.init(rawValue:))
    let plain = tokens.indices.filter {
      types.isEmpty || types[$0] == .normal || types[$0] == .unused
    }
    let beginnings = PrefixSearch(plain.map { tokens[$0] })
    let ends = PrefixSearch(plain.map { tokens[$0].reversed() })
    // What the merges take as text may be much more than the tokens: "a", "aa", "aaa", … have a merge for
    // each of their bytes.
    let limit = ReadingBudget.factor * tokens.reduce(0) { $0 + $1.count } + ReadingBudget.floor
    var bytes = 0
    var merges: [ScoredMerge] = []
    for id in plain where !tokens[id].isEmpty {
      let cuts = cuts(of: tokens[id], beginnings, ends)
      bytes += cuts.count * (tokens[id].count + MemoryLayout<ScoredMerge>.stride)
      guard bytes <= limit else {
        throw .wrongShape(
          place: "tokenizer.ggml.tokens", expected: "tokens that few merges make",
          found: "tokens with so many cuts into two others that they would fill the memory")
      }
      for cut in cuts {
        merges.append(
          ScoredMerge(
            score: scores[id], lengths: (cut.characters, cut.charactersBehind), token: Int32(id),
            bytes: Int32(cut.bytes)))
      }
    }
    return merges.sorted { $0.comes(before: $1) }.map { merge in
      let token = tokens[Int(merge.token)]
      return (
        String(decoding: token[..<Int(merge.bytes)], as: UTF8.self),
        String(decoding: token[Int(merge.bytes)...], as: UTF8.self)
      )
    }
  }

  private static func overlong(_ tokens: [String]) -> (id: Int, count: Int)? {
    for (id, token) in tokens.enumerated() where token.utf8.count > longestToken {
      let count = token.unicodeScalars.count
      if count > longestToken { return (id, count) }
    }
    return nil
  }

  /// The cuts of a token whose two sides are tokens, from left to right.
  ///
  /// A side that is a token is UTF-8, so that no cut is inside a character.
  private static func cuts(
    of token: [UInt8], _ beginnings: PrefixSearch, _ ends: PrefixSearch
  ) -> [(bytes: Int, characters: Int, charactersBehind: Int)] {
    var isEnd = [Bool](repeating: false, count: token.count + 1)
    ends.forEachPrefix(of: token.reversed(), at: 0) { length, _ in
      isEnd[token.count - length] = true
    }
    func characters(_ range: Range<Int>) -> Int { token[range].count { $0 & 0xC0 != 0x80 } }
    var cuts: [(Int, Int, Int)] = []
    var (done, counted) = (0, 0)
    let total = characters(0..<token.count)
    beginnings.forEachPrefix(of: token, at: 0) { length, _ in
      guard length < token.count, isEnd[length] else { return }
      counted += characters(done..<length)
      done = length
      cuts.append((length, counted, total - counted))
    }
    return cuts
  }
}

/// A way to cut a token into two.
private struct ScoredMerge {
  var score: Float
  /// In characters.
  var lengths: (left: Int, right: Int)
  var token: Int32
  /// The length of the left part in bytes.
  var bytes: Int32

  func comes(before other: ScoredMerge) -> Bool {
    if score != other.score { return score > other.score }
    if lengths != other.lengths { return lengths > other.lengths }
    return token < other.token
  }
}
