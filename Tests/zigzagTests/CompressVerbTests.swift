import Foundation
import TestSupport
import Testing

/// `zigzag compress` on the model in data/.
@Suite struct CompressVerbTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    let filler = String(
      repeating: "The harbour was quiet, and the boats were still at sea. ", count: 12)
    try scratch.write(
      "Below is a long report.\nNote for later: the first secret phrase of the safe reads: apple bridge "
        + "candle desert. \(filler)", to: "prompt.txt")
  }

  private func compress(_ arguments: String...) throws -> ToolOutcome {
    try ToolRunner.run(["compress", EmbeddedModel.path] + arguments, in: scratch.path)
  }

  private struct Result: Decodable {
    let text: String
    let ids: [Int32]
    let kept: [Int]
    let tokens: Int
    let share: Double
    let layer: Int
    let heads: [String]
    let seconds: Double
  }

  private let question = "What does the first secret phrase of the safe read?"

  @Test func aPromptWithItsQuestion() throws {
    let arguments = [
      "prompt.txt", "--heads", "4-0,4-3", "--tokens", "60", "--question", question, "--pool", "8",
    ]
    let outcome = try ToolRunner.run(
      ["compress", EmbeddedModel.path, "--json", "-q"] + arguments, in: scratch.path)
    #expect(outcome.code == 0, "\(outcome.errors)")
    let found = try JSONDecoder().decode(Result.self, from: Data(outcome.output.utf8))
    #expect(found.kept.count == 60 && found.ids.count == 60)
    #expect(found.kept == Set(found.kept).sorted() && found.kept.last == found.tokens - 1)
    #expect(found.kept.suffix(16).first == found.tokens - 16)
    #expect(found.share == 60.0 / Double(found.tokens))
    #expect(found.layer == 4 && found.heads == ["4-0", "4-3"] && found.seconds > 0)
    #expect(found.text.hasSuffix("\n\n\(question)"))
    let words = try ToolRunner.run(
      ["compress", EmbeddedModel.path] + arguments, in: scratch.path)
    #expect(words.output == found.text + "\n")
    #expect(words.errors.contains("kept 60 of \(found.tokens) tokens ("))
    #expect(words.errors.contains("2 heads of layer 4, computed up to it in"))
  }

  @Test func theBestLayerOfAFile() throws {
    let heads = (0..<8).flatMap { layer in
      (0..<6).map { "\"\(layer)-\($0)\": [\(layer == 5 ? 0.2 + 0.1 * Double($0) : 0.1)]" }
    }
    try scratch.write("{\(heads.joined(separator: ", "))}", to: "scores.json")
    let outcome = try compress(
      "prompt.txt", "--heads", "scores.json", "--top", "3", "--tokens", "100", "--json", "-q")
    #expect(outcome.code == 0, "\(outcome.errors)")
    let found = try JSONDecoder().decode(Result.self, from: Data(outcome.output.utf8))
    #expect(found.layer == 5 && found.heads == ["5-5", "5-4", "5-3"])
  }

  private struct Measured: Decodable {
    struct Point: Decodable {
      let method: String
      let share: Double
      let tokens: Double
      let accuracy: Double
      let low: Double?
    }
    let samples: Int
    let points: [Point]
  }

  @Test func whatCompressionCosts() throws {
    let arguments = [
      "--heads", "4-0,4-1", "--synthetic", "2", "--context", "400", "--shares", "0.6,0.3",
    ]
    let outcome = try ToolRunner.run(
      ["compress", EmbeddedModel.path, "-q", "--json"] + arguments, in: scratch.path)
    #expect(outcome.code == 0, "\(outcome.errors)")
    let found = try JSONDecoder().decode(Measured.self, from: Data(outcome.output.utf8))
    #expect(
      found.points.map(\.method)
        == ["full", "heads", "random", "recent", "heads", "random", "recent"])
    #expect(found.points.map(\.share) == [1, 0.6, 0.6, 0.6, 0.3, 0.3, 0.3])
    #expect(found.points[0].accuracy > 0.5 && found.points.allSatisfy { $0.low != nil })
    for point in found.points {
      #expect(abs(point.tokens - point.share * found.points[0].tokens) <= 1)
    }
    let table = try ToolRunner.run(
      ["compress", EmbeddedModel.path, "-q"] + arguments, in: scratch.path)
    let lines = table.output.split(separator: "\n")
    #expect(lines.count == 9 && lines[0] == "2 samples, 95 % intervals; heads 4-0, 4-1")
    #expect(lines[2].hasPrefix("all tokens"))
  }

  @Test func whatItRefuses() throws {
    try scratch.write("", to: "empty.txt")
    try scratch.write(#"[["4-0", 0.5]]"#, to: "one.json")
    try scratch.write("A gull sat.", to: "short.txt")
    try scratch.write(String(repeating: "A gull sat on the wall. ", count: 3000), to: "long.txt")
    let heads = ["--heads", "4-0"]
    for (arguments, code, words) in [
      (
        ["short.txt", "--tokens", "1000"] + heads, 64,
        "--tokens: expected fewer tokens than the prompt's"
      ),
      (["prompt.txt", "--tokens", "16"] + heads, 64, "since the last 16 always stay, found 16"),
      (
        ["prompt.txt", "--tokens", "9", "--question", question, "--rows", "2"] + heads, 64,
        "--tokens: expected more than"
      ),
      (
        ["prompt.txt", "--tokens", "64", "--rows", "100000"] + heads, 64,
        "--rows: expected fewer tokens to stay than the prompt's"
      ),
      (
        ["prompt.txt", "--tokens", "20", "--heads", "one.json", "--top", "2"], 64,
        "--top: expected at most the 1 heads that can be taken of the file, found 2"
      ),
      (["empty.txt", "--tokens", "20"] + heads, 65, "empty.txt: the prompt is empty"),
      (["none.txt", "--tokens", "20"] + heads, 66, "none.txt"),
      (["long.txt", "--tokens", "20"] + heads, 64, "the model was made for at most"),
      (
        ["prompt.txt", "--tokens", "20", "--heads", "4-0,3-0"], 64,
        "--heads: expected heads of one layer"
      ),
      (["prompt.txt", "--tokens", "20", "--heads", "all"], 64, "found heads of the layers 0, 1"),
      (["prompt.txt", "--tokens", "20", "--heads", "4-9"], 64, "found the head 4-9"),
      (["--synthetic", "1", "--context", "99999"] + heads, 64, "--context is 99999"),
      (["--synthetic", "1", "--context", "20"] + heads, 64, "too short"),
      (
        ["--synthetic", "1", "--context", "400", "--shares", "1"] + heads, 64,
        "--shares is 1; it must be"
      ),
      (
        ["--synthetic", "1", "--context", "400", "--shares", "0.5,0.5"] + heads, 64,
        "each once"
      ),
      (
        ["--synthetic", "1", "--context", "400", "--shares", "-0.5"] + heads, 64,
        "--shares is -0.5; it must be"
      ),
      (
        ["--synthetic", "1", "--context", "400", "--shares", "0.5,x"] + heads, 64,
        "--shares is 0.5,x"
      ),
      (
        ["--synthetic", "1", "--context", "400", "--shares", "0.01"] + heads, 64,
        "--shares 0.01: expected more than"
      ),
    ] as [([String], Int32, String)] {
      let outcome = try ToolRunner.run(
        ["compress", EmbeddedModel.path, "-q"] + arguments, in: scratch.path)
      expectRefusal(outcome, code: code, saying: words)
    }
    for (arguments, words) in [
      (heads, "name a file with the prompt"), (["prompt.txt"] + heads, "give --tokens"),
      (["prompt.txt", "--synthetic", "2"] + heads, "name a file with the prompt"),
      (["--synthetic", "2", "--tokens", "20"] + heads, "--synthetic takes --shares"),
      (["prompt.txt", "--tokens", "20", "--question", " "] + heads, "but is blank"),
      (["--synthetic", "2", "--question", "a"] + heads, "--question is for a prompt"),
      (["prompt.txt", "--tokens", "20", "--shares", "0.5"] + heads, "--shares goes with"),
      (["prompt.txt", "--tokens", "20", "--rows", "0"] + heads, "--rows must be"),
      (["prompt.txt", "--tokens", "20", "--context", "9"] + heads, "--context goes with"),
    ] as [([String], String)] {
      let outcome = try ToolRunner.run(
        ["compress", EmbeddedModel.path] + arguments, in: scratch.path)
      #expect(outcome.code == 64 && outcome.output.isEmpty, "\(arguments)")
      #expect(outcome.errors.contains(words), "\(arguments): \(outcome.errors)")
    }
  }
}
