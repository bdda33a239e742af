import Foundation
import ModelLoader
import Testing

/// Files that are not what they should be: one sentence, no trap.
@Suite struct TokenizerErrorTests {
  private static let valid = """
    {"added_tokens": [{"id": 3, "content": "<x>", "special": true}], "normalizer": null,
     "pre_tokenizer": {"type": "ByteLevel"}, "post_processor": null, "decoder": null,
     "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}
    """

  private func expectError(
    _ json: String, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) {
    expectError(Data(json.utf8), words, sourceLocation)
  }

  private func expectError(_ json: Data, _ words: [String], _ location: SourceLocation) {
    do throws(TokenizerError) {
      _ = try Tokenizer(json: json)
      Issue.record("no error, expected one with \(words)", sourceLocation: location)
    } catch {
      #expect(error.category == .badData)
      let sentence = error.description
      for word in words { #expect(sentence.contains(word), sourceLocation: location) }
      #expect(sentence.hasSuffix(".") && !sentence.contains("\n"), sourceLocation: location)
    }
  }

  /// The valid file with one text replaced by another.
  private func changed(_ old: String, _ new: String) -> String {
    #expect(Self.valid.contains(old))
    return Self.valid.replacingOccurrences(of: old, with: new)
  }

  @Test func validFileIsRead() throws {
    #expect(try Tokenizer(json: Data(Self.valid.utf8)).encode("ab") == [2])
  }

  @Test func notJSON() {
    expectError("", "ends early")
    expectError("hello", "not valid JSON", "byte 0")
    expectError("{\"a\": 1} x", "text after the end")
    expectError("{\"a\" 1}", "colon")
    expectError("[1, 2", "list's end")
    expectError("{\"a\": \"\\ud800\"}", "surrogate")
    expectError("{\"a\": \"\\ud800\\u0041\"}", "surrogate")
    expectError("{\"a\": \"\\u12g4\"}", "hexadecimal")
    expectError("{\"a\": \"\\q\"}", "escape")
    expectError("{\"a\": \"x", "without an end")
    expectError("{\"a\": \"x\ny\"}", "control character")
    expectError("{\"a\": +1}", "value was expected")
    expectError("{\"a\": 1e999}", "value was expected")
    expectError(String(repeating: "[", count: 100_000), "nested too deeply")
    expectError(Data([0x22, 0xFF, 0x22]), ["UTF-8"], #_sourceLocation)
    expectError(Data([0x89, 0x48, 0x44, 0x46]), ["not valid JSON"], #_sourceLocation)
  }

  /// Every beginning of the file is refused.
  @Test func truncated() {
    for count in 0..<Self.valid.utf8.count {
      #expect(throws: TokenizerError.self) {
        try Tokenizer(json: Data(Self.valid.utf8.prefix(count)))
      }
    }
  }

  @Test func wrongShape() {
    expectError("[]", "file", "an object")
    expectError("{}", "model", "missing")
    expectError("{\"model\": []}", "model", "a list of 0")
    expectError(changed("\"vocab\"", "\"vokab\""), "model.vocab", "missing")
    expectError(changed("\"merges\"", "\"merge\""), "model.merges", "missing")
    expectError(changed("[\"a b\"]", "{}"), "model.merges", "list of merges")
    expectError(changed("\"a b\"", "\"ab\""), "model.merges[0]", "two tokens")
    expectError(changed("\"a b\"", "[\"a\", \"b\", \"c\"]"), "model.merges[0]", "two tokens")
    expectError(changed("\"a b\"", "[1, 2]"), "model.merges[0][0]", "a text")
    expectError(changed("{\"a\": 0, \"b\": 1, \"ab\": 2}", "{}"), "model.vocab", "empty")
    expectError(changed("{\"type\": \"ByteLevel\"}", "7"), "pre_tokenizer", "the number 7")
    expectError(changed("{\"type\": \"ByteLevel\"}", "{}"), "pre_tokenizer.type", "missing")
    expectError(changed("\"content\": \"<x>\", ", ""), "added_tokens[0].content", "missing")
    expectError(changed("\"special\": true", "\"special\": 1"), "added_tokens[0].special")
  }

  @Test func ids() {
    for id in ["-1", "0.5", "1e3", "4194304", "99999999999999999999", "\"0\"", "null"] {
      expectError(changed("\"ab\": 2", "\"ab\": \(id)"), "model.vocab[\"ab\"]", "token id")
    }
    expectError(changed("\"ab\": 2", "\"ab\": 1"), "its id 1 is also that of \"b\"")
    expectError(changed("\"ab\": 2", "\"a\": 2"), "line 3", "\"a\" is there twice")
    expectError(changed("\"id\": 3", "\"id\": 4194304"), "added_tokens[0].id")
    expectError(changed("\"id\": 3", "\"id\": 1"), "id 1", "is that of \"b\"")
    expectError(changed("<x>", "ab"), "has id 3 here and 2 in model.vocab")
    expectError(
      changed("\"special\": true}", "\"special\": true}, {\"id\": 4, \"content\": \"<x>\"}"),
      "added_tokens[1]", "twice")
  }

  @Test func mergesOfUnknownTokens() {
    expectError(changed("a b", "a c"), "model.merges[0]", "\"c\" is not in model.vocab")
    expectError(changed("a b", "b a"), "\"ba\" is not in model.vocab")
    expectError(
      changed("\"type\": \"BPE\"", "\"type\": \"BPE\", \"unk_token\": \"<u>\""), "model.unk_token",
      "\"<u>\" is not in model.vocab")
  }

  @Test func whatIsNotSupported() {
    expectError(changed("\"BPE\"", "\"Unigram\""), "model.type", "Unigram", "BPE")
    expectError(changed("\"BPE\"", "\"BPE\", \"dropout\": 0.1"), "model.dropout", "0.1")
    expectError(
      changed("\"BPE\"", "\"BPE\", \"end_of_word_suffix\": \"</w>\""), "end_of_word_suffix")
    expectError(changed("\"ByteLevel\"", "\"Whitespace\""), "pre_tokenizer.type", "Whitespace")
    expectError(
      changed(
        "{\"type\": \"ByteLevel\"}",
        "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"a+\"}, \"behavior\": \"Isolated\"}"),
      "pre_tokenizer.pattern.Regex", "\"a+\"", "Llama 3")
    expectError(
      changed("\"normalizer\": null", "\"normalizer\": {\"type\": \"Lowercase\"}"), "normalizer",
      "Lowercase", "NFC")
    expectError(
      changed("\"decoder\": null", "\"decoder\": {\"type\": \"WordPiece\"}"), "decoder", "WordPiece"
    )
    expectError(
      changed("\"post_processor\": null", "\"post_processor\": {\"type\": \"BertProcessing\"}"),
      "post_processor", "BertProcessing")
  }
}
