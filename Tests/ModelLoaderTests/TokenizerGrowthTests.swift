import Foundation
import ModelLoader
import Testing

/// Tokenizers that make much of a short text are refused before they make it.
@Suite struct TokenizerGrowthTests {
  /// A tokenizer with some of its parts.
  private func tokenizer(
    normalizer: String = "null", preTokenizer: String = "null", decoder: String = "null",
    postProcessor: String = "null", unknown: String = "?"
  ) throws -> Tokenizer {
    try Tokenizer(
      json: Data(
        """
        {"added_tokens": [], "normalizer": \(normalizer), "pre_tokenizer": \(preTokenizer),
         "post_processor": \(postProcessor), "decoder": \(decoder),
         "model": {"type": "BPE", "unk_token": "\(unknown)", "merges": [],
           "vocab": {"a": 0, "▁": 1, " ": 2, "\(unknown)": 3}}}
        """.utf8))
  }

  private func replacements(_ count: Int, from: String = "a", to: String) -> [String] {
    (0..<count).map { _ in
      "{\"type\": \"Replace\", \"pattern\": {\"String\": \"\(from)\"}, \"content\": \"\(to)\"}"
    }
  }

  private func sequence(_ key: String, _ parts: [String]) -> String {
    "{\"type\": \"Sequence\", \"\(key)\": [\(parts.joined(separator: ","))]}"
  }

