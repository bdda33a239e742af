import Foundation
import TestSupport
import Testing

/// Sweeps of the tiny model, and `report --compare`, with the real tool.
@Suite struct SweepVerbTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(to: scratch.path("tiny.h5"))
    try FileManager.default.createDirectory(
      atPath: scratch.path("configs"), withIntermediateDirectories: false)
    try scratch.write(
      TinyRun.configuration(steps: 6, checkpointEvery: 2), to: "configs/run.yaml")
    try write("vary: {seed: [1], window.recent: [12]}")
  }

  private func write(_ vary: String) throws {
    try scratch.write("name: s\nbase: run.yaml\n\(vary)\n", to: "configs/sweep.yaml")
  }

  private func sweep(_ arguments: String...) throws -> ToolOutcome {
    try ToolRunner.run(["sweep", "configs/sweep.yaml"] + arguments, in: scratch.path)
  }

  /// Every file of the sweep with its bytes and the time it was last written.
  private func contents(of folder: String) throws -> [String: Data] {
    let names = FileManager.default.enumerator(atPath: scratch.path(folder))?.allObjects ?? []
    return names.compactMap { $0 as? String }.reduce(into: [:]) { found, name in
      found[name] = FileManager.default.contents(atPath: scratch.path("\(folder)/\(name)"))
    }
  }

  private func written(_ file: String) throws -> Date? {
    try FileManager.default.attributesOfItem(atPath: scratch.path(file))[.modificationDate] as? Date
  }

  @Test func theRunsAreListedWithoutMakingThem() throws {
    let outcome = try sweep("--list")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output == "base\nseed-1     seed 1\nrecent-12  window.recent 12\n")
    #expect(!scratch.holds("runs"))
  }

  @Test func searchSamplesOfEveryRunAreMadeFirst() throws {
    try write("vary: {search.context: [12]}")
    let outcome = try sweep()
    #expect(outcome.code == 64, "\(outcome.errors)")
    #expect(outcome.errors.contains("too short"), "\(outcome.errors)")
    #expect(!scratch.holds("runs/s"))
  }

  @Test func anUnreadableMapIsRefusedWithItsRun() throws {
    try scratch.write("1\t1\n1\t0\n", to: "theirs.tsv")
    try scratch.write("1\t1\n1\tx\n", to: "broken.tsv")
    try scratch.write(
      "name: s\nbase: run.yaml\nset: {evaluation.maps: [{name: theirs, file: theirs.tsv}]}\n"
        + "vary: {evaluation.maps.0.file: [broken.tsv]}\n", to: "configs/sweep.yaml")
    expectRefusal(try sweep("-q"), code: 65, saying: "file-broken.tsv: broken.tsv")
    #expect(!scratch.holds("runs/s"))
  }

  /// A map from elsewhere counts by its bytes, as long as it is there.
  @Test func anotherMapFromElsewhereIsMeasured() throws {
    try scratch.write("1\t1\n1\t0\n", to: "theirs.tsv")
    try scratch.write(
      "name: s\nbase: run.yaml\nset: {evaluation.maps: [{name: theirs, file: theirs.tsv}]}\n"
        + "vary: {seed: [1]}\n", to: "configs/sweep.yaml")
    #expect(try sweep("-q").code == 0)
    let curves = try scratch.text(of: "runs/s/base/curves.csv")
    #expect(curves.contains("imported:theirs"))
    let scores = try scratch.text(of: "runs/s/base/scores.csv")
    try scratch.write("0\t1\n1\t1\n", to: "theirs.tsv")
    expectRefusal(
      try ToolRunner.run(["report", "runs/s/base", "-q"], in: scratch.path), code: 64,
      saying: "theirs.tsv is another file now", "measure again")
    let again = try sweep()
    #expect(again.code == 0 && !again.errors.contains("finished before"), "\(again.errors)")
    // The new map's heads are measured on every sample.
    let after = try scratch.text(of: "runs/s/base/scores.csv")
    #expect(after.count > scores.count && after != scores)
    try FileManager.default.removeItem(atPath: scratch.path("theirs.tsv"))
    let finished = try sweep()
    #expect(finished.code == 0, "\(finished.errors)")
    #expect(finished.errors.contains("run 2 of 2, seed-1: finished before"))
  }

  @Test func everyRunIsMadeAndCompared() throws {
    let outcome = try sweep()
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output == "runs/s/comparison.html\n")
    #expect(outcome.errors.contains("run 2 of 3, seed-1: seed 1"))
    for run in ["base", "seed-1", "recent-12"] {
      for file in ["gates.tsv", "curves.csv", "report.html", "log.txt"] {
        #expect(scratch.holds("runs/s/\(run)/\(file)"), "\(run)/\(file)")
      }
      #expect(
        try scratch.text(of: "runs/s/comparison.html").contains("<a href=\"./\(run)/report.html\">")
      )
    }
    #expect(try scratch.text(of: "runs/s/recent-12/config.yaml").contains("recent: 12"))
    #expect(try scratch.text(of: "runs/s/comparison.csv").split(separator: "\n").count == 4)
    // A run of a sweep is a run like any other.
    let alone = try ToolRunner.run(
      ["run", "configs/run.yaml", "--set", "seed=1", "-q"], in: scratch.path)
    #expect(alone.code == 0, "\(alone.errors)")
    for file in ["gates.tsv", "curves.csv", "metrics.csv"] {
      #expect(
        try scratch.text(of: "runs/tiny/\(file)") == scratch.text(of: "runs/s/seed-1/\(file)"))
    }
  }

  @Test func finishedRunsAreSkippedAndNothingIsWritten() throws {
    #expect(try sweep("-q").code == 0)
    let before = try contents(of: "runs/s")
    let time = try written("runs/s/seed-1/config.yaml")
    let again = try sweep()
    #expect(again.code == 0)
    #expect(again.errors.contains("run 2 of 3, seed-1: finished before"))
    #expect(!again.errors.contains("measured"))
    #expect(try contents(of: "runs/s") == before)
    #expect(try written("runs/s/seed-1/config.yaml") == time)
  }

  @Test func aRunThatIsNotAsItWasLeftIsLookedThrough() throws {
    #expect(try sweep("-q").code == 0)
    let before = try contents(of: "runs/s/seed-1")
    try scratch.write("method\n", to: "runs/s/seed-1/curves.csv")
    try FileManager.default.removeItem(atPath: scratch.path("runs/s/recent-12/report.html"))
    let again = try sweep()
    #expect(again.code == 0, "\(again.errors)")
    #expect(again.errors.contains("run 1 of 3, base: finished before"))
    #expect(!again.errors.contains("run 2 of 3, seed-1: finished"))
    #expect(!again.errors.contains("learned the gates"))
    #expect(scratch.holds("runs/s/recent-12/report.html"))
    for file in ["gates.tsv", "curves.csv"] {
      #expect(try contents(of: "runs/s/seed-1")[file] == before[file])
    }
  }

  @Test func moreSamplesAreMeasuredInEveryRun() throws {
    #expect(try sweep("-q").code == 0)
    let again = try sweep("--set", "evaluation.samples=3")
    #expect(again.code == 0, "\(again.errors)")
    #expect(
      !again.errors.contains("finished before") && !again.errors.contains("learned the gates"))
    #expect(again.errors.components(separatedBy: " points of the curves").count == 4)
  }

  @Test func anInterruptedSweepContinues() throws {
    try write("set: {calibration.steps: 400}\nvary: {seed: [1]}")
    #expect(try sweep("--runs", "whole", "-q").code == 0)
    let output = try TemporaryFolder()
    let process = try ToolRunner.start(
      ["sweep", "configs/sweep.yaml"], in: scratch.path, scratch: output)
    while process.isRunning && !scratch.holds("runs/s/seed-1/metrics.csv") {
      Thread.sleep(forTimeInterval: 0.005)
    }
    process.interrupt()
    process.waitUntilExit()
    if process.terminationStatus != 0 {
      #expect(process.terminationStatus == 75)
      let errors = try String(contentsOfFile: output.path("err"), encoding: .utf8)
      #expect(errors.contains("zigzag: interrupted; what is done is kept in runs/s/seed-1"))
      // The page of what was finished is there already.
      #expect(try scratch.text(of: "runs/s/comparison.csv").split(separator: "\n").count == 2)
    }
    let again = try sweep()
    #expect(again.code == 0, "\(again.errors)")
    #expect(again.errors.contains("run 1 of 2, base: finished before"))
    for run in ["base", "seed-1"] {
      for file in ["gates.tsv", "metrics.csv", "curves.csv"] {
        #expect(
          try scratch.text(of: "runs/s/\(run)/\(file)")
            == scratch.text(of: "whole/s/\(run)/\(file)"), "\(run)/\(file)")
      }
    }
  }

  @Test func everythingIsCheckedBeforeAnythingBegins() throws {
    try write(
      "vary:\n  seed: [1]\n  context:\n    9: {calibration: {context_min: 9, context_max: 9}}")
    expectRefusal(
      try sweep(), code: 64,
      saying: "configs/sweep.yaml:6: calibration.context_min is 9 tokens", "(run context-9)")
    #expect(!scratch.holds("runs"))
    try write("vary:\n  model: [none.h5]")
    expectRefusal(try sweep(), code: 66, saying: "none.h5")
    try write("vary:\n  task.passkeys: [40]")
    expectRefusal(try sweep(), code: 64, saying: "40")
    #expect(!scratch.holds("runs"))
  }

  @Test func gatesOfOtherSettingsAreRefusedBeforeAnythingBegins() throws {
    #expect(try sweep("-q").code == 0)
    let before = try contents(of: "runs/s")
    expectRefusal(
      try sweep("--set", "calibration.steps=7"), code: 64,
      saying: "runs/s/base holds a run with other settings: calibration.steps is 7, there it was 6")
    #expect(try contents(of: "runs/s") == before)
  }

  @Test func aRunThatFailsDoesNotEndTheOthers() throws {
    try FileManager.default.createDirectory(
      atPath: scratch.path("runs/s/seed-1"), withIntermediateDirectories: true)
    try scratch.write("{", to: "runs/s/seed-1/run.json")
    let outcome = try sweep()
    #expect(outcome.code == 65, "\(outcome.errors)")
    #expect(outcome.output.isEmpty)
    let last = try #require(outcome.errorLines.last)
    #expect(
      last.hasPrefix(
        "zigzag: 1 of 3 runs failed: seed-1: runs/s/seed-1/run.json: the file: expected a run record"
      ))
    #expect(last.contains("the others are compared in runs/s/comparison.html"))
    #expect(scratch.holds("runs/s/recent-12/report.html"))
    try FileManager.default.removeItem(atPath: scratch.path("runs/s/seed-1/run.json"))
    let again = try sweep()
    #expect(again.code == 0, "\(again.errors)")
    #expect(again.errors.contains("run 3 of 3, recent-12: finished before"))
  }

  // MARK: One run of a sweep

  @Test func runsAreCounted() throws {
    #expect(try sweep("--count").output == "3\n")
    expectRefusal(
      try sweep("--task", "3"), code: 64, saying: "--task is 3", "has the runs 0 to 2")
    expectRefusal(try sweep("--task", "-1"), code: 64, saying: "--task is -1")
    expectRefusal(try sweep("--task", "1", "--count"), code: 64, saying: "exclude one another")
    #expect(!scratch.holds("runs"))
  }

  /// What a sweep writes besides its runs, without the times that learning took.
  private func timeless(_ folder: String) throws -> [String: String] {
    let names = ["", "-accuracy", "-layers"].map { "comparison\($0).csv" }
    let page = try scratch.text(of: "\(folder)/comparison.html")
    var found = [
      "comparison.html": page.replacing(#/>\d+:\d\d</#, with: "><"),
      "sweep.json": try scratch.text(of: "\(folder)/sweep.json"),
    ]
    for name in names {
      let rows = try scratch.text(of: "\(folder)/\(name)").split(separator: "\n").map {
        $0.components(separatedBy: ",")
      }
      let time = rows[0].firstIndex(of: "learn_seconds")
      #expect((time != nil) == (name == "comparison.csv"))
      found[name] = rows.map { row in
        row.enumerated().filter { $0.offset != time }.map(\.element).joined(separator: ",")
      }.joined(separator: "\n")
    }
    return found
  }

  /// Whoever comes last writes the page of all.
  @Test func severalProcessesMakeASweep() throws {
    #expect(try sweep("--runs", "whole", "-q").code == 0)
    let outputs = try (0..<3).map { _ in try TemporaryFolder() }
    let tasks = try zip([0, 1, 2], outputs).map { index, output in
      try ToolRunner.start(
        ["sweep", "configs/sweep.yaml", "--task", "\(index)"], in: scratch.path, scratch: output)
    }
    for (task, output) in zip(tasks, outputs) {
      task.waitUntilExit()
      let errors = try String(contentsOfFile: output.path("err"), encoding: .utf8)
      #expect(task.terminationStatus == 0, "\(errors)")
      let printed = try String(contentsOfFile: output.path("out"), encoding: .utf8)
      #expect(printed == "runs/s/comparison.html\n")
    }
    let (made, whole) = (try timeless("runs/s"), try timeless("whole/s"))
    #expect(made.count == 5 && made == whole)
    // A task that is finished writes the page again where its writer was killed.
    try FileManager.default.removeItem(atPath: scratch.path("runs/s/comparison.html"))
    let again = try sweep("--task", "1")
    #expect(again.code == 0 && again.errors.contains("run 2 of 3, seed-1: finished before"))
    #expect(try timeless("runs/s") == made)
    // The whole sweep has nothing left to do.
    #expect(try sweep().errors.components(separatedBy: "finished before").count == 4)
  }

  @Test func aTaskThatIsStoppedContinues() throws {
    try write("set: {calibration.steps: 400}\nvary: {seed: [1]}")
    #expect(try sweep("--runs", "whole", "-q").code == 0)
    #expect(try sweep("--task", "0", "-q").code == 0)
    #expect(try scratch.text(of: "runs/s/comparison.csv").split(separator: "\n").count == 2)
    let output = try TemporaryFolder()
    let process = try ToolRunner.start(
      ["sweep", "configs/sweep.yaml", "--task", "1"], in: scratch.path, scratch: output)
    while process.isRunning && !scratch.holds("runs/s/seed-1/metrics.csv") {
      Thread.sleep(forTimeInterval: 0.005)
    }
    process.terminate()
    process.waitUntilExit()
    #expect([0, 75].contains(process.terminationStatus))
    #expect(try sweep("--task", "1", "-q").code == 0)
    #expect(try timeless("runs/s") == timeless("whole/s"))
  }

  @Test func tasksAndTheWholeSweepKeepOutOfEachOthersWay() throws {
    #expect(try sweep("--task", "0", "-q").code == 0)
    func run(_ lock: String, _ arguments: String...) throws -> ToolOutcome {
      try ToolRunner.run(
        ["sweep", "configs/sweep.yaml", "-q"] + arguments, in: scratch.path,
        shell: "exec 9>>runs/s/\(lock); exec \"$@\"")
    }
    expectRefusal(try run(".lock; flock -s 9"), code: 73, saying: "runs/s", "single runs")
    expectRefusal(try run(".lock; flock 9", "--task", "1"), code: 73, saying: "runs/s")
    expectRefusal(
      try run("base/.lock; flock 9", "--task", "0", "--set", "evaluation.samples=3"), code: 73,
      saying: "runs/s/base")
    // Others of the array are no hindrance.
    #expect(try run(".lock; flock -s 9", "--task", "1").code == 0)
  }

  @Test func aTaskNamesTheRunThatFails() throws {
    try FileManager.default.createDirectory(
      atPath: scratch.path("runs/s/seed-1"), withIntermediateDirectories: true)
    try scratch.write("{", to: "runs/s/seed-1/run.json")
    #expect(try sweep("--task", "0", "-q").code == 0)
    expectRefusal(
      try sweep("--task", "1", "-q"), code: 65, saying: "seed-1: runs/s/seed-1/run.json")
    #expect(try sweep("--task", "2", "-q").code == 0)
    #expect(try scratch.text(of: "runs/s/comparison.csv").split(separator: "\n").count == 3)
  }

  @Test func reportComparesAnyRuns() throws {
    #expect(try sweep("-q").code == 0)
    func report(_ arguments: String...) throws -> ToolOutcome {
      try ToolRunner.run(["report"] + arguments, in: scratch.path)
    }
    let page = try report("--compare", "runs/s/base", "runs/s/seed-1", "--out", "out/both.html")
    #expect(page.code == 0, "\(page.errors)")
    #expect(page.output == "out/both.html\n")
    #expect(
      try scratch.text(of: "out/both.html").contains(
        "<a href=\"./../runs/s/seed-1/report.html\">seed-1"))
    let folder = try report("--compare", "runs/s/base", "runs/s/seed-1", "-c", "weighted:0.5")
    #expect(folder.output == "comparison/comparison.html\n")
    #expect(scratch.holds("comparison/figures/layers-weighted-0.5-50.svg"))
    expectRefusal(
      try report("--compare", "runs/s/base", "runs/s/none"), code: 66, saying: "runs/s/none")
    expectRefusal(
      try report(
        "--compare", "runs/s/base", "runs/s/seed-1", "--out", "runs/s/base/report.html"), code: 64,
      saying: "runs/s/base/report.html would replace", "name another place")
    try scratch.write("a file", to: "file")
    expectRefusal(
      try report("--compare", "runs/s/base", "runs/s/seed-1", "--out", "file/inside"), code: 73,
      saying: "file is there and is no folder")
    expectRefusal(
      try report("--compare", "runs/s/base", "runs/s/seed-1", "--out", "runs/s/base"), code: 64,
      saying: "which is a run's folder")
    expectRefusal(
      try report("--compare", "runs/s/base", "runs/s/seed-1", "-c", "best"), code: 64,
      saying: "--criterion")
    #expect(try report("--compare", "runs/s/base").code == 64)
    #expect(try report("runs/s/base", "runs/s/seed-1").code == 64)
    #expect(try report("runs/s/base", "--out", "x").code == 64)
  }
}
