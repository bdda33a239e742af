import Foundation
import TestSupport
import Testing

/// `zigzag generate` on the model in data/.
@Suite struct GenerateVerbTests {
  private let scratch: TemporaryFolder

  init() throws { scratch = try TemporaryFolder() }

  private func generate(_ arguments: String...) throws -> ToolOutcome {
    try ToolRunner.run(["generate", EmbeddedModel.path] + arguments)
  }

  private struct Result: Decodable {
    struct Text: Decodable {
      let text: String
      let tokens: [Int32]
      let ended: String
      let cache_bytes: Int
    }
    let map: Text
    let full: Text?
    let prompt_tokens: Int
    let first_difference: Int?
  }

  private func json(_ arguments: String...) throws -> Result {
    let outcome = try ToolRunner.run(
      ["generate", EmbeddedModel.path, "--json", "--quiet"] + arguments)
    #expect(outcome.code == 0, "\(outcome.errors)")
    return try JSONDecoder().decode(Result.self, from: Data(outcome.output.utf8))
  }

  /// A text with a passkey far back, and the question for it.
  private func prompt() throws -> String {
    let filler = String(
      repeating: "The harbour was quiet, and the boats were still at sea. ", count: 12)
    return try scratch.write(
      "Below is a long report. Read all of it with care.\n"
        + "The net maker waited. Note for later: the first secret phrase of the safe reads: apple bridge "
        + "candle desert engine forest garden hammer. \(filler)\n\nThis is where the report ends.\n\n"
        + "What does the first secret phrase of the safe read?\nSecret phrase:", to: "prompt.txt")
  }

  @Test func theTextIsStreamedAndTheSameEachTime() throws {
    let path = try prompt()
    let outcome = try generate("--prompt-file", path, "--max-tokens", "60", "--stop", "\n")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.hasPrefix(" apple bridge candle desert"), "\(outcome.output)")
    #expect(outcome.output.hasSuffix("\n") && outcome.output.count { $0 == "\n" } == 1)
    #expect(outcome.errors.contains("ended by: stop text"))
    let text = try json("--prompt-file", path, "--max-tokens", "60", "--stop", "\n")
    #expect(text.map.text + "\n" == outcome.output && text.full == nil)
  }

  @Test func aMapStandsBesideFullAttention() throws {
    let path = try prompt()
    let arguments = ["--prompt-file", path, "--max-tokens", "24", "--streaming", "4,32"]
    func compared(_ more: String...) throws -> Result {
      let outcome = try ToolRunner.run(
        ["generate", EmbeddedModel.path, "--json", "--compare", "--quiet"] + arguments + more)
      #expect(outcome.code == 0, "\(outcome.errors)")
      return try JSONDecoder().decode(Result.self, from: Data(outcome.output.utf8))
    }
    for phase in ["everywhere", "decode"] {
      let found = try compared("--phase", phase)
      let full = try #require(found.full)
      #expect(full.text.hasPrefix(" apple bridge candle"))
      #expect(found.map.cache_bytes < full.cache_bytes / 4)
      let place = try #require(found.first_difference)
      #expect(found.map.tokens[..<place] == full.tokens[..<place])
      #expect(found.map.tokens[place] != full.tokens[place])
      // Where only decoding streams, the prompt's last token has seen it all.
      #expect(phase == "everywhere" || place > 0)
    }
    let words = try ToolRunner.run(
      ["generate", EmbeddedModel.path, "--compare"] + arguments)
    #expect(words.output.hasPrefix("Full attention "))
    #expect(words.output.contains("They part at token "))
    #expect(words.output.contains("tokens a second, cache of"))
  }

  @Test func aSeedDrawsTheSameTokens() throws {
    let arguments = ["--prompt", "The captain", "--max-tokens", "20", "--temperature", "1.5"]
    func drawn(_ more: String...) throws -> [Int32] {
      let outcome = try ToolRunner.run(
        ["generate", EmbeddedModel.path, "--json", "--quiet"] + arguments + more)
      return try JSONDecoder().decode(Result.self, from: Data(outcome.output.utf8)).map.tokens
    }
    let one = try drawn("--seed", "1")
    #expect(try drawn("--seed", "1") == one)
    #expect(try drawn("--seed", "2") != one)
    // The likeliest token alone is greedy.
    let greedy = try json("--prompt", "The captain", "--max-tokens", "20").map.tokens
    #expect(try drawn("--top-p", "0.0001") == greedy)
  }

  @Test func whatItRefuses() throws {
    for (arguments, code, words) in [
      (
        ["--prompt", "a", "--chat", "chatml"], 64,
        "whose <|im_start|> the model's tokenizer does not have"
      ),
      (["--prompt", ""], 65, "--prompt: the prompt is empty"),
      (["--prompt-file", "nothing.txt"], 66, "nothing.txt"),
      (["--prompt", "a", "--max-tokens", "100000"], 64, "set --max-tokens to"),
      (["--prompt", "a", "--phase", "decode"], 64, "name a map or --streaming"),
      (["--prompt", "a", "--compare"], 64, "--compare goes with"),
      (["--prompt", "a", "--seed", "3"], 64, "--seed goes with --temperature"),
      (["--prompt", "a", "--temperature", "0"], 64, "--temperature must be 0.01 to 100"),
      (["--prompt", "a", "--temperature", "-1"], 64, "--temperature must be 0.01 to 100"),
      (["--prompt", "a", "--top-p", "0.5"], 64, "--top-p goes with --temperature"),
      (["--prompt", "a", "--prompt-file", "b"], 64, "either --prompt-file or --prompt"),
      ([], 64, "either --prompt-file or --prompt"),
    ] as [([String], Int32, String)] {
      let outcome = try ToolRunner.run(["generate", EmbeddedModel.path] + arguments)
      #expect(outcome.code == code, "\(arguments): \(outcome.errors)")
      #expect(outcome.errors.contains(words), "\(arguments): \(outcome.errors)")
      #expect(outcome.output.isEmpty)
    }
  }
}