  private func expectRefusal(
    _ words: String..., sourceLocation: SourceLocation = #_sourceLocation,
    of tokenizer: () throws -> Tokenizer
  ) {
    let error = #expect(throws: TokenizerError.self, sourceLocation: sourceLocation) {
      try tokenizer()
    }
    for word in words {
      #expect(
        error?.description.contains(word) == true, "\(error?.description ?? "")",
        sourceLocation: sourceLocation)
    }
  }

  /// Twice as long, sixty times over.
  @Test(.timeLimit(.minutes(1))) func replacementsThatMultiply() {
    expectRefusal("decoder", "1.15", "at most 64 times") {
      try tokenizer(decoder: sequence("decoders", replacements(60, to: "aa")))
    }
    expectRefusal("normalizer", "at most 64 times") {
      try tokenizer(normalizer: sequence("normalizers", replacements(60, to: "aa")))
    }
    expectRefusal("decoder", "at most 64 times") {
      try tokenizer(decoder: replacements(1, to: String(repeating: "b", count: 65))[0])
    }
  }

  /// A text before each text, which replacements make longer.
  @Test func prefixesThatMultiply() {
    expectRefusal("normalizer", "at most 64 times") {
      try tokenizer(
        normalizer: "{\"type\": \"Prepend\", \"prepend\": \"\(String(repeating: "a", count: 64))\"}"
      )
    }
    let prepend = "{\"type\": \"Prepend\", \"prepend\": \"aaaa\"}"
    expectRefusal("normalizer", "at most 64 times") {
      try tokenizer(normalizer: sequence("normalizers", [prepend] + replacements(4, to: "aa")))
    }
    // Each mark cuts the pieces that the next one is put before.
    let marks = ["x", "y"].map {
      "{\"type\": \"Metaspace\", \"replacement\": \"\($0)\", \"prepend_scheme\": \"always\"}"
    }
    expectRefusal("pre_tokenizer", "at most 64 times") {
      try tokenizer(
        preTokenizer: sequence("pretokenizers", (0..<20).map { marks[$0 % 2] }))
    }
    expectRefusal("pre_tokenizer.replacement", "one character") {
      try tokenizer(preTokenizer: "{\"type\": \"Metaspace\", \"replacement\": \"xy\"}")
    }
  }

  @Test(.timeLimit(.minutes(1))) func templatesOfManyTokens() {
    func template(_ items: [String], ids: String = "[0]") -> String {
      """
      {"type": "TemplateProcessing", "single": [\(items.joined(separator: ","))],
       "special_tokens": {"a": {"id": "a", "ids": \(ids), "tokens": ["a"]}}}
      """
    }
    let (token, text) = ("{\"SpecialToken\": {\"id\": \"a\"}}", "{\"Sequence\": {\"id\": \"A\"}}")
    expectRefusal("post_processor.single", "at most 64 tokens") {
      try tokenizer(postProcessor: template(Array(repeating: token, count: 20_000) + [text]))
    }
    let ids = "[" + Array(repeating: "0", count: 20_000).joined(separator: ",") + "]"
    expectRefusal("post_processor.single[0]", "at most 64 tokens") {
      try tokenizer(postProcessor: template([token, text], ids: ids))
    }
    let one = template([token, text, token])
    expectRefusal("post_processor", "at most 64") {
      try tokenizer(postProcessor: sequence("processors", Array(repeating: one, count: 40)))
    }
  }

  /// Each unknown character becomes the token.
  @Test func anUnknownTokenOfAllTheFile() {
    expectRefusal("model.unk_token", "a token of 2000 bytes") {
      try tokenizer(unknown: String(repeating: "?", count: 2000))
    }
    expectRefusal("model.vocab", "a token of 5000 bytes") {
      try tokenizer(unknown: String(repeating: "?", count: 5000))
    }
  }

  @Test(.timeLimit(.minutes(1))) func chainsOfVeryManyParts() {
    let nothing = replacements(70, from: "q", to: "q")
    expectRefusal("normalizer", "more than 64 parts") {
      try tokenizer(normalizer: sequence("normalizers", nothing))
    }
    expectRefusal("decoder", "more than 64 parts") {
      try tokenizer(decoder: sequence("decoders", nothing))
    }
    expectRefusal("pre_tokenizer", "more than 64 parts") {
      try tokenizer(
        preTokenizer: sequence(
          "pretokenizers", Array(repeating: "{\"type\": \"Digits\"}", count: 70)))
    }
    expectRefusal("post_processor", "more than 64 parts") {
      try tokenizer(
        postProcessor: sequence(
          "processors", Array(repeating: "{\"type\": \"ByteLevel\"}", count: 70)))
    }
  }

  /// A strip of a million characters, of which there are none.
  @Test(.timeLimit(.minutes(1))) func aStripStopsWhereNothingIsLeft() throws {
    let strip = "{\"type\": \"Strip\", \"content\": \"x\", \"start\": 1000000, \"stop\": 1000000}"
    let tokenizer = try tokenizer(decoder: strip)
    #expect(tokenizer.decode(Array(repeating: 0, count: 10_000)).utf8.count == 10_000)
  }

  /// What published tokenizers do stays allowed: SentencePiece's marks make a text three times longer.
  @Test func marksForSpacesAreAllowed() throws {
    let prepend = "{\"type\": \"Prepend\", \"prepend\": \"▁\"}"
    let marks = replacements(1, from: " ", to: "▁")
    let tokenizer = try tokenizer(normalizer: sequence("normalizers", [prepend] + marks))
    #expect(tokenizer.encode("a a") == [1, 0, 1, 0])
  }

  /// The search for what is replaced goes from left to right and over nothing twice.
  @Test(arguments: [
    ("aa", "b", "aaaaa", "bba"), ("aab", "x", "aaab", "ax"), ("abab", "x", "abababab", "xx"),
    ("aba", "x", "ababa", "xba"), ("ab", "", "aabb", "ab"), ("é", "e", "éé", "ee"),
    ("abcabd", "x", "abcabcabd", "abcx"),
  ])
  func replacing(pattern: String, content: String, text: String, expected: String) throws {
    let json = """
      {"normalizer": {"type": "Replace", "pattern": {"String": "\(pattern)"}, "content": "\(content)"},
       "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false},
       "decoder": {"type": "ByteLevel"},
       "model": {"type": "BPE", "merges": [], "vocab": {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4, "x": 5}}}
      """
    let tokenizer = try Tokenizer(json: Data(json.utf8))
    #expect(tokenizer.decode(tokenizer.encode(text)) == expected)
  }
}
