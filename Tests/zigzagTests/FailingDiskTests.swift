import Foundation
import TestSupport
import Testing

/// A disk that fails in the middle, by a library that is loaded before the system's.
@Suite struct FailingDiskTests {
  private let scratch: TemporaryFolder
  private static let library = try? FailingDisk()

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(to: scratch.path("tiny.h5"))
    try scratch.write(TinyRun.configuration(steps: 12, checkpointEvery: 2), to: "run.yaml")
  }

  /// One way to fail: which call on which file, after how many that succeed, with which error.
  struct Failure: CustomTestStringConvertible {
    let call: String
    let path: String
    let after: Int
    let code: Int32
    let exit: Int32
    let words: String
    var testDescription: String { "\(call) of \(path) after \(after)" }

    init(
      _ call: String, _ path: String, _ after: Int, _ code: Int32, _ exit: Int32, _ words: String
    ) {
      (self.call, self.path, self.after) = (call, path, after)
      (self.code, self.exit, self.words) = (code, exit, words)
    }
  }

  private func run(_ failure: Failure, _ arguments: [String]) throws -> ToolOutcome {
    let library = try #require(Self.library)
    return try ToolRunner.run(
      arguments, in: scratch.path,
      shell: "FAIL_CALL=\(failure.call) FAIL_PATH=\(failure.path) FAIL_AFTER=\(failure.after) "
        + "FAIL_ERRNO=\(failure.code) LD_PRELOAD=\(library.path) exec \"$@\"")
  }

  private func read(_ file: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: scratch.path(file)))
  }

  @Test(arguments: [
    Failure("write", "checkpoint", 40, ENOSPC, 73, "no space left"),
    Failure("fsync", "checkpoint", 2, EIO, 73, "input/output error"),
    Failure("rename", "checkpoint", 2, ENOSPC, 73, "no space left"),
    Failure("write", "metrics", 2, ENOSPC, 73, "no space left"),
    Failure("write", "gates.tsv", 0, ENOSPC, 73, "no space left"),
    Failure("rename", "maps/", 0, EROFS, 73, "read-only file system"),
    Failure("write", "scores", 1, ENOSPC, 73, "no space left"),
    Failure("write", "curves", 0, ENOSPC, 73, "no space left"),
    Failure("write", "report.html", 0, ENOSPC, 73, "no space left"),
    Failure("write", "run.json", 1, EIO, 73, "input/output error"),
  ])
  func aFullDiskLosesNothing(_ failure: Failure) throws {
    let whole = try ToolRunner.run(["run", "run.yaml", "-q", "--runs", "whole"], in: scratch.path)
    #expect(whole.code == 0, "\(whole.errors)")
    expectRefusal(
      try run(failure, ["run", "run.yaml", "-q"]), code: failure.exit,
      saying: failure.path.replacing("/", with: ""), failure.words)
    let hadCheckpoint = FileManager.default.fileExists(
      atPath: scratch.path("runs/tiny/checkpoint.h5"))
    #expect(hadCheckpoint)
    // With room again the same command goes on from the last good checkpoint to the same bytes.
    let again = try ToolRunner.run(["run", "run.yaml"], in: scratch.path)
    #expect(again.code == 0, "\(again.errors)")
    if ["checkpoint", "metrics"].contains(failure.path) {
      #expect(again.errors.contains("learning continues after step"), "\(again.errors)")
    }
    for file in ["gates.tsv", "metrics.csv", "scores.csv", "curves.csv"] {
      #expect(try read("runs/tiny/\(file)") == read("whole/tiny/\(file)"))
    }
  }

  @Test(arguments: [
    Failure("reserve", "out.h5", 0, ENOSPC, 73, "no space left"),
    Failure("write", "out.h5", 0, EIO, 73, "input/output error"),
    Failure("write", "out.h5", 9, ENOSPC, 73, "no space left"),
    Failure("read", "tiny-llama.gguf", 3, EIO, 66, "input/output error"),
  ])
  func anImportOnAFailingDisk(_ failure: Failure) throws {
    let gguf = ToolFixture.tinyLlama
    expectRefusal(
      try run(failure, ["import", gguf, "out.h5", "-q"]), code: failure.exit, saying: failure.path,
      failure.words)
    #expect(!scratch.holds("out.h5"))
    let left = try FileManager.default.contentsOfDirectory(atPath: scratch.path)
    #expect(left.allSatisfy { !$0.hasSuffix(".tmp") })
  }

  /// Reads of the model fail wherever they happen: its header, its values, its tokenizer.
  @Test(arguments: [0, 1, 5, 20, 40])
  func aModelThatCannotBeRead(after reads: Int) throws {
    expectRefusal(
      try run(
        Failure("read", "tiny.h5", reads, EIO, 66, ""), ["calibrate", "run.yaml", "-q"]), code: 66,
      saying: "tiny.h5", "input/output error")
  }

  @Test func aModelThatIsCutShortWhileItIsUsed() throws {
    let long = ["calibrate", "run.yaml", "--set", "calibration.steps=600"]
    let output = try TemporaryFolder()
    let process = try ToolRunner.start(long, in: scratch.path, scratch: output)
    let checkpoint = scratch.path("runs/tiny/checkpoint.h5")
    while process.isRunning && !FileManager.default.fileExists(atPath: checkpoint) {
      Thread.sleep(forTimeInterval: 0.002)
    }
    let model = try read("tiny.h5")
    #expect(unsafe truncate(scratch.path("tiny.h5"), 0) == 0)
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 66)
    let errors = try String(contentsOfFile: output.path("err"), encoding: .utf8)
    // The kernel says it in the middle of a step, or the run sees it behind one, whichever is first.
    let sentences = [
      "zigzag: cannot read tiny.h5 any more",
      "zigzag: tiny.h5: the file was changed while it was in use",
    ]
    #expect(sentences.contains { errors.contains($0) }, "\(errors)")
    try model.write(to: URL(fileURLWithPath: scratch.path("tiny.h5")))
    let again = try ToolRunner.run(long, in: scratch.path)
    #expect(again.code == 0 && again.errors.contains("learning continues"), "\(again.errors)")
  }
}

/// The library of Tests/Fixtures/failing_disk.c, built by the compiler that built everything else.
private struct FailingDisk {
  private let folder: TemporaryFolder
  var path: String { folder.path("failing_disk.so") }

  init() throws {
    folder = try TemporaryFolder()
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appending(path: "../Fixtures/failing_disk.c").path
    let build = Process()
    build.executableURL = URL(fileURLWithPath: "/bin/bash")
    build.arguments = [
      "-c",
      #"for c in "$(dirname "$(readlink -f "$(command -v swift)")")/clang" clang cc; do "#
        + #"command -v "$c" >/dev/null && exec "$c" -shared -fPIC -O1 -o "$0" "$1"; done; exit 1"#,
      folder.path("failing_disk.so"), source,
    ]
    try build.run()
    build.waitUntilExit()
    guard build.terminationStatus == 0 else { throw CocoaError(.fileWriteUnknown) }
  }
}
