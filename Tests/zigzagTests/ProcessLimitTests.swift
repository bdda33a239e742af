import Foundation
import TestSupport
import Testing

/// What a shell may limit or leave out: every command ends within seconds, with 0 or a sentence.
@Suite struct ProcessLimitTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(to: scratch.path("tiny.h5"))
    try scratch.write(TinyRun.configuration(steps: 4, checkpointEvery: 2), to: "run.yaml")
  }

  /// Runs the tool as a login shell starts it: with every signal at its default, whatever this process,
  /// which a test runner started, was given.
  private func run(_ arguments: [String], limit: String) throws -> ToolOutcome {
    try ToolRunner.run(
      arguments, in: scratch.path,
      shell: "\(limit); exec env --default-signal timeout --foreground -s KILL 100 \"$@\"")
  }

  private func temporaryFiles() -> [String] {
    let found = FileManager.default.enumerator(atPath: scratch.path)
    return (found?.allObjects ?? []).compactMap { $0 as? String }.filter { $0.hasSuffix(".tmp") }
  }

  /// Blocks of 1,024 bytes: not even the configuration fits; the configuration does; the checkpoint does as well.
  @Test(arguments: [1, 2, 8, 12])
  func filesThatMayNotGrow(blocks: Int) throws {
    expectRefusal(
      try run(["run", "run.yaml", "-q"], limit: "ulimit -f \(blocks)"), code: 73,
      saying: "runs/tiny/", "file too large")
    #expect(temporaryFiles().isEmpty)
    // Without the limit the same command finishes.
    #expect(try scratch.zigzag("run", "run.yaml", "-q").code == 0)
  }

  @Test func anImportThatMayNotGrow() throws {
    for blocks in [1, 4, 100] {
      expectRefusal(
        try run(["import", ToolFixture.tinyLlama, "out.h5", "-q"], limit: "ulimit -f \(blocks)"),
        code: 73, saying: "out.h5", "file too large")
      #expect(temporaryFiles().isEmpty && !scratch.holds("out.h5"))
    }
  }

  @Test func resultsThatMayNotGrow() throws {
    let outcome = try run(["inspect", "tiny.h5", "--tensors"], limit: "ulimit -f 0")
    // Not even the sentence can be written to a file.
    #expect(outcome.code == 74 && outcome.errors.isEmpty)
  }

  /// KiB of address space, from less than the loader needs to plenty.
  @Test(arguments: [
    90_000, 95_000, 100_000, 105_000, 110_000, 120_000, 150_000, 170_000, 175_000, 180_000, 200_000,
    300_000, 500_000, 1_000_000, 2_000_000,
  ])
  func littleMemory(kibibytes: Int) throws {
    for arguments in [["inspect", "tiny.h5", "--check"], ["run", "run.yaml", "-q"]] {
      let outcome = try run(arguments, limit: "ulimit -v \(kibibytes)")
      if outcome.code == 0 { continue }
      // The system's loader speaks for itself where it cannot even map the program.
      if outcome.code == 127, outcome.errors.contains("loading shared libraries") { continue }
      #expect(kibibytes < 300_000, "\(outcome.errors)")
      #expect([66, 73, 75].contains(outcome.code), "\(outcome.code) \(outcome.errors)")
      #expect(outcome.errors.contains("zigzag: "), "\(outcome.errors)")
    }
  }

  /// A context whose activations do not fit ends with a sentence, in the middle of the computation.
  @Test func noMemoryForATensor() throws {
    var large = TinyModel.configuration
    large.maxPositions = 1 << 20
    try TinyModel.write(large, to: scratch.path("tiny.h5"))
    let outcome = try run(
      ["run", "run.yaml", "-q", "--set", "calibration.context_max=1000000"],
      limit: "ulimit -v 400000")
    let errors = outcome.errors.prefix(2000)
    #expect(outcome.code == 75, "\(outcome.code) \(errors)")
    #expect(errors.contains("zigzag: there is no memory for"), "\(errors)")
  }

  /// From fewer files than the loader itself needs to plenty; a shell holds some itself.
  @Test(arguments: [4, 5, 6, 8, 10, 12, 16, 24])
  func fewOpenFiles(count: Int) throws {
    for arguments in [["inspect", "tiny.h5", "--check"], ["run", "run.yaml", "-q"]] {
      let outcome = try run(arguments, limit: "ulimit -n \(count)")
      if outcome.code == 0 { continue }
      if outcome.code == 127, outcome.errors.contains("loading shared libraries") { continue }
      #expect(count < 24 && outcome.code == 75, "\(outcome.code) \(outcome.errors)")
      #expect(
        outcome.errors.contains("the shell lets the process open ")
          && outcome.errors.contains("ulimit -Hn"), "\(outcome.errors)")
    }
    // A soft limit alone is raised.
    #expect(try run(["run", "run.yaml", "-q"], limit: "ulimit -S -n 12").code == 0)
  }

  /// KiB of stack for the first thread, which is not the one that works.
  @Test(arguments: [64, 128, 200, 256])
  func smallStacks(kibibytes: Int) throws {
    for arguments in [["inspect", "tiny.h5", "--check"], ["run", "run.yaml", "-q"]] {
      let outcome = try run(arguments, limit: "ulimit -s \(kibibytes)")
      #expect(outcome.code == 0, "\(outcome.code) \(outcome.errors)")
    }
  }

  /// Ctrl-C reaches a run whose work is on a thread of its own.
  @Test func anInterruptionWithASmallStack() throws {
    let outcome = try ToolRunner.run(
      ["run", "run.yaml", "--set", "calibration.steps=1000000"], in: scratch.path,
      shell: #"ulimit -s 64; env --default-signal "$@" & sleep 2; kill -INT $!; wait $!"#)
    #expect(outcome.code == 75, "\(outcome.code) \(outcome.errors)")
    #expect(outcome.errors.contains("the same command continues"), "\(outcome.errors)")
  }

  /// A console that nobody reads does not keep signals from ending the process.
  @Test(arguments: ["run run.yaml --set calibration.steps=1000000", "tokenize tiny.h5 -"])
  func aBlockedConsole(command: String) throws {
    let outcome = try ToolRunner.run(
      command.split(separator: " ").map(String.init), in: scratch.path,
      shell: """
        mkfifo full; exec 3<>full; head -c 65536 /dev/zero >&3
        sleep 6 | env --default-signal "$@" 2>&3 >/dev/null & tool=$!
        sleep 1.5; kill -0 $tool || exit 2
        kill -INT $tool; sleep 0.3; kill -INT $tool 2>/dev/null
        (sleep 4; kill -KILL $tool 2>/dev/null) & wait $tool
        """)
    #expect(outcome.code == 75, "\(outcome.code) \(outcome.errors)")
  }

  @Test func readersThatStopReading() throws {
    let outcome = try ToolRunner.run(
      ["inspect", "tiny.h5", "--tensors"], in: scratch.path,
      shell: #"env --default-signal "$@" | head -1; exit "${PIPESTATUS[1]}""#)
    #expect(outcome.code == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
    #expect(outcome.output.split(separator: "\n").count == 1)
  }

  @Test(arguments: [
    (["run", "run.yaml", "--runs", ""], "--runs is empty"),
    (["run", "run.yaml", "--runs="], "--runs is empty"),
    (["run", ""], "an empty argument"), (["run", "--from", ""], "--from is empty"),
    (["run", "run.yaml", "--set", ""], "--set is empty"),
    (["sweep", "run.yaml", "--runs", ""], "--runs is empty"),
    (["import", ToolFixture.tinyLlama, ""], "an empty argument"),
    (["import", "", "out.h5"], "an empty argument"),
    (["rank", "", "-s", "0.5"], "an empty argument"),
    (["export", "x.json", "--out", ""], "--out is empty"),
    (["export", "x.json", "-f", ""], "-f is empty"),
    (["report", "--compare", "a", "b", "--out="], "--out is empty"),
    (["samples", "run.yaml", "--out", ""], "--out is empty"),
    (["forward", "tiny.h5", "--tokens", "x.npy", "--out", ""], "--out is empty"),
    (["bench", "tiny.h5", "--out", ""], "--out is empty"),
    (["bench", "tiny.h5", "--write-step", ""], "--write-step is empty"),
  ])
  func emptyArguments(arguments: [String], words: String) throws {
    let before = try FileManager.default.contentsOfDirectory(atPath: scratch.path).sorted()
    expectRefusal(try ToolRunner.run(arguments, in: scratch.path), code: 64, saying: words)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: scratch.path).sorted() == before)
  }

  @Test func textsMayBeEmpty() throws {
    let outcome = try scratch.zigzag("run", "run.yaml", "-q", "--set", "task.answer_lead_in=")
    #expect(outcome.code == 0, "\(outcome.errors)")
  }
}
