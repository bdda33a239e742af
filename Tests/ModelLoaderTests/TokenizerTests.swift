import Foundation
import ModelLoader
import Testing

/// Hand-worked examples and promises about odd input.
@Suite struct TokenizerTests {
  /// A byte-level tokenizer whose tokens are a, b, c, Ġ, ab, abc, bc and <x>.
  private static let small = """
    {"added_tokens": [{"id": 7, "content": "<x>", "special": true, "normalized": false}],
     "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
     "decoder": {"type": "ByteLevel"},
     "model": {"type": "BPE",
       "vocab": {"a": 0, "b": 1, "c": 2, "Ġ": 3, "bc": 4, "ab": 5, "abc": 6},
       "merges": ["b c", "a b", "ab c"]}}
    """

  private func small() throws -> Tokenizer { try Tokenizer(json: Data(Self.small.utf8)) }

  @Test func mergesInOrderOfRank() throws {
    let tokenizer = try small()
    #expect(tokenizer.encode("abc") == [0, 4])
    #expect(tokenizer.encode("ababc") == [5, 0, 4])
    #expect(tokenizer.encode("aab c") == [0, 5, 3, 2])
    #expect(tokenizer.encode("a<x>b") == [0, 7, 1])
    #expect(tokenizer.vocabularySize == 8)
    #expect(tokenizer.id(of: "<x>") == 7)
    #expect(tokenizer.id(of: "Ġ") == 3)
    #expect(tokenizer.id(of: "abcd") == nil)
  }

  @Test func emptyTextHasNoIDs() throws {
    for name in ["gpt2", "llama3", "qwen2", "llama2"] {
      #expect(try TokenizerFixture.tokenizer(name).encode("").isEmpty)
      #expect(try TokenizerFixture.tokenizer(name).decode([]).isEmpty)
    }
  }

  /// As in the reference, before merging: what they stood between becomes neighbours.
  @Test func unknownBytesAreDropped() throws {
    #expect(try small().encode("xaéb") == [5])
    #expect(try small().encode("xé").isEmpty)
  }

  @Test func idsWithoutTokenAreLeftOut() throws {
    let tokenizer = try small()
    #expect(tokenizer.decode([0, -1, 3, 8, .max, .min, 4]) == "a bc")
    #expect(tokenizer.decode([0, 7, 1]) == "a<x>b")
    #expect(tokenizer.decode([0, 7, 1], skipSpecialTokens: true) == "ab")
  }

  @Test func halfACharacterReadsAsReplacement() throws {
    let tokenizer = try TokenizerFixture.tokenizer("llama3")
    let ids = tokenizer.encode("\u{1F980}")
    try #require(ids.count > 1)
    #expect(tokenizer.decode(ids) == "\u{1F980}")
    #expect(tokenizer.decode([ids[0]]) == "\u{FFFD}")
  }

  /// Decoding gives back the text wherever the tokenizer does not normalise.
  @Test func decodingUndoesEncoding() throws {
    let tokenizer = try TokenizerFixture.tokenizer("llama3")
    for text in try TokenizerFixture.texts() {
      #expect(Array(tokenizer.decode(tokenizer.encode(text)).utf8) == Array(text.utf8))
    }
  }

  /// A quadratic merge would take minutes.
  @Test(.timeLimit(.minutes(1)), arguments: ["gpt2", "llama2", "qwen2"])
  func longRuns(name: String) throws {
    let tokenizer = try TokenizerFixture.tokenizer(name)
    for run in ["a", "the", "\u{301}", " ", "\u{AC00}\u{11C2}"] {
      let text = String(repeating: run, count: 100_000)
      #expect(tokenizer.encode(text).count > 0)
    }
  }
}
