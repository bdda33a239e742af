import Foundation
import TestSupport
import Testing

/// Runs with `calibration: none`: maps are searched and measured, and no gates are learned.
@Suite struct SearchAloneTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(TinyModel.wide, to: scratch.path("tiny.h5"))
    let learned = TinyRun.configuration(steps: 3, checkpointEvery: 2)
    try scratch.write(learned, to: "learned.yaml")
    let lines = learned.split(separator: "\n", omittingEmptySubsequences: false)
    let alone = lines.filter {
      !$0.hasPrefix("calibration:") && !$0.hasPrefix("  checkpoint_every")
        && !$0.hasPrefix("ranking:")
    }
    try scratch.write(
      alone.joined(separator: "\n").replacing("name: tiny", with: "name: alone")
        + "\ncalibration: none\nsearch: {samples: 2}\n", to: "alone.yaml")
  }

  private func expect(_ arguments: String..., gives words: String) throws {
    let outcome = try ToolRunner.run(arguments, in: scratch.path)
    #expect(outcome.code == 64 && outcome.errors.contains(words), "\(outcome.errors)")
  }

  @Test func everyVerbWorksOnARunWithoutGates() throws {
    let run = try scratch.zigzag("run", "alone.yaml")
    #expect(run.code == 0, "\(run.errors)")
    for name in ["gates.tsv", "metrics.csv", "timings.csv", "checkpoint.h5"] {
      #expect(!scratch.holds("runs/alone/\(name)"), "\(name)")
    }
    let curves = try scratch.text(of: "runs/alone/curves.csv")
    #expect(curves.contains("\nlayer:search,") && !curves.contains("head-mixed"))
    #expect(curves.contains("\nlazy-layers,") && curves.contains("\nrandom-layers,"))
    let page = try scratch.text(of: "runs/alone/report.html")
    #expect(!page.contains("<h2>Gates</h2>") && !page.contains("Gate learning"))
    #expect(!scratch.holds("runs/alone/figures/gates.svg"))
    // What is written out is the same run: nothing is made again.
    let written = try scratch.text(of: "runs/alone/config.yaml")
    #expect(written.contains("\ncalibration: none\n"))
    #expect(written.contains("criteria: [search]"))
    let scores = try scratch.text(of: "runs/alone/scores.csv")
    #expect(try scratch.zigzag("run", "runs/alone/config.yaml").code == 0)
    #expect(try scratch.text(of: "runs/alone/scores.csv") == scores)
    let again = try scratch.zigzag("run", "--from", "runs/alone/run.json", "--runs", "again")
    #expect(again.code == 0, "\(again.errors)")
    #expect(again.errors.contains("curves.csv") && !again.errors.contains("other bytes"))
    for verb in [
      ["search", "alone.yaml"], ["evaluate", "alone.yaml"], ["report", "runs/alone"],
      ["rank", "runs/alone", "--sparsity", "0.5", "--criterion", "search"],
      ["export", "runs/alone", "--sparsity", "0.5", "--format", "headmap"],
    ] {
      let outcome = try ToolRunner.run(verb, in: scratch.path)
      #expect(outcome.code == 0, "\(verb): \(outcome.errors)")
    }
    let map = try scratch.text(of: "runs/alone/export/headmap.json")
    #expect(map.contains(/"objective" ?: "search"/) && !map.contains("\"steps\""))
  }

  @Test func singleHeadsAreSearchedWithoutGates() throws {
    let run = try scratch.zigzag("run", "alone.yaml", "--set", "search.units=[heads]")
    #expect(run.code == 0, "\(run.errors)")
    #expect(scratch.holds("runs/alone/search-heads.csv"))
    #expect(!scratch.holds("runs/alone/search-layers.csv"))
    #expect(try scratch.text(of: "runs/alone/curves.csv").contains("\nheads:search,"))
  }

  @Test func whatNeedsGatesIsRefused() throws {
    try expect("calibrate", "alone.yaml", gives: "calibration is none")
    try expect("samples", "alone.yaml", gives: "--task")
    try expect(
      "run", "alone.yaml", "--set", "ranking.criteria=[max]", gives: "ranking.criteria has max")
    try expect(
      "run", "alone.yaml", "--set", "evaluation.criteria=[search, balance]",
      gives: "evaluation.criteria has balance")
    try expect("run", "alone.yaml", "--set", "calibration=nothing", gives: "calibration is nothing")
    try expect(
      "run", "learned.yaml", "--set", "calibration.steps=0", gives: "write calibration: none")
    #expect(try scratch.zigzag("search", "alone.yaml", "-q").code == 0)
    try expect(
      "rank", "runs/alone", "--sparsity", "0.5", "--criterion", "max", gives: "calibration: none")
    try expect(
      "export", "runs/alone", "--sparsity", "0.5", "--criterion", "head-mixed",
      gives: "calibration: none")
  }

  @Test func gatesAndNoneAreDifferentRuns() throws {
    #expect(try scratch.zigzag("calibrate", "learned.yaml", "-q").code == 0)
    let outcome = try scratch.zigzag("run", "alone.yaml", "--set", "name=tiny")
    #expect(outcome.code == 64, "\(outcome.errors)")
    #expect(
      outcome.errors.contains("calibration is none, there it was a section of settings"),
      "\(outcome.errors)")
    #expect(!outcome.errors.contains("calibration.steps"))
  }

  /// Gates from elsewhere are measured as before, by criteria of their own.
  @Test func gatesFromElsewhereAreMeasured() throws {
    #expect(try scratch.zigzag("calibrate", "learned.yaml", "-q").code == 0)
    let run = try scratch.zigzag(
      "evaluate", "alone.yaml", "--set",
      "evaluation.maps=[{name: other, file: runs/tiny/gates.tsv, criteria: [max]}]")
    #expect(run.code == 0, "\(run.errors)")
    let curves = try scratch.text(of: "runs/alone/curves.csv")
    #expect(curves.contains("\nimported:other:layer:max,"))
  }

  @Test func runsWithAndWithoutGatesAreCompared() throws {
    #expect(
      try scratch.zigzag(
        "run", "learned.yaml", "-q", "--set", "ranking.criteria=[search, max]", "--set",
        "evaluation.criteria=[search, max]"
      ).code == 0)
    #expect(try scratch.zigzag("run", "alone.yaml", "-q").code == 0)
    let both = try scratch.zigzag("report", "--compare", "runs/tiny", "runs/alone", "--out", "both")
    #expect(both.code == 0, "\(both.errors)")
    let header = try scratch.text(of: "both/comparison.csv").prefix { $0 != "\n" }
    #expect(header.contains("calibration,") && !header.contains("calibration.steps"), "\(header)")
    try scratch.write(
      "name: s\nbase: alone.yaml\nvary: {window.recent: [12]}\n", to: "sweep.yaml")
    let sweep = try scratch.zigzag("sweep", "sweep.yaml")
    #expect(sweep.code == 0, "\(sweep.errors)")
    let again = try scratch.zigzag("sweep", "sweep.yaml")
    #expect(again.errors.contains("run 2 of 2, recent-12: finished before"), "\(again.errors)")
    let page = try scratch.text(of: "runs/s/comparison.html")
    #expect(!page.contains("Gate learning"))
    #expect(try scratch.text(of: "runs/s/comparison-layers.csv").contains("recent-12,12,search,"))
  }
}
