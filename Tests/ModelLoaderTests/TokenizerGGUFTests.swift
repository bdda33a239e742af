import Foundation
import ModelLoader
import Testing

/// tokenizer.json made from the metadata of GGUF files.
@Suite struct TokenizerGGUFTests {
  /// The metadata a GGUF file would hold for the tokenizer of a fixture.
  private func metadata(_ name: String, pre: String) throws -> GGUFTokenizerMetadata {
    let root = try JSONSerialization.jsonObject(with: TokenizerFixture.data("\(name).json"))
    let model = try #require((root as? [String: Any])?["model"] as? [String: Any])
    let vocabulary = try #require(model["vocab"] as? [String: Int])
    let added = try #require((root as? [String: Any])?["added_tokens"] as? [[String: Any]])
    let special = Set(added.compactMap { $0["content"] as? String })
    let tokens = vocabulary.sorted { $0.value < $1.value }.map(\.key)
    let merges = try #require(model["merges"] as? [[String]])
    return GGUFTokenizerMetadata(
      model: "gpt2", pre: pre, tokens: tokens,
      tokenTypes: tokens.map { special.contains($0) ? 3 : 1 },
      merges: merges.map { $0.joined(separator: " ") }, bosTokenID: 0)
  }

  @Test(arguments: [("llama3", "llama-bpe"), ("qwen2", "qwen2")])
  func sameAsTheOriginal(name: String, pre: String) throws {
    let reference = try TokenizerReference(name)
    let tokenizer = try Tokenizer(json: TokenizerJSON.fromGGUF(metadata(name, pre: pre)))
    for (text, ids) in zip(try TokenizerFixture.texts(), reference.strings) {
      #expect(tokenizer.encode(text) == ids, "\(text.debugDescription)")
    }
    #expect(
      tokenizer.encode("Hello, world", addSpecialTokens: true) == reference.withSpecialTokens)
  }

  /// SmolLM2 splits digits one by one; GPT-2 keeps them together.
  @Test func digits() throws {
    var metadata = GGUFTokenizerMetadata(
      model: "gpt2", pre: "smollm", tokens: ["1", "2", "12", "Ġ", "Ġ1"], merges: ["1 2", "Ġ 1"])
    #expect(try Tokenizer(json: TokenizerJSON.fromGGUF(metadata)).encode(" 12") == [3, 0, 1])
    metadata.pre = "gpt-2"
    #expect(try Tokenizer(json: TokenizerJSON.fromGGUF(metadata)).encode("12 12") == [2, 3, 2])
    #expect(try Tokenizer(json: TokenizerJSON.fromGGUF(metadata)).encode(" 1") == [4])
  }

  private static let llama = GGUFTokenizerMetadata(
    model: "llama",
    tokens: [
      "<unk>", "<s>", "</s>", "<0xC3>", "<0xA9>", "▁", "a", "b", "c", "ab", "bc", "abc", "▁a",
    ],
    scores: [0, 0, 0, 0, 0, -9, -9, -9, -9, -3, -2, -4, -1],
    tokenTypes: [2, 3, 3, 6, 6, 1, 1, 1, 1, 1, 1, 1, 1], bosTokenID: 1, eosTokenID: 2,
    unknownTokenID: 0)

  @Test func sentencePieceMergesByScore() throws {
    let tokenizer = try Tokenizer(json: TokenizerJSON.fromGGUF(Self.llama))
    #expect(tokenizer.encode("abc") == [12, 10])  // "▁a" first, then "bc"
    #expect(tokenizer.encode("b abc") == [5, 7, 12, 10])
    #expect(tokenizer.encode("é!!", addSpecialTokens: true) == [1, 5, 3, 4, 0])
    #expect(tokenizer.encode("<s>ab") == [1, 12, 7])
    #expect(tokenizer.decode([12, 10, 5, 3, 4]) == "abc é")
  }

  @Test func sentencePieceWithoutPrefix() throws {
    var metadata = Self.llama
    metadata.addSpacePrefix = false
    metadata.addBOS = false
    let tokenizer = try Tokenizer(json: TokenizerJSON.fromGGUF(metadata))
    // "bc" scores higher than "ab", and both ways to "abc" are merges.
    #expect(tokenizer.encode("abc", addSpecialTokens: true) == [11])
    #expect(tokenizer.decode([12]) == " a")
  }

  private func expectError(
    _ words: String..., sourceLocation: SourceLocation = #_sourceLocation,
    change: (inout GGUFTokenizerMetadata) -> Void
  ) {
    var metadata = Self.llama
    change(&metadata)
    do throws(TokenizerError) {
      _ = try TokenizerJSON.fromGGUF(metadata)
      Issue.record("no error, expected one with \(words)", sourceLocation: sourceLocation)
    } catch {
      for word in words {
        #expect(error.description.contains(word), sourceLocation: sourceLocation)
      }
    }
  }

  @Test func errors() {
    expectError("tokenizer.ggml.model", "\"bert\"", "gpt2 and llama") { $0.model = "bert" }
    expectError("tokenizer.ggml.tokens", "a list of 0") { $0.tokens = [] }
    expectError("tokenizer.ggml.scores", "a list of 1") { $0.scores = [0] }
    expectError("tokenizer.ggml.scores", "missing") { $0.scores = nil }
    expectError("tokenizer.ggml.scores", "not finite") { $0.scores?[4] = .nan }
    expectError("tokenizer.ggml.token_type", "a list of 1") { $0.tokenTypes = [1] }
    expectError("bos_token_id", "below 13", "-1") { $0.bosTokenID = -1 }
    expectError("unknown_token_id", "13") { $0.unknownTokenID = 13 }
    expectError("tokenizer.ggml.merges", "missing") { $0.model = "gpt2" }
    expectError("tokenizer.ggml.pre", "\"tekken\"", "smollm") {
      ($0.model, $0.merges, $0.pre) = ("gpt2", [], "tekken")
    }
    expectError("tokenizer.ggml.merges[1]", "two tokens") {
      ($0.model, $0.merges, $0.pre) = ("gpt2", ["a b", "a b c"], "gpt-2")
    }
    // How text is split is not known: no name, or one that says nothing.
    for pre in [nil, "default", ""] {
      expectError("tokenizer.ggml.pre", "llama-bpe, qwen2") {
        ($0.model, $0.merges, $0.pre) = ("gpt2", [], pre)
      }
    }
    expectError("tokenizer.ggml.tokens[11]", "\"ab\" is the token of two ids, 9 and 11") {
      $0.tokens[11] = "ab"
    }
    expectError("tokenizer.ggml.add_eos_token", "no tokenizer.ggml.eos_token_id") {
      ($0.eosTokenID, $0.addEOS, $0.tokens[2]) = (nil, true, "</t>")
    }
    expectError("tokenizer.ggml.add_bos_token", "no tokenizer.ggml.bos_token_id") {
      ($0.bosTokenID, $0.addBOS, $0.tokens[1]) = (nil, true, "<t>")
    }
  }

  // MARK: files without a pre-tokenizer's name

  /// A vocabulary of `count` tokens with `marks` at their places.
  private func vocabulary(_ count: Int, _ marks: [Int: String]) -> GGUFTokenizerMetadata {
    let tokens = (0..<count).map { marks[$0] ?? "t\($0)" }
    return GGUFTokenizerMetadata(model: "gpt2", tokens: tokens, merges: [])
  }

  private static let families: [(name: String, pre: String, count: Int, marks: [Int: String])] = [
    (
      "Llama 3", "llama-bpe", 128_256,
      [0: "!", 128_000: "<|begin_of_text|>", 128_001: "<|end_of_text|>"]
    ),
    (
      "Qwen2", "qwen2", 151_936,
      [0: "!", 151_643: "<|endoftext|>", 151_644: "<|im_start|>", 151_645: "<|im_end|>"]
    ),
    (
      "SmolLM2", "smollm", 49_152,
      [0: "<|endoftext|>", 1: "<|im_start|>", 2: "<|im_end|>", 3: "<repo_name>"]
    ),
    ("GPT-2", "gpt-2", 50_257, [0: "!", 220: "Ġ", 50_256: "<|endoftext|>"]),
  ]

  /// Where the vocabulary is a known family's, its pattern is taken, and it is said.
  @Test(arguments: 0..<4)
  func aKnownVocabularyNeedsNoName(index: Int) throws {
    let family = Self.families[index]
    var metadata = vocabulary(family.count, family.marks)
    let warnings = TokenizerJSON.warnings(for: metadata)
    #expect(warnings.count == 1)
    #expect(warnings[0].contains("tokenizer.ggml.pre is missing"))
    #expect(
      warnings[0].contains("that of \(family.name), so the text is split as for \(family.pre)"))
    metadata.pre = "default"
    #expect(TokenizerJSON.warnings(for: metadata).first?.contains("\"default\"") == true)
    if index == 3 {
      let guessed = try TokenizerJSON.fromGGUF(metadata)
      metadata.pre = family.pre
      #expect(try TokenizerJSON.fromGGUF(metadata) == guessed)
    }
    metadata.pre = family.pre
    #expect(TokenizerJSON.warnings(for: metadata).isEmpty)
    // The same marks in a vocabulary of another size, or one mark elsewhere, are no such family.
    let other = vocabulary(family.count - 1000, family.marks)
    #expect(TokenizerJSON.warnings(for: other).isEmpty)
    for place in family.marks.keys {
      var marks = family.marks
      marks[place] = "x"
      #expect(TokenizerJSON.warnings(for: vocabulary(family.count, marks)).isEmpty)
    }
    if index == 3 { #expect(throws: TokenizerError.self) { try TokenizerJSON.fromGGUF(other) } }
  }

  // MARK: tokens around a text

  @Test(
    arguments: [
      ("llama-bpe", nil, nil, [1], []), ("smaug-bpe", nil, nil, [], []), ("dbrx", nil, nil, [], []),
      ("qwen2", nil, nil, [], []), ("gpt-2", true, nil, [1], []), ("llama-bpe", false, nil, [], []),
      ("qwen2", nil, true, [], [2]), ("llama-bpe", nil, true, [1], [2]),
      ("smollm", false, false, [], []),
    ] as [(String, Bool?, Bool?, [Int32], [Int32])])
  func tokensAroundAText(
    pre: String, addBOS: Bool?, addEOS: Bool?, before: [Int32], after: [Int32]
  ) throws {
    let metadata = GGUFTokenizerMetadata(
      model: "gpt2", pre: pre, tokens: ["a", "<b>", "<e>"], tokenTypes: [1, 3, 3], merges: [],
      bosTokenID: 1, eosTokenID: 2, addBOS: addBOS, addEOS: addEOS)
    let tokenizer = try Tokenizer(json: TokenizerJSON.fromGGUF(metadata))
    #expect(tokenizer.startTokens == before)
    #expect(tokenizer.endTokens == after)
    #expect(tokenizer.encode("a", addSpecialTokens: true) == before + [0] + after)
  }

  /// SentencePiece begins a text with <s> where the file does not name the token.
  @Test func sentencePieceBeginsWithItsOwnToken() throws {
    var metadata = Self.llama
    metadata.bosTokenID = nil
    #expect(try Tokenizer(json: TokenizerJSON.fromGGUF(metadata)).startTokens == [1])
    metadata.tokens[1] = "<other>"
    #expect(try Tokenizer(json: TokenizerJSON.fromGGUF(metadata)).startTokens == [])
  }
}
