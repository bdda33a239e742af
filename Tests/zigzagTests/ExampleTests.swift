import Foundation
import TestSupport
import Testing

/// The examples do what the reference says of them, with what is public alone.
@Suite struct ExampleTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appending(path: "../..").standardizedFileURL

  private let scratch: TemporaryFolder

  init() throws { scratch = try TemporaryFolder() }

  private func run(_ example: String, _ arguments: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: ToolRunner.binary)
      .deletingLastPathComponent().appending(path: example)
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(example)")
    return String(decoding: output, as: UTF8.self)
  }

  @Test func gatesAreLearnedRankedAndExported() throws {
    let table = scratch.path("gates.tsv")
    let model = Self.root.appending(path: "data/passkey.h5").path
    #expect(try run("learn-gates", model, table).contains("step 20: distillation 0.0"))
    let ranks = try run("rank-table", table, "0.5")
    #expect(ranks.contains("single heads: 12 of 24 retrieve"))
    #expect(ranks.split(separator: "\n").count == 4)
    let files = try run("export-map", table, "vllm", scratch.path("out"))
    #expect(files.contains("hf_overrides.json"))
    #expect(scratch.holds("out/hf_overrides.json"))
  }

  @Test func answersAreScored() throws {
    let file = try scratch.write(
      #"{"text": "the red car", "answers": ["red"]}"# + "\n"
        + #"{"text": "cat", "answers": ["cat"], "classes": ["cat", "dog"]}"# + "\n", to: "p.jsonl")
    let rows = try run("score-answers", file).split(separator: "\n").map {
      $0.split(separator: "\t")
    }
    let f1 = try #require(rows[0].firstIndex(of: "f1"))
    #expect(rows.count == 3 && Double(rows[1][f1]) == 2.0 / 3)
    let named = try #require(rows[0].firstIndex(of: "classification"))
    #expect(rows[1][named] == "0.0" && rows[2][named] == "1.0")
  }

  /// The reference shows the code that is compiled, of about twenty lines.
  @Test(arguments: [
    ("GateOptimizer", "LearnGates"), ("GateOptimizer", "RankTable"),
    ("GateOptimizer", "ScoreAnswers"), ("MapReporter", "ExportMap"),
  ])
  func theReferenceShowsTheExample(page: String, example: String) throws {
    let code = try String(
      contentsOf: Self.root.appending(path: "Examples/\(example)/main.swift"), encoding: .utf8)
    let text = try String(
      contentsOf: Self.root.appending(path: "docs/Reference.docc/\(page).md"), encoding: .utf8)
    #expect(text.contains("```swift\n\(code)```"))
    #expect(code.split(separator: "\n").count <= 30)
  }
}
