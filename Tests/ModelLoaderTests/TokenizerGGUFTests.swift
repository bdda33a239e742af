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
    metadata.pre = nil
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
    #expect(tokenizer.bosToken == 1)
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
      ($0.model, $0.merges) = ("gpt2", ["a b", "a b c"])
    }
  }
}
