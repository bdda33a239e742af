import Foundation
import TestSupport
import Testing

/// Whatever is refused is refused in one readable line, however long or odd it is.
@Suite struct SentenceTests {
  private let scratch: TemporaryFolder
  private static let long = String(repeating: "x", count: 100_000)

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(to: scratch.path("tiny.h5"))
    try scratch.write(TinyRun.configuration(steps: 2, checkpointEvery: 1), to: "run.yaml")
    try scratch.write("1\t0.5\n0.25\t0\n", to: "gates.tsv")
  }

  /// One line of at most 1,200 bytes, with one mark at its end.
  private func expectSentence(
    _ outcome: ToolOutcome, code: Int32, _ words: String = "zigzag: ",
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    expectRefusal(outcome, code: code, saying: words, sourceLocation: sourceLocation)
    #expect(outcome.errors.utf8.count <= 1200, "\(outcome.errors)", sourceLocation: sourceLocation)
    let isClean = outcome.errors.dropLast().unicodeScalars.allSatisfy {
      $0.properties.generalCategory != .control
    }
    #expect(isClean, sourceLocation: sourceLocation)
  }

  @Test(arguments: [
    "name: \(long)\nmodel: tiny.h5\n", "name: a\nmodel: [\(long)]\n",
    "name: a\nmodel: tiny.h5\nseed: \(long)\n", "name: a\nmodel: tiny.h5\n\(long): 1\n",
    "name: a\nmodel: tiny.h5\nwindow: \(long)\n",
    "name: a\nmodel: tiny.h5\nwindow: {sink: \(long)}\n",
    "name: a\nmodel: tiny.h5\nsearch: {loss: \(long), units: [\(long)]}\n",
    "name: a\nmodel: tiny.h5\nranking: {criteria: [\(long)]}\n",
    "name: a\nmodel: tiny.h5\ncompute: {memory_budget: \(long)}\n",
    "name: a\nmodel: tiny.h5\ntask: {needle: \(long)}\n",
    "name: a\nmodel: tiny.h5\ntask: {alphabet: [a, 'b \(long)']}\n",
    "name: a\nmodel: tiny.h5\nevaluation: {tasks: [{name: \(long)}]}\n",
    "name: a\nmodel: tiny.h5\nevaluation: {tasks: [{name: a, grid: {lengths: [\(long)]}}]}\n",
    "name: a\nmodel: tiny.h5\nevaluation: {maps: [{name: \(long), file: x}]}\n",
    "name: a\nmodel: tiny.h5\nhaystack: {calibration: {generator: \(long)}}\n",
    "name: a\nmodel: tiny.h5\n\(long)\n", "name: a\nmodel: tiny.h5\n&\(long) a: *\(long)\n",
    "\(long): 1\n\(long): 2\n",
  ])
  func longValues(yaml: String) throws {
    try scratch.write(yaml, to: "long.yaml")
    let outcome = try scratch.zigzag("run", "long.yaml")
    #expect([64, 65].contains(outcome.code))
    expectSentence(outcome, code: outcome.code, "long.yaml")
  }

  @Test(arguments: [
    ["run", "run.yaml", "--set", "seed=\(long)"], ["run", "run.yaml", "--set", long],
    ["run", "run.yaml", "--set", "\(long)=1"], ["run", "run.yaml", "--set", "window.sinkk=1"],
    ["run", "run.yaml", "--set", "nam=1"], ["run", "run.yaml", "--set", "seed=\u{7}"],
    ["run", "run.yaml", "--set", "a\u{1B}[31m\nb=\u{7}"], ["run", long], ["run", "--from", long],
    ["run", "run.yaml", "--set", "model=\(long)"], ["run", "run.yaml", "--runs", long],
    ["rank", "gates.tsv", "-s", "0.5", "-c", long], ["rank", long, "-s", "0.5"],
    ["rank", "gates.tsv", "-s", "0.5", "--model", long],
    ["export", "gates.tsv", "-s", "0.5", "-c", long], ["export", long],
    ["export", "gates.tsv", "-s", "0.5", "--sink", "1", "--recent", "1", "--out", long],
    ["inspect", long], ["report", long], ["report", "--compare", long, long],
    ["samples", "run.yaml", "--task", long], ["import", long, "out.h5"],
    ["import", ToolFixture.tinyLlama, long], ["bench", "tiny.h5", "--lengths", long],
    ["bench", "tiny.h5", "--memory-budget", long], ["bench", "tiny.h5", "--measure", long],
    ["forward", "tiny.h5", "--tokens", long, "--out", "h.npy"], ["sweep", long],
    ["inspect", "a\u{7}\u{1B}[31m\nb"], ["inspect", "."], ["run", "."],
    ["sweep", "tiny.h5"], ["run", "tiny.h5"], ["report", "tiny.h5"], ["export", "tiny.h5"],
  ])
  func longArguments(arguments: [String]) throws {
    let outcome = try ToolRunner.run(arguments, in: scratch.path)
    #expect([64, 65, 66, 73].contains(outcome.code), "\(outcome.code)")
    expectSentence(outcome, code: outcome.code)
  }

  /// The parser's own refusals come with its usage lines, none of them endless.
  @Test(arguments: [
    ["run", "run.yaml", "--\(long)"], ["samples", "run.yaml", "--count", long], [long],
    ["export", "gates.tsv", "-f", long], ["rank", "gates.tsv", "-s", "0.5", "-s", "\u{1B}[31m"],
    ["samples", "run.yaml", "--count", "0"],
  ])
  func refusalsOfTheParser(arguments: [String]) throws {
    let outcome = try ToolRunner.run(arguments, in: scratch.path)
    #expect(outcome.code == 64 && outcome.output.isEmpty)
    #expect(outcome.errors.hasPrefix("Error: "), "\(outcome.errors.prefix(300))")
    #expect(outcome.errors.utf8.count < 5000 && !outcome.errors.contains("\u{1B}"))
  }

  @Test func advice() throws {
    expectSentence(
      try scratch.zigzag("run", "run.yaml", "--set", "window.sinkk=1"), code: 64,
      "did you mean sink?\n")
    try scratch.write("nam: s\nbase: run.yaml\n", to: "sweep.yaml")
    expectSentence(try scratch.zigzag("sweep", "sweep.yaml"), code: 64, "did you mean name?\n")
  }
}
