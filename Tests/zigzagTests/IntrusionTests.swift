import Foundation
import TestSupport
import Testing

/// Somebody changes inputs, the lock or the folder while a run works.
@Suite struct IntrusionTests {
  private let scratch: TemporaryFolder
  private static let long = [
    "calibrate", "run.yaml", "-q", "--set", "calibration.steps=100000", "--set",
    "calibration.checkpoint_every=1",
  ]

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(to: scratch.path("tiny.h5"))
    let text = (0..<300).map { "Line \($0) of a text about nothing. " }.joined()
    try scratch.write(text, to: "text.txt")
    try scratch.write(
      TinyRun.configuration(steps: 6, checkpointEvery: 2)
        + "\nhaystack: {calibration: {files: [text.txt]}}\n", to: "run.yaml")
  }

  /// Starts a run, waits until it has written `file`, calls `body` and waits until it ends.
  private func run(
    _ arguments: [String] = long, until file: String = "runs/tiny/checkpoint.h5",
    _ body: (Process) throws -> Void
  ) throws -> (code: Int32, errors: String) {
    let output = try TemporaryFolder()
    let process = try ToolRunner.start(arguments, in: scratch.path, scratch: output)
    defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
    while process.isRunning && !scratch.holds(file) { Thread.sleep(forTimeInterval: 0.002) }
    #expect(process.isRunning)
    try body(process)
    let end = Date(timeIntervalSinceNow: 60)
    while process.isRunning && Date() < end { Thread.sleep(forTimeInterval: 0.005) }
    #expect(!process.isRunning, "it goes on")
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    #expect(process.terminationReason == .exit)
    return (process.terminationStatus, try output.text(of: "err"))
  }

  /// Waits until the process has the run's folder.
  private func waitForLock(of process: Process) throws {
    let signature = "process \(process.processIdentifier) on "
    while process.isRunning
      && (try? scratch.text(of: "runs/tiny/.lock").hasPrefix(signature)) != true
    {
      Thread.sleep(forTimeInterval: 0.002)
    }
    #expect(process.isRunning)
  }

  /// Writes one byte into the file and returns the one that was there.
  @discardableResult
  private func poke(_ file: String, at offset: UInt64, _ byte: UInt8? = nil) throws -> UInt8 {
    let handle = try FileHandle(forUpdating: URL(fileURLWithPath: scratch.path(file)))
    defer { try? handle.close() }
    try handle.seek(toOffset: offset)
    let old = try #require(try handle.read(upToCount: 1)?.first)
    try handle.seek(toOffset: offset)
    try handle.write(contentsOf: Data([byte ?? old ^ 1]))
    return old
  }

  private func bytes(_ file: String) -> Data? {
    FileManager.default.contents(atPath: scratch.path(file))
  }

  @Test func aModelThatIsEditedInPlaceEndsTheRun() throws {
    let size = UInt64(try #require(bytes("tiny.h5")).count)
    var old: UInt8 = 0
    let outcome = try run { _ in old = try poke("tiny.h5", at: size - 5) }
    #expect(outcome.code == 66, "\(outcome.errors)")
    #expect(outcome.errors.hasPrefix("zigzag: tiny.h5: the file was changed while it was in use"))
    #expect(outcome.errors.split(separator: "\n").count == 1)
    #expect(scratch.holds("runs/tiny/checkpoint.h5") && !scratch.holds("runs/tiny/gates.tsv"))
    // The model as it was goes on to the same gates as if nothing had happened.
    try poke("tiny.h5", at: size - 5, old)
    let steps = try #require(bytes("runs/tiny/metrics.csv")).split(separator: 10).count - 1
    let whole = ["calibrate", "run.yaml", "-q", "--set", "calibration.steps=\(steps)"]
    #expect(try ToolRunner.run(whole + ["--runs", "whole"], in: scratch.path).code == 0)
    #expect(
      try scratch.text(of: "whole/tiny/metrics.csv").split(separator: "\n").last?.split(
        separator: ",")[0]
        == scratch.text(of: "runs/tiny/metrics.csv").split(separator: "\n").last?.split(
          separator: ",")[0])
  }

  /// One who sets the time back is noticed as well, by the time of that.
  @Test func aModelThatIsEditedInSecretEndsTheRun() throws {
    let size = UInt64(try #require(bytes("tiny.h5")).count)
    let outcome = try run { _ in
      let path = scratch.path("tiny.h5")
      var status = stat()
      #expect(unsafe stat(path, &status) == 0)
      try poke("tiny.h5", at: size - 5)
      let times = [status.st_atim, status.st_mtim]
      #expect(unsafe utimensat(AT_FDCWD, path, times, 0) == 0)
    }
    #expect(outcome.code == 66, "\(outcome.errors)")
    #expect(outcome.errors.contains("tiny.h5: the file was changed"))
  }

  /// A new name for the file, or other rights, change nothing that is computed.
  @Test func aLinkToTheModelIsNoChange() throws {
    let outcome = try run { process in
      try FileManager.default.linkItem(
        atPath: scratch.path("tiny.h5"), toPath: scratch.path("link.h5"))
      let before = bytes("runs/tiny/metrics.csv")
      let end = Date(timeIntervalSinceNow: 30)
      while process.isRunning && bytes("runs/tiny/metrics.csv") == before && Date() < end {
        Thread.sleep(forTimeInterval: 0.01)
      }
      Thread.sleep(forTimeInterval: 0.3)
      #expect(process.isRunning)
      process.interrupt()
    }
    #expect(outcome.code == 75, "\(outcome.errors)")
  }

  /// What is mapped stays, and what was learned from it is of the model that was there.
  @Test func aModelThatIsReplacedIsGoneOnWith() throws {
    let model = try #require(bytes("tiny.h5"))
    let outcome = try run { process in
      try TinyModel.write(to: scratch.path("other.h5"), seed: 8)
      #expect(unsafe rename(scratch.path("other.h5"), scratch.path("tiny.h5")) == 0)
      Thread.sleep(forTimeInterval: 0.5)
      #expect(process.isRunning)
      process.interrupt()
    }
    #expect(outcome.code == 75, "\(outcome.errors)")
    expectRefusal(
      try ToolRunner.run(Self.long, in: scratch.path), code: 64, saying: "runs/tiny",
      "the weights are")
    // With the first model back, it is its checkpoint.
    try model.write(to: URL(fileURLWithPath: scratch.path("tiny.h5")))
    let again = try run { process in
      try waitForLock(of: process)
      Thread.sleep(forTimeInterval: 0.5)
      process.interrupt()
    }
    #expect(again.code == 75, "\(again.errors)")
  }

  @Test func aTextThatIsEditedEndsTheRun() throws {
    let outcome = try run { _ in try poke("text.txt", at: 7) }
    #expect(outcome.code == 66, "\(outcome.errors)")
    #expect(outcome.errors.contains("text.txt: the file was changed while it was in use"))
  }

  @Test func aTextThatIsWrittenAsItWasIsNoChange() throws {
    let outcome = try run { process in
      try scratch.write(scratch.text(of: "text.txt"), to: "copy.txt")
      #expect(unsafe rename(scratch.path("copy.txt"), scratch.path("text.txt")) == 0)
      Thread.sleep(forTimeInterval: 0.5)
      #expect(process.isRunning)
      process.interrupt()
    }
    #expect(outcome.code == 75, "\(outcome.errors)")
  }

  /// Measuring, too, writes nothing that was computed from two models.
  @Test func aModelThatIsEditedWhileMapsAreMeasured() throws {
    #expect(try scratch.zigzag("search", "run.yaml", "-q").code == 0)
    let size = UInt64(try #require(bytes("tiny.h5")).count)
    let measure = ["evaluate", "run.yaml", "-q", "--set", "evaluation.samples=3000"]
    var before: Data?
    let outcome = try run(measure, until: "runs/tiny/scores.csv") { _ in
      try poke("tiny.h5", at: size - 5)
      // One sample may have been on its way to the disk.
      Thread.sleep(forTimeInterval: 0.2)
      before = bytes("runs/tiny/scores.csv")
    }
    #expect(outcome.code == 66 && outcome.errors.contains("tiny.h5: the file was changed"))
    #expect(bytes("runs/tiny/scores.csv") == before && !scratch.holds("runs/tiny/curves.csv"))
  }

  @Test(arguments: [".lock", ""])
  func whatIsRemovedEndsTheRun(file: String) throws {
    let outcome = try run { _ in
      // A folder in which somebody writes is not always empty when it is to go.
      let path = scratch.path("runs/tiny/\(file)")
      for _ in 0..<100 where FileManager.default.fileExists(atPath: path) {
        try? FileManager.default.removeItem(atPath: path)
      }
    }
    #expect(outcome.code == 75, "\(outcome.errors)")
    #expect(
      outcome.errors.hasPrefix("zigzag: runs/tiny, or its file .lock, was removed or replaced"))
    #expect(outcome.errors.split(separator: "\n").count == 1)
  }

  /// The second process has the folder, the first one writes nothing into it.
  @Test(arguments: [".lock", ""])
  func aSecondProcessHasTheFolder(file: String) throws {
    let output = try TemporaryFolder()
    var second: Process?
    defer { second.map { _ = kill($0.processIdentifier, SIGKILL) } }
    let outcome = try run { first in
      kill(first.processIdentifier, SIGSTOP)
      try FileManager.default.removeItem(atPath: scratch.path("runs/tiny/\(file)"))
      let process = try ToolRunner.start(Self.long, in: scratch.path, scratch: output)
      second = process
      try waitForLock(of: process)
      kill(first.processIdentifier, SIGCONT)
    }
    #expect(outcome.code == 75, "\(outcome.errors)")
    #expect(outcome.errors.contains("was removed or replaced"))
    let process = try #require(second)
    #expect(process.isRunning)
    process.interrupt()
    process.waitUntilExit()
    let errors = try output.text(of: "err")
    #expect(process.terminationStatus == 75 && errors.contains("interrupted; what is done is kept"))
  }

  @Test func aReportBesideARunIsRefused() throws {
    #expect(try scratch.zigzag("run", "run.yaml", "-q").code == 0)
    let page = bytes("runs/tiny/report.html")
    let measure = ["evaluate", "run.yaml", "-q", "--set", "evaluation.samples=3000"]
    let lines = try scratch.text(of: "runs/tiny/scores.csv").split(separator: "\n").count
    let outcome = try run(measure, until: "runs/tiny/scores.csv") { process in
      while process.isRunning,
        try scratch.text(of: "runs/tiny/scores.csv").split(separator: "\n").count == lines
      {
        Thread.sleep(forTimeInterval: 0.002)
      }
      expectRefusal(
        try scratch.zigzag("report", "runs/tiny"), code: 73,
        saying: "another zigzag works in runs/tiny (process \(process.processIdentifier) on ")
      // These only read.
      #expect(try scratch.zigzag("rank", "runs/tiny", "-s", "0.5").code == 0)
      #expect(try scratch.zigzag("export", "runs/tiny", "--out", "out").code == 0)
      process.interrupt()
    }
    #expect(outcome.code == 75, "\(outcome.errors)")
    #expect(bytes("runs/tiny/report.html") == page)
  }

  @Test func aSecondSweepIsRefused() throws {
    try scratch.write(
      "name: sweep\nbase: run.yaml\nvary: {calibration.regularization: [0.1]}\n",
      to: "sweep.yaml")
    let sweep = ["sweep", "sweep.yaml", "-q"]
    let long = sweep + ["--set", "calibration.steps=100000"]
    let outcome = try run(long, until: "runs/sweep/base/checkpoint.h5") { process in
      expectRefusal(
        try ToolRunner.run(long, in: scratch.path), code: 73,
        saying: "another zigzag works in runs/sweep (process \(process.processIdentifier) on ")
      process.interrupt()
    }
    #expect(outcome.code == 75, "\(outcome.errors)")
  }
}
