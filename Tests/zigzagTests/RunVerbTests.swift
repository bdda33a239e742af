import Foundation
import GateOptimizer
import Runs
import TestSupport
import Testing

/// Whole runs of the tiny model: its gates mean nothing, but every file must be there and agree.
@Suite struct RunVerbTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(to: scratch.path("tiny.h5"))
    try scratch.write(TinyRun.configuration(steps: 6, checkpointEvery: 2), to: "run.yaml")
  }

  @Test func aRunLeavesEverythingInItsFolder() throws {
    let outcome = try scratch.zigzag("run", "run.yaml")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output == "runs/tiny/report.html\n")
    #expect(outcome.errors.contains("learn 6/6 steps"))
    for file in [
      "config.yaml", "run.json", "gates.tsv", "checkpoint.h5", "metrics.csv", "timings.csv",
      "search-layers.csv", "scores.csv", "curves.csv", "places.csv", "attention.tsv", "report.html",
      "log.txt",
      "maps/max-0.5.headmap.json",
      "maps/weighted-0.5-0.5.headmap.json", "figures/gates.svg",
    ] {
      #expect(scratch.holds("runs/tiny/\(file)"), "\(file)")
    }
    #expect(try scratch.text(of: "runs/tiny/gates.tsv").split(separator: "\n").count == 2)
    #expect(try scratch.text(of: "runs/tiny/metrics.csv").split(separator: "\n").count == 7)
    let curves = try scratch.text(of: "runs/tiny/curves.csv").split(separator: "\n").dropFirst()
    // Both ends, then head-mixed, three criteria, two random choices and two baselines at three
    // sparsities, each with two metrics; streaming everywhere, and after the prompt alone.
    #expect(curves.count == 2 * 2 * (2 + 8 * 3))
    #expect(curves.count { $0.hasSuffix(",decode 2+8") } == curves.count / 2)
    #expect(try scratch.text(of: "runs/tiny/run.json").contains("\"weights_sha256\""))
  }

  /// More steps are another calibration; what was learned can be gone on from under another name.
  @Test func moreStepsGoOnUnderAnotherName() throws {
    #expect(try scratch.zigzag("calibrate", "run.yaml", "-q").code == 0)
    let gates = try scratch.text(of: "runs/tiny/gates.tsv")
    let refused = try scratch.zigzag("calibrate", "run.yaml", "--set", "calibration.steps=9")
    #expect(refused.code == 64)
    let advice = "calibration.initial_gates=runs/tiny/gates.tsv"
    #expect(
      refused.errors.contains("a calibration of 6 steps, and calibration.steps is 9")
        && refused.errors.contains(advice), "\(refused.errors)")
    #expect(try scratch.text(of: "runs/tiny/gates.tsv") == gates)
    // With no step of a size the gates are those that were begun with.
    let more = try scratch.zigzag(
      "calibrate", "run.yaml", "--set", "name=more", "--set", advice, "--set",
      "calibration.steps=1",
      "--set", "calibration.learning_rate=1e-12")
    #expect(more.code == 0, "\(more.errors)")
    func values(_ text: String) -> [Double] {
      text.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
    }
    let found = try values(scratch.text(of: "runs/more/gates.tsv"))
    #expect(found.count == values(gates).count)
    #expect(zip(found, values(gates)).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect(try scratch.text(of: "runs/more/run.json").contains("runs/tiny/gates.tsv"))
  }

  /// The tiny model answers nothing, so that nothing can be recommended before its accuracies are
  /// replaced.
  @Test func theRecommendedMapIsExportedWithTheReport() throws {
    #expect(try scratch.zigzag("run", "run.yaml", "-q").code == 0)
    let lines = try scratch.text(of: "runs/tiny/curves.csv").split(separator: "\n")
    let column = try #require(lines[0].split(separator: ",").firstIndex(of: "value"))
    let better = lines.dropFirst().map { line in
      var fields = line.split(separator: ",", omittingEmptySubsequences: false)
      fields.replaceSubrange(column...column + 2, with: ["0.9", "0.8", "1"])
      return fields.joined(separator: ",")
    }
    try scratch.write(
      ([String(lines[0])] + better).joined(separator: "\n") + "\n", to: "runs/tiny/curves.csv")
    // The record knows the bytes that the run wrote; a folder without it takes what is there.
    try FileManager.default.removeItem(atPath: scratch.path("runs/tiny/results.json"))
    let outcome = try scratch.zigzag("report", "runs/tiny")
    #expect(outcome.code == 0, "\(outcome.errors)")
    for file in [
      "headmap/headmap.json", "duo-attention/duo-attention-exact/full_attention_heads.tsv",
      "duo-attention/README.txt", "huggingface/config.patch.json",
    ] {
      let place = scratch.path("runs/tiny/maps/recommended/\(file)")
      #expect(FileManager.default.fileExists(atPath: place), "\(file)")
    }
    // Accuracy is that of the runtime's own deployment, or none.
    func notes(_ format: String) throws -> String {
      try scratch.text(of: "runs/tiny/maps/recommended/\(format)/README.txt")
    }
    for format in ["headmap", "duo-attention"] {
      #expect(try notes(format).contains("the map reaches 90.0 % on words, 100.0 %"))
    }
    #expect(try notes("duo-attention").contains("What the map keeps in kvpress"))
    let patch = try notes("huggingface")
    #expect(!patch.contains(" % of full attention's accuracy"), "\(patch)")
    #expect(patch.contains("measure it with evaluation: {deployments: [huggingface]}"), "\(patch)")
    let exported = try scratch.zigzag("export", "runs/tiny", "-f", "swaa", "-f", "vllm")
    #expect(exported.code == 0)
    #expect(
      exported.errors.contains(
        "swaa: In SWAA (streaming everywhere, sink 2, recent 8) the map reaches 90.0 % on words"),
      "\(exported.errors)")
    #expect(
      exported.errors.contains("vllm: What the map keeps in vLLM")
        && exported.errors.contains("deployments: [vllm]"), "\(exported.errors)")
  }

  @Test func whatIsDoneIsNotDoneAgain() throws {
    #expect(try scratch.zigzag("run", "run.yaml").code == 0)
    let gates = try scratch.text(of: "runs/tiny/gates.tsv")
    try FileManager.default.removeItem(atPath: scratch.path("runs/tiny/report.html"))
    let again = try scratch.zigzag("run", "run.yaml", "--set", "evaluation.sparsities=[0, 0.25, 1]")
    #expect(again.code == 0, "\(again.errors)")
    #expect(!again.errors.contains("learn"))
    #expect(try scratch.text(of: "runs/tiny/gates.tsv") == gates)
    #expect(try scratch.text(of: "runs/tiny/curves.csv").contains("0.250000"))
  }

  /// Which maps of a task are measured changes no score of the others.
  @Test func otherMapsOfATaskLeaveItsScores() throws {
    let task = "evaluation.tasks.0.criteria="
    #expect(try scratch.zigzag("run", "run.yaml", "-q", "--set", task + "[max]").code == 0)
    let before = try scratch.text(of: "runs/tiny/scores.csv").split(separator: "\n")
    let again = try scratch.zigzag("run", "run.yaml", "--set", task + "[max, balance]")
    #expect(again.code == 0, "\(again.errors)")
    let after = try scratch.text(of: "runs/tiny/scores.csv").split(separator: "\n")
    #expect(Set(before).isSubset(of: after), "\(before.count) \(after.count)")
    #expect(!again.errors.contains("made again"), "\(again.errors)")
  }

  @Test func samplesThatCannotBeMadeAreRefusedBeforeLearning() throws {
    let short = "search.tasks=[{passkeys: 20, length: 30}]"
    let outcome = try scratch.zigzag("run", "run.yaml", "--set", short)
    #expect(outcome.code == 64, "\(outcome.errors)")
    #expect(
      outcome.errors.contains("search has no samples: a context of 128 tokens is too short"),
      "\(outcome.errors)")
    #expect(!outcome.errors.contains("learn"))
    #expect(!scratch.holds("runs/tiny/checkpoint.h5"))
    expectRefusal(
      try scratch.zigzag("calibrate", "run.yaml", "-q", "--set", short), code: 64,
      saying: "search has no samples")
    // Where nothing is searched they are not looked at.
    #expect(
      try scratch.zigzag(
        "run", "run.yaml", "-q", "--set", short, "--set", "search.units=[]", "--set",
        "evaluation.criteria=[max]"
      ).code == 0)
  }

  /// A stage writes its own files and those of the stages before it, and all of its results.
  @Test(arguments: [
    ("calibrate", Stage.learn), ("search", .search), ("evaluate", .evaluate), ("run", .report),
  ])
  func everyStageWritesItsFiles(verb: String, stage: Stage) throws {
    let baselines = "evaluation.baselines=[lazy, one-layer-back]"
    // What a model of random weights answers is nothing.
    let methods = ScoreMethod.allCases.filter { $0 != .retrievalHead }.map(\.rawValue)
    let scores =
      "scores={methods: [\(methods.joined(separator: ", "))], samples: 1, context: 400, chunk: 64, documents: 1, "
      + "masking: {heads: [1], samples: 1, seeds: [1]}}"
    let outcome = try scratch.zigzag(
      verb, "run.yaml", "-q", "--set", baselines, "--set", scores)
    #expect(outcome.code == 0, "\(outcome.errors)")
    let files = RunFiles(folder: scratch.path("runs/tiny"))
    let there = Set(RunFile.allCases.filter { files.has($0) })
    let declared = Set(stage.through.flatMap(\.files))
    let common: Set<RunFile> = [.configuration, .record, .ledger, .log, .lock, .figures]
    #expect(there.subtracting(declared).subtracting(common).isEmpty, "\(there)")
    let expected = declared.filter {
      $0.isResult && $0 != .search(.heads) && $0 != .headScores(.retrievalHead)
    }
    #expect(expected.isSubset(of: there), "\(expected.subtracting(there))")
    #expect(stage == .learn || there.contains(.search(.layers)))
  }

  @Test func aResumedCalibrationGivesTheSameBits() throws {
    #expect(try scratch.zigzag("calibrate", "run.yaml").code == 0)
    let whole = try scratch.text(of: "runs/tiny/gates.tsv")
    // A process killed between its last checkpoint and writing the gates leaves the checkpoint alone.
    #expect(try scratch.zigzag("calibrate", "run.yaml", "--runs", "cut", "-q").code == 0)
    try FileManager.default.removeItem(atPath: scratch.path("cut/tiny/gates.tsv"))
    let resumed = try scratch.zigzag("calibrate", "run.yaml", "--runs", "cut", "--resume")
    #expect(resumed.code == 0, "\(resumed.errors)")
    #expect(resumed.output == "cut/tiny/gates.tsv\n")
    #expect(try scratch.text(of: "cut/tiny/gates.tsv") == whole)
  }

  @Test func anInterruptedCalibrationContinues() throws {
    let long = ["calibrate", "run.yaml", "--set", "calibration.steps=400"]
    let whole = try ToolRunner.run(long + ["--runs", "whole", "-q"], in: scratch.path)
    #expect(whole.code == 0, "\(whole.errors)")
    let output = try TemporaryFolder()
    let process = try ToolRunner.start(long, in: scratch.path, scratch: output)
    let metrics = scratch.path("runs/tiny/metrics.csv")
    while process.isRunning && !FileManager.default.fileExists(atPath: metrics) {
      Thread.sleep(forTimeInterval: 0.005)
    }
    process.interrupt()
    process.waitUntilExit()
    if process.terminationStatus != 0 {
      #expect(process.terminationStatus == 75)
      let errors = try String(contentsOfFile: output.path("err"), encoding: .utf8)
      #expect(errors.contains("zigzag: interrupted; what is done is kept in runs/tiny"))
    }
    #expect(try ToolRunner.run(long, in: scratch.path).code == 0)
    for file in ["gates.tsv", "metrics.csv"] {
      #expect(try scratch.text(of: "runs/tiny/\(file)") == scratch.text(of: "whole/tiny/\(file)"))
    }
    #expect(try scratch.text(of: "runs/tiny/timings.csv").split(separator: "\n").count == 401)
  }

  @Test func resumeWithoutACheckpointIsRefused() throws {
    expectRefusal(
      try scratch.zigzag("calibrate", "run.yaml", "--resume"), code: 66,
      saying: "runs/tiny/checkpoint.h5")
  }

  @Test func otherSettingsAreRefusedWithTheirDifference() throws {
    #expect(try scratch.zigzag("calibrate", "run.yaml").code == 0)
    expectRefusal(
      try scratch.zigzag("calibrate", "run.yaml", "--set", "calibration.learning_rate=0.5"),
      code: 64,
      saying: "calibration.learning_rate is 0.5, there it was 0.02")
  }

  @Test(arguments: ["none.tsv", "none.csv", "none.json"])
  func aMissingMapIsRefusedBeforeAnythingIsLearned(file: String) throws {
    let outcome = try scratch.zigzag(
      "run", "run.yaml", "-q", "--set", "evaluation.maps=[{name: other, file: \(file)}]")
    expectRefusal(outcome, code: 66, saying: file)
    #expect(!scratch.holds("runs/tiny/checkpoint.h5"))
  }

  @Test func theRunsOwnSearchMayBeMeasuredAsAMapToo() throws {
    let outcome = try scratch.zigzag(
      "run", "run.yaml", "--set",
      "evaluation.maps=[{name: own, file: runs/tiny/search-layers.csv}]")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(try scratch.text(of: "runs/tiny/curves.csv").contains("imported:own:layer:search"))
  }

  @Test func aSecondProcessIsRefused() throws {
    let output = try TemporaryFolder()
    let first = try ToolRunner.start(
      ["calibrate", "run.yaml", "--set", "calibration.steps=100000"], in: scratch.path,
      scratch: output)
    defer {
      first.terminate()
      first.waitUntilExit()
    }
    while first.isRunning
      && !scratch.holds("runs/tiny/run.json")
    {
      Thread.sleep(forTimeInterval: 0.005)
    }
    expectRefusal(
      try scratch.zigzag("calibrate", "run.yaml"), code: 73,
      saying: "another zigzag works in runs/tiny (process \(first.processIdentifier) on ")
  }

  @Test func aFinishedRunIsExported() throws {
    #expect(try scratch.zigzag("run", "run.yaml", "-q").code == 0)
    let outcome = try scratch.zigzag(
      "export", "runs/tiny", "-f", "huggingface", "-f", "duo-attention", "-s", "0.5", "--out",
      "maps")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output.split(separator: "\n").count == 7)
    #expect(outcome.errors.contains("warning: huggingface: "))
    #expect(try scratch.text(of: "maps/config.patch.json").contains("sliding_attention"))
    let again = try scratch.zigzag("export", "runs/tiny/maps/max-0.5.headmap.json", "--out", "one")
    #expect(again.code == 0, "\(again.errors)")
    #expect(
      try scratch.text(of: "one/headmap.json")
        == scratch.text(of: "runs/tiny/maps/max-0.5.headmap.json"))
    #expect(try scratch.zigzag("report", "runs/tiny").output == "runs/tiny/report.html\n")
    #expect(try scratch.zigzag("rank", "runs/tiny", "-s", "0.5").code == 0)
  }

  @Test func forwardWritesWhatOthersCanRead() throws {
    try NumpyIDs.write([1, 2, 3, 250], to: scratch.path("ids.npy"))
    let outcome = try scratch.zigzag("forward", "tiny.h5", "--tokens", "ids.npy", "--out", "h.npy")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.output == "h.npy: 4 × 16\n")
    expectRefusal(
      try scratch.zigzag("forward", "tiny.h5", "--tokens", "tiny.h5", "--out", "h.npy"), code: 65,
      saying: "tiny.h5")
    try NumpyIDs.write([1, 256], to: scratch.path("ids.npy"))
    expectRefusal(
      try scratch.zigzag("forward", "tiny.h5", "--tokens", "ids.npy", "--out", "h.npy"), code: 65,
      saying: "token 1: expected an id from 0 to 255, found 256")
    expectRefusal(
      try scratch.zigzag(
        "forward", "tiny.h5", "--tokens", "ids.npy", "--out", "h.npy", "--streaming", "4,0"),
      code: 64, saying: "--streaming is 4,0")
  }
}

/// Writes token ids as NumPy does: version 1.0, little-endian int32, one dimension.
private enum NumpyIDs {
  static func write(_ ids: [Int32], to path: String) throws {
    let fields = "{'descr': '<i4', 'fortran_order': False, 'shape': (\(ids.count),), }"
    let header = fields + String(repeating: " ", count: 117 - fields.count) + "\n"
    var bytes = Data([0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(header.utf8))
    for id in ids {
      bytes += (0..<4).map { UInt8(truncatingIfNeeded: id >> (8 * $0)) }
    }
    try bytes.write(to: URL(fileURLWithPath: path))
  }
}
