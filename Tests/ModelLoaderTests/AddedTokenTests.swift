import Foundation
import ModelLoader
import Testing

/// The search for added tokens: leftmost first, the longest where several start, whatever their number.
@Suite struct AddedTokenTests {
  /// A tokenizer of the bytes and of `tokens`, whose ids begin at 256.
  private func tokenizer(_ tokens: [String], more: String = "") throws -> Tokenizer {
    let printable = Array(33...126) + Array(161...172) + Array(174...255)
    var vocabulary: [String] = []
    var next: UInt32 = 256
    for byte in 0...255 {
      let value = printable.contains(byte) ? UInt32(byte) : next
      if !printable.contains(byte) { next += 1 }
      let scalar = try #require(Unicode.Scalar(value))
      let text = scalar == "\"" || scalar == "\\" ? "\\\(scalar)" : String(Character(scalar))
      vocabulary.append("\"\(text)\": \(byte)")
    }
    let added = tokens.enumerated().map {
      "{\"id\": \(256 + $0), \"content\": \"\($1)\", \"normalized\": false\(more)}"
    }
    return try Tokenizer(
      json: Data(
        """
        {"added_tokens": [\(added.joined(separator: ","))],
         "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
         "decoder": {"type": "ByteLevel"},
         "model": {"type": "BPE", "vocab": {\(vocabulary.joined(separator: ","))}, "merges": []}}
        """.utf8))
  }

  /// Every token tried at every place, the longest first.
  private func oracle(_ text: String, _ tokens: [String]) -> [Int32] {
    let text = Array(text.utf8)
    let patterns = tokens.enumerated().map { (Array($1.utf8), Int32(256 + $0)) }
      .sorted { $0.0.count > $1.0.count }
    var ids: [Int32] = []
    var index = 0
    while index < text.count {
      if let (pattern, id) = patterns.first(where: { text[index...].starts(with: $0.0) }) {
        ids.append(id)
        index += pattern.count
      } else {
        ids.append(Int32(text[index]))
        index += 1
      }
    }
    return ids
  }

  @Test(arguments: 0..<6)
  func sameAsEveryTokenTried(seed: Int) throws {
    var generator = TestGenerator(seed: UInt64(seed))
    func text(_ count: Int) -> String {
      (0..<count).map { _ in ["a", "b", "<", "é", "中"][generator.below(5)] }.joined()
    }
    var tokens: [String] = []
    while tokens.count < 60 {
      let token = text(1 + generator.below(5))
      if !tokens.contains(token) && !["a", "b", "<", "é"].contains(token) { tokens.append(token) }
    }
    let tokenizer = try tokenizer(tokens)
    for _ in 0..<5 {
      let text = text(200)
      #expect(tokenizer.encode(text) == oracle(text, tokens))
    }
  }

  /// 20,000 tokens with one first byte were read in quadratic time, and a text too.
  @Test(.timeLimit(.minutes(1)))
  func manyTokensWithOneBeginning() throws {
    let tokens = (0..<20_000).map { "<token \($0)>" }
    let start = ContinuousClock.now
    let text = String(repeating: "<token 19999><token <token 7>", count: 200)
    let ids = try tokenizer(tokens).encode(text)
    var expected: [Int32] = [20_255]
    for byte in "<token ".utf8 { expected.append(Int32(byte)) }
    expected.append(263)
    #expect(Array(ids.prefix(9)) == expected)
    #expect(ids.count == 1_800)
    #expect(ContinuousClock.now - start < .seconds(30))
  }

  /// A token that a text begins with at every place, but never to its end.
  @Test(.timeLimit(.minutes(1)))
  func aTokenThatAlmostMatches() throws {
    let tokenizer = try tokenizer([String(repeating: "a", count: 1023) + "b"])
    #expect(tokenizer.encode(String(repeating: "a", count: 3_000)).count == 3_000)
  }

  @Test func aTokenOfAllTheFileIsRefused() throws {
    let error = #expect(throws: TokenizerError.self) {
      try tokenizer([String(repeating: "a", count: 1025)])
    }
    #expect(error?.description.contains("a token of 1025 bytes") == true)
  }
}
