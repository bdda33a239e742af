import Foundation
import GateOptimizer
import TestSupport
import Testing

/// `zigzag report --compare` of files of gates and scores.
@Suite struct ScoreComparisonTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    // Two layers of two key-value heads, which two query heads share.
    try scratch.write("0.9\t0.1\n0.3\t0.2\n", to: "gates.tsv")
    try FileManager.default.createDirectory(
      atPath: scratch.path("other"), withIntermediateDirectories: true)
    try scratch.write("0.1\t0.9\n0.2\t0.3\n", to: "other/gates.tsv")
    try scratch.write(
      #"{"0-0": [0.1], "0-1": [0.8], "0-2": [0.3], "0-3": [0.0], "1-0": [0.5], "1-1": [0.5], "1-2": [0.2], "1-3": [0.05]}"#,
      to: "retrieval.json")
    var record = ScoreRecord(
      method: "qrhead",
      scores: HeadScores(unit: .query, rows: [[0.4, 0, 0.1, 0.2], [0.3, 0, 0, 0.25]]),
      keyValueHeads: 2)
    record.samples = 1
    try scratch.write(try record.json(), to: "heads.json")
  }

  private func compare(_ arguments: String...) throws -> ToolOutcome {
    try ToolRunner.run(["report", "--compare"] + arguments, in: scratch.path)
  }

  @Test func filesOfEveryKindOnOnePage() throws {
    let outcome = try compare("gates.tsv", "retrieval.json", "heads.json", "--out", "page")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output == "page/comparison.html\n")
    // By the largest of two query heads: gates 0.9 0.1 0.3 0.2, retrieval 0.8 0.3 0.5 0.2, heads 0.4 0.2 0.3 0.25.
    let table = try scratch.text(of: "page/agreement.csv").split(separator: "\n")
    #expect(
      table == [
        "first,second,correlation,shared_layers,half_layers,chance",
        "gates,retrieval,0.800000,1,1,0.500000", "gates,heads,1.000000,1,1,0.500000",
        "retrieval,heads,0.800000,1,1,0.500000",
      ])
    let page = try scratch.text(of: "page/comparison.html")
    for words in ["2 layers × 2 key-value heads", "0-0, 1-0, 0-1, 1-1", "0.80", "agreement.csv"] {
      #expect(page.contains(words), "\(words)")
    }
    #expect(scratch.holds("page/figures/scores.svg"))
    // By the mean retrieval heads have 0.45 0.15 0.5 0.125.
    let mean = try compare(
      "gates.tsv", "retrieval.json", "--group", "mean", "--out", "mean.html")
    #expect(mean.code == 0 && mean.output == "mean.html\n", "\(mean.errors)")
    #expect(try scratch.text(of: "mean.html").contains("0.60"))
    // Files of the same name are told apart by their folders.
    let twins = try compare("gates.tsv", "other", "--out", "twins")
    #expect(twins.code == 0, "\(twins.errors)")
    #expect(
      try scratch.text(of: "twins/agreement.csv").contains(
        "gates.tsv,other/gates.tsv,-1.000000,1,1,0.500000\n"))
  }

  @Test func whatCannotBeComparedIsRefused() throws {
    try scratch.write("0.9\t0.1\n0.3\t0.2\n1\t0\n", to: "long.tsv")
    try scratch.write("{\"x\": 1}", to: "none.json")
    for (arguments, code, words) in [
      (["gates.tsv", "long.tsv"], 65, "long.tsv"),
      (["retrieval.json", "retrieval.json"], 64, "--kv-heads"),
      (["gates.tsv", "none.json"], 65, "none.json"),
      (["gates.tsv", "gone.tsv"], 66, "gone.tsv"),
      (["gates.tsv", "retrieval.json", "--criterion", "max"], 64, "--criterion is for runs"),
      (["gates.tsv"], 64, "two or more"),
      (["gates.tsv", "retrieval.json", "--out", "gates.tsv"], 64, "would replace gates.tsv"),
    ] as [([String], Int32, String)] {
      let outcome = try ToolRunner.run(["report", "--compare"] + arguments, in: scratch.path)
      #expect(
        outcome.code == code && outcome.errors.contains(words),
        "\(arguments): \(outcome.code) \(outcome.errors)")
      #expect(!scratch.holds("comparison"))
    }
    let alone = try scratch.zigzag("report", "runs/tiny", "--kv-heads", "2")
    #expect(alone.code == 64 && alone.errors.contains("go with --compare"))
  }
}
