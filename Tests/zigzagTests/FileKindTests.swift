import Foundation
import TestSupport
import Testing

/// Whatever file a verb is given: a pipe, a folder, a device or a huge file is refused in a sentence, at once.
@Suite struct FileKindTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(to: scratch.path("tiny.h5"))
    try scratch.write(TinyRun.configuration(steps: 3, checkpointEvery: 2), to: "run.yaml")
  }

  /// Every way to name a file; `FILE` and `FILE.json` are the file itself.
  private static let uses: [[String]] = [
    ["run", "FILE"], ["sweep", "FILE"], ["samples", "FILE"], ["calibrate", "FILE"],
    ["run", "--from", "FILE.json"], ["rank", "FILE", "--sparsity", "0.5"],
    ["rank", "FILE.json", "--sparsity", "0.5", "--kv-heads", "2"],
    ["export", "FILE.json", "--format", "headmap"],
    ["export", "FILE", "--sparsity", "0.5", "--format", "headmap", "--sink", "1", "--recent", "8"],
    ["inspect", "FILE"], ["import", "FILE", "out.h5"],
    ["forward", "FILE", "--tokens", "ids.npy", "--out", "x.npy"],
    ["forward", "tiny.h5", "--tokens", "FILE", "--out", "x.npy"],
    ["forward", "tiny.h5", "--tokens", "ids.npy", "--map", "FILE.json", "--out", "x.npy"],
    ["run", "run.yaml", "--set", "haystack.calibration.files=[FILE]"],
    ["run", "run.yaml", "--set", "calibration.initial_gates=FILE"],
  ]

  private func run(_ arguments: [String]) throws -> ToolOutcome {
    try ToolRunner.run(arguments, in: scratch.path, shell: "exec timeout 20 \"$@\"")
  }

  private func makePipe(_ name: String) {
    let made = unsafe mkfifo(scratch.path(name), 0o600)
    #expect(made == 0)
  }

  @Test(arguments: uses) func pipesAreRefused(arguments: [String]) throws {
    makePipe("FILE")
    makePipe("FILE.json")
    let outcome = try run(arguments)
    // A pipe that is waited for would end with timeout's 124.
    #expect([65, 66].contains(outcome.code), "\(outcome.errors)")
    #expect(outcome.errorLines.last?.contains("FILE") == true, "\(outcome.errors)")
    #expect(outcome.errors.contains("regular file"), "\(outcome.errors)")
  }

  /// Files of 6 GB without content: a limit that is checked after reading costs all of it.
  @Test(arguments: uses) func hugeFilesAreRefused(arguments: [String]) throws {
    for name in ["FILE", "FILE.json"] {
      try scratch.write("", to: name)
      #expect(unsafe truncate(scratch.path(name), 6 << 30) == 0)
    }
    let outcome = try ToolRunner.run(
      arguments, in: scratch.path, shell: "ulimit -v 4000000; exec timeout 20 \"$@\"")
    #expect([65, 66].contains(outcome.code), "\(outcome.errors)")
    #expect(outcome.errorLines.last?.contains("FILE") == true, "\(outcome.errors)")
  }

  /// The files of a run folder, each replaced by a pipe.
  @Test func pipesInARunFolder() throws {
    #expect(try run(["run", "run.yaml", "-q"]).code == 0)
    for (name, arguments) in [
      ("config.yaml", ["report", "runs/tiny"]), ("run.json", ["report", "runs/tiny"]),
      ("gates.tsv", ["rank", "runs/tiny", "--sparsity", "0.5"]),
      ("curves.csv", ["report", "runs/tiny"]), ("metrics.csv", ["report", "runs/tiny"]),
      ("scores.csv", ["run", "run.yaml"]), ("run.json", ["run", "run.yaml"]),
      ("config.yaml", ["run", "run.yaml"]),
      ("search-layers.csv", ["rank", "runs/tiny", "--sparsity", "0.5", "--criterion", "max"]),
    ] {
      let path = scratch.path("runs/tiny/\(name)")
      try? FileManager.default.moveItem(atPath: path, toPath: scratch.path("kept"))
      makePipe("runs/tiny/\(name)")
      let outcome = try run(arguments)
      #expect([65, 66].contains(outcome.code), "\(name): \(outcome.errors)")
      #expect(outcome.errors.contains(name) && outcome.errors.contains("pipe"), "\(outcome.errors)")
      try FileManager.default.removeItem(atPath: path)
      try? FileManager.default.moveItem(atPath: scratch.path("kept"), toPath: path)
    }
    // What is logged is no result: the run goes on and says so.
    try FileManager.default.removeItem(atPath: scratch.path("runs/tiny/log.txt"))
    makePipe("runs/tiny/log.txt")
    let outcome = try run(["run", "run.yaml", "-q"])
    #expect(outcome.code == 0 && outcome.errors.contains("nothing is logged there"))
  }

  /// What is left of a search that cannot be read is begun again.
  @Test func aPipeInPlaceOfASearch() throws {
    #expect(try run(["search", "run.yaml", "-q"]).code == 0)
    let table = try scratch.text(of: "runs/tiny/search-layers.csv")
    try FileManager.default.removeItem(atPath: scratch.path("runs/tiny/search-layers.csv"))
    makePipe("runs/tiny/search-layers.json")
    makePipe("runs/tiny/.x.tmp")
    let outcome = try run(["search", "run.yaml", "-q"])
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(try scratch.text(of: "runs/tiny/search-layers.csv") == table)
  }

  @Test func otherKindsAreNamed() throws {
    let kinds = [("/dev/null", "a device"), (scratch.path, "a folder")]
    for (path, kind) in kinds {
      let outcome = try run(["run", path])
      #expect(outcome.code == 66)
      #expect(
        outcome.errors.contains(
          "\(path): cannot be read: it is \(kind), but the configuration must be a regular file"))
    }
  }

  @Test func textsThatAreNotUTF8() throws {
    let bad = Data("name: tiny\nmodel: \u{e9}.h5\n# ".utf8) + [0xE9, 0x0A]
    try bad.write(to: URL(fileURLWithPath: scratch.path("latin.yaml")))
    let outcome = try run(["run", "latin.yaml"])
    #expect(outcome.code == 65)
    #expect(outcome.errors.contains("latin.yaml: line 3: expected text in UTF-8"))
    // The same text as a file of standard input is a regular file, and read.
    let piped = try ToolRunner.run(
      ["run", "/dev/stdin", "--set", "calibration.steps=0"], in: scratch.path,
      shell: "exec \"$@\" < run.yaml")
    #expect(piped.code == 64 && piped.errors.contains("calibration.steps"), "\(piped.errors)")
  }
}
