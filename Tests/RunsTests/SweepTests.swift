import Foundation
import GateOptimizer
import MapReporter
import Runs
import Support
import TestSupport
import Testing
import Transformer

/// Which runs a sweep file stands for.
@Suite struct SweepTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try scratch.write(
      """
      name: base-name
      model: tiny.h5
      seed: 5
      window: {sink: 2, recent: 8}
      calibration: {steps: 10}
      """, to: "base.yaml")
  }

  private func sweep(_ yaml: String, _ overrides: [String] = []) throws -> Sweep {
    let file = try scratch.write("name: s\nbase: base.yaml\n" + yaml, to: "sweep.yaml")
    return try Sweep(contentsOf: file, overrides: overrides)
  }

  @Test func oneThingVariesAtATime() throws {
    let sweep = try sweep("vary: {seed: [1, 2], calibration.steps: [40], window.recent: [16]}")
    #expect(sweep.name == "s")
    #expect(sweep.runs.map(\.name) == ["base", "seed-1", "seed-2", "steps-40", "recent-16"])
    #expect(sweep.runs.map(\.configuration.name) == sweep.runs.map(\.name))
    #expect(sweep.runs.map(\.configuration.seed) == [5, 1, 2, 5, 5])
    #expect(sweep.runs.map(\.configuration.calibration?.steps) == [10, 10, 10, 40, 10])
    #expect(sweep.runs.map(\.configuration.window.recent) == [8, 8, 8, 8, 16])
    #expect(sweep.runs.map(\.changes)[3] == "calibration.steps 40")
    #expect(sweep.runs[0].changes.isEmpty)
  }

  @Test func aGridCombinesEachWithEach() throws {
    let sweep = try sweep("grid: {seed: [1, 2], calibration.regularization: [0.02, 0.1]}")
    #expect(
      sweep.runs.map(\.name) == [
        "seed-1_regularization-0.02", "seed-1_regularization-0.1", "seed-2_regularization-0.02",
        "seed-2_regularization-0.1",
      ])
    #expect(sweep.runs.map(\.configuration.calibration?.regularization) == [0.02, 0.1, 0.02, 0.1])
    #expect(sweep.runs[1].changes == "seed 1, calibration.regularization 0.1")
  }

  @Test func listsMayStandForEachOther() throws {
    let sweep = try sweep(
      """
      vary:
        search:
          one: {search.tasks: &tasks [{passkeys: 2, length: 3}, {kind: digits, alphabet: []}]}
          two: {search.tasks: *tasks, search.context: [512, 640]}
      """)
    #expect(
      sweep.runs.map(\.changes)
        == ["", "search.tasks …, …", "search.tasks …, …, search.context 512, 640"])
    #expect(sweep.runs[1].configuration.search.tasks == sweep.runs[2].configuration.search.tasks)
    let passkeys = sweep.runs[2].configuration.search.tasks.map { task in
      if case .passkeys(let own) = task { own.passkeys } else { 0 }
    }
    #expect(passkeys == [2, 4])
  }

  @Test func bothGiveTheGridAfterTheRest() throws {
    let sweep = try sweep("grid: {seed: [1]}\nvary: {calibration.steps: [40]}")
    #expect(sweep.runs.map(\.name) == ["base", "steps-40", "seed-1"])
  }

  @Test func severalSettingsChangeTogether() throws {
    let sweep = try sweep(
      """
      vary:
        context:
          512: {calibration.context_min: 512, calibration.context_max: 512}
          long: {calibration: {context_min: 1000, context_max: 2048}}
      """)
    #expect(sweep.runs.map(\.name) == ["base", "context-512", "context-long"])
    #expect(sweep.runs.map(\.configuration.calibration?.contextMin) == [1024, 512, 1000])
    #expect(sweep.runs.map(\.configuration.calibration?.contextMax) == [1024, 512, 2048])
  }

  @Test func laterSettingsWin() throws {
    let sweep = try sweep(
      "set: {seed: 6, calibration: {steps: 11, batch: 2}, window.sink: 3}\nvary: {seed: [1]}",
      ["seed=7", "window.sink=4"])
    #expect(sweep.runs.map(\.configuration.seed) == [7, 1])
    #expect(sweep.runs.allSatisfy { $0.configuration.window.sink == 4 })
    #expect(sweep.runs.allSatisfy { $0.configuration.calibration?.steps == 11 })
    #expect(sweep.runs.allSatisfy { $0.configuration.calibration?.batch == 2 })
  }

  @Test func namesAreFolderNamesAndTellSettingsApart() throws {
    let sweep = try sweep(
      """
      vary:
        calibration.samples: [4]
        evaluation.samples: [4]
        ranking.criteria: [["weighted:0.5", max], [lost]]
      """)
    #expect(
      sweep.runs.map(\.name) == [
        "base", "calibration.samples-4", "evaluation.samples-4", "criteria-weighted-0.5-max",
        "criteria-lost",
      ])
    #expect(sweep.runs[3].configuration.ranking.criteria == [.weighted(0.5), .max])
  }

  @Test func theBaseLiesBesideTheSweep() throws {
    let here = FileManager.default.currentDirectoryPath
    try scratch.write(
      "name: s\nbase: \(scratch.path("base.yaml"))\ngrid: {seed: [1]}", to: "a.yaml")
    #expect(try Sweep(contentsOf: scratch.path("a.yaml")).runs.count == 1)
    #expect(!FileManager.default.fileExists(atPath: "\(here)/base.yaml"))
    #expect(try sweep("grid: {seed: [1]}").runs.count == 1)
  }

  @Test(arguments: [
    ("set: {seed: 1}", "sweep.yaml: there is nothing to vary; add vary or grid"),
    ("gird: {seed: [1]}", "sweep.yaml:3: gird is not a part of a sweep; did you mean grid?"),
    ("grid: {seed: []}", "sweep.yaml:3: seed is empty; list at least one value"),
    ("grid: [seed]", "sweep.yaml:3: grid must be a group of settings"),
    ("grid: {seed: 1}", "sweep.yaml:3: seed must be a list of values"),
    ("grid: {seed: [1, 1]}", "sweep.yaml:3: seed has two values named seed-1; keep one of them"),
    ("grid: {seed: [{a: 1}]}", "sweep.yaml:3: seed has a value that cannot name a run"),
    ("grid: {calibration: {steps: [1]}}", "sweep.yaml:3: calibration.steps must be a group"),
    ("grid: {wide: {a: {}}}", "sweep.yaml:3: wide.a changes nothing"),
    ("grid: {name: [a]}", "sweep.yaml:3: name cannot be set: the sweep names its runs"),
    ("set: {name: a}\ngrid: {seed: [1]}", "sweep.yaml:3: name cannot be set"),
    ("grid: {a..b: [1]}", "sweep.yaml:3: \"a..b\" is not the name of a setting"),
    (
      "vary:\n  calibration.stpes: [4]",
      "sweep.yaml:4: calibration.stpes is not a setting; did you mean steps? (run stpes-4)"
    ),
    (
      "vary:\n  calibration.steps: [4,\n    x]",
      "sweep.yaml:5: calibration.steps is x; it must be a whole number (run steps-x)"
    ),
    ("vary: {window.recent: [0]}", "sweep.yaml:3: window.recent is 0; it must be at least 1"),
    (
      "vary: {calibration.context_min: [2048]}",
      "calibration.context_max is 1024, below context_min (2048); make it at least as long "
        + "(run context_min-2048)"
    ),
    ("vary: {seed.x: [1]}", "sweep.yaml:3: seed.x: seed is 5 in "),
    ("set: {tasks: 3}\nvary: {seed: [1]}", "sweep.yaml:3: tasks is not a setting"),
    ("vary: {seed: [5]}", "sweep.yaml:3: run seed-5 has the same settings as run base"),
    ("vary: {seed: [1]}\ngrid: {seed: [1]}", "sweep.yaml:4: two runs are named seed-1"),
    ("vary: {seed: [1, 2]}\nvary: {seed: [1]}", "the key vary is there twice"),
  ])
  func whatCannotBeMeantIsRefused(yaml: String, message: String) {
    let error = #expect(throws: (any Error).self) { _ = try sweep(yaml) } as? any ZigzagError
    let text = error?.description ?? ""
    #expect(text.contains(message), "\(text)")
    #expect(error?.category == .usage || error?.category == .badData)
  }

  @Test func aGridIsBounded() {
    let numbers = "[" + (1...40).map(String.init).joined(separator: ", ") + "]"
    let error = #expect(throws: RunError.self) {
      _ = try sweep("grid: {seed: \(numbers), calibration.steps: \(numbers)}")
    }
    #expect(error?.description.contains("there are more than 1000 runs") == true)
  }

  @Test func nameAndBaseAreNeeded() throws {
    func message(_ yaml: String) throws -> String {
      let file = try scratch.write(yaml, to: "other.yaml")
      return #expect(throws: (any Error).self) { _ = try Sweep(contentsOf: file) }.map { "\($0)" }
        ?? ""
    }
    #expect(try message("base: base.yaml\ngrid: {seed: [1]}").contains("name is missing"))
    #expect(try message("name: s\ngrid: {seed: [1]}").contains("base is missing"))
    #expect(try message("name: a/b\nbase: base.yaml\ngrid: {seed: [1]}").contains("name is a/b"))
    #expect(
      try message("name: s\nbase: none.yaml\ngrid: {seed: [1]}")
        .contains("\(scratch.path("none.yaml")): there is no such configuration"))
    let error = #expect(throws: RunError.self) {
      _ = try sweep("grid: {seed: [1]}", ["name=x"])
    }
    #expect(error?.description.hasPrefix("--set name=x: the sweep names its runs") == true)
  }

  /// Gates that `zigzag calibrate` has learned with these overrides are found by the sweep.
  @Test func theRealSweepIsWhatItsNamesSay() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appending(path: "../../configs").standardizedFileURL.path
    let runs = try Sweep(contentsOf: "\(root)/sweep.yaml").runs
    let overrides = [
      "base": [], "seed-1": ["seed=1"], "seed-2": ["seed=2"], "steps-40": ["calibration.steps=40"],
      "steps-160": ["calibration.steps=160"],
      "regularization-0.1": ["calibration.regularization=0.1"],
      "recent-32": ["window.recent=32"], "recent-128": ["window.recent=128"],
      "context-512": ["calibration.context_min=512", "calibration.context_max=512"],
    ]
    #expect(Set(runs.map(\.name)) == Set(overrides.keys))
    for run in runs {
      let alone = try RunConfiguration(
        ConfigurationDocument(
          contentsOf: "\(root)/smollm2-135m.yaml", overrides: overrides[run.name] ?? []))
      #expect(try run.configuration.gateSettings() == alone.gateSettings(), "\(run.name)")
      #expect(run.configuration.evaluation.sparsities == [0.25, 0.4, 0.5, 0.6, 0.75])
      #expect(run.configuration.evaluation.samples == 6)
    }
    #expect(try Sweep(contentsOf: "\(root)/sweep-passkey.yaml").runs.count == 6)
  }
}
