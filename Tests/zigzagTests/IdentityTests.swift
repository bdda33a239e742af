import Foundation
import ModelLoader
import TestSupport
import Testing
import Transformer

/// Another configuration or tokenizer under the same weights is another model, wherever one is named.
@Suite struct IdentityTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(to: scratch.path("tiny.h5"))
    try scratch.write(TinyRun.configuration(steps: 6, checkpointEvery: 2), to: "run.yaml")
  }

  /// Another model of the same weights.
  enum Other: String, CaseIterable {
    case theta, epsilon, tokenizer

    /// What the refusal says of it.
    var words: String {
      switch self {
      case .theta: "the configuration differs: rope_theta is 100000, there it was 10000"
      case .epsilon: "the configuration differs: rms_norm_eps is 0.001, there it was 1e-05"
      case .tokenizer: "the tokenizer differs: its hash is "
      }
    }

    func write(to path: String) throws {
      var configuration = TinyModel.configuration
      switch self {
      case .theta: configuration.eachKind { $0.rotary?.theta = 100_000 }
      case .epsilon: configuration.rmsNormEpsilon = 1e-3
      case .tokenizer: break
      }
      try TinyModel.write(configuration, to: path, addsPrefixSpace: self == .tokenizer)
    }
  }

  private func replaceModel(by other: Other) throws { try other.write(to: scratch.path("tiny.h5")) }

  /// A record or map as an earlier version wrote it.
  private func makeOld(_ file: String) throws {
    let data = try Data(contentsOf: URL(fileURLWithPath: scratch.path(file)))
    var json = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    var model = try #require(json["model"] as? [String: Any])
    #expect(model.removeValue(forKey: "configuration_sha256") != nil)
    #expect(model.removeValue(forKey: "tokenizer_sha256") != nil)
    json["model"] = model
    json["model_configuration"] = nil
    try JSONSerialization.data(withJSONObject: json)
      .write(to: URL(fileURLWithPath: scratch.path(file)))
  }

  private func makeOldFolder() throws {
    try makeOld("runs/tiny/run.json")
    try FileManager.default.removeItem(atPath: scratch.path("runs/tiny/results.json"))
  }

  private func warnings(_ outcome: ToolOutcome) -> [Substring] {
    outcome.errorLines.filter { $0.contains("warning: ") }
  }

  @Test(arguments: Other.allCases)
  func aFinishedRunIsOfItsModel(other: Other) throws {
    #expect(try scratch.zigzag("run", "run.yaml", "-q").code == 0)
    let bytes = try scratch.text(of: "runs/tiny/run.json")
    try replaceModel(by: other)
    for arguments in [
      ["run", "run.yaml"], ["calibrate", "run.yaml"], ["evaluate", "run.yaml"],
      ["search", "run.yaml"], ["rank", "runs/tiny", "-s", "0.5"], ["export", "runs/tiny"],
      ["report", "runs/tiny"],
    ] {
      expectRefusal(
        try ToolRunner.run(arguments + ["-q"], in: scratch.path), code: 64, saying: "runs/tiny",
        other.words)
    }
    #expect(try scratch.text(of: "runs/tiny/run.json") == bytes)
    expectRefusal(
      try scratch.zigzag("run", "--from", "runs/tiny/run.json", "--runs", "b", "-q"), code: 64,
      saying: "runs/tiny/run.json cannot be made again", other.words)
    #expect(!scratch.holds("b/tiny/checkpoint.h5"))
  }

  @Test(arguments: Other.allCases)
  func aCheckpointIsOfItsModel(other: Other) throws {
    #expect(try scratch.zigzag("calibrate", "run.yaml", "-q").code == 0)
    try FileManager.default.removeItem(atPath: scratch.path("runs/tiny/gates.tsv"))
    try replaceModel(by: other)
    expectRefusal(
      try scratch.zigzag("calibrate", "run.yaml", "-q"), code: 64, saying: "runs/tiny", other.words)
    // Neither without the record: the checkpoint itself knows.
    for file in ["run.json", "results.json"] {
      try FileManager.default.removeItem(atPath: scratch.path("runs/tiny/\(file)"))
    }
    expectRefusal(
      try scratch.zigzag("calibrate", "run.yaml", "-q"), code: 65, saying: "checkpoint.h5",
      "one of other \(other == .tokenizer ? "tokenizer" : "configuration")")
  }

  @Test(arguments: Other.allCases)
  func aModelThatIsNamedIsCompared(other: Other) throws {
    #expect(try scratch.zigzag("run", "run.yaml", "-q").code == 0)
    try other.write(to: scratch.path("other.h5"))
    let map = "runs/tiny/maps/max-0.5.headmap.json"
    // A map knows hashes alone, a run its configuration too.
    let words = other == .tokenizer ? "the tokenizer differs" : "the configuration differs"
    expectRefusal(
      try scratch.zigzag("rank", "runs/tiny", "-s", "0.5", "--model", "other.h5"), code: 65,
      saying: "runs/tiny was made for another model than other.h5", words)
    for source in ["runs/tiny", map] {
      expectRefusal(
        try scratch.zigzag("export", source, "--model", "other.h5", "--out", "out"), code: 65,
        saying: "was made for another model than other.h5", words)
    }
    #expect(!scratch.holds("out"))
    let own = try scratch.zigzag("export", map, "--model", "tiny.h5", "--out", "out")
    #expect(own.code == 0 && warnings(own).isEmpty, "\(own.errors)")
    #expect(try scratch.text(of: "out/headmap.json") == scratch.text(of: map))
    #expect(try scratch.zigzag("rank", "runs/tiny", "-s", "0.5", "--model", "tiny.h5").code == 0)
    // A map may be tried on a relative of its model, but not without a word.
    try NumpyFile.write([1, 2, 3] as [Int32], shape: [3], to: scratch.path("ids.npy"))
    let forward = ["forward", "other.h5", "--tokens", "ids.npy", "--map", map, "--out", "h.npy"]
    let tried = try ToolRunner.run(forward, in: scratch.path)
    #expect(tried.code == 0 && warnings(tried).count == 1, "\(tried.errors)")
    #expect(tried.errors.contains(words))
  }

  @Test func oldFilesAreTakenWithOneWarning() throws {
    #expect(try scratch.zigzag("run", "run.yaml", "-q").code == 0)
    let map = "runs/tiny/maps/max-0.5.headmap.json"
    try makeOld(map)
    try NumpyFile.write([1, 2, 3] as [Int32], shape: [3], to: scratch.path("ids.npy"))
    try makeOldFolder()
    for arguments in [
      ["export", map, "--model", "tiny.h5", "--out", "out"],
      ["forward", "tiny.h5", "--tokens", "ids.npy", "--map", map, "--out", "h.npy"],
      ["rank", "runs/tiny", "-s", "0.5"], ["rank", "runs/tiny", "-s", "0.5", "--model", "tiny.h5"],
      ["export", "runs/tiny", "-s", "0.5", "--out", "out"], ["report", "runs/tiny"],
      ["run", "--from", "runs/tiny/run.json", "--runs", "b"],
    ] {
      let outcome = try ToolRunner.run(arguments + ["-q"], in: scratch.path)
      #expect(outcome.code == 0, "\(outcome.errors)")
      let found = warnings(outcome).filter { !$0.contains("headmap: ") }
      #expect(found.count == 1, "\(arguments): \(outcome.errors)")
      #expect(found.first?.contains("configuration and tokenizer of its model") == true)
    }
    let scores = try scratch.text(of: "runs/tiny/scores.csv")
    let run = try scratch.zigzag("run", "run.yaml", "-q")
    #expect(run.code == 0 && warnings(run).count == 1, "\(run.errors)")
    for words in [
      "gates.tsv, search-layers.csv", "attention.tsv", "scores.csv, task words",
      "the configuration and tokenizer",
    ] {
      #expect(run.errors.contains(words), "\(run.errors)")
    }
    #expect(try scratch.text(of: "runs/tiny/scores.csv") == scores)
    // From now on the folder knows.
    let again = try scratch.zigzag("run", "run.yaml", "-q")
    #expect(again.code == 0 && again.errors.isEmpty, "\(again.errors)")
  }

  @Test func anOldCheckpointIsGoneOnWith() throws {
    #expect(try scratch.zigzag("calibrate", "run.yaml", "-q").code == 0)
    let gates = try scratch.text(of: "runs/tiny/gates.tsv")
    try FileManager.default.removeItem(atPath: scratch.path("runs/tiny/gates.tsv"))
    try makeOldFolder()
    let outcome = try scratch.zigzag("calibrate", "run.yaml")
    #expect(outcome.code == 0 && warnings(outcome).count == 1, "\(outcome.errors)")
    #expect(outcome.errors.contains("learning continues"))
    #expect(try scratch.text(of: "runs/tiny/gates.tsv") == gates)
  }

  /// The outputs of a teacher are kept in files, which another model must not read.
  @Test(arguments: [Other.theta, .tokenizer])
  func theTeachersOutputsAreOfTheirModel(other: Other) throws {
    let cached = [
      "calibrate", "run.yaml", "-q", "--set", "calibration.samples=2", "--set",
      "compute.teacher_cache=1GiB", "--set", "compute.teacher_cache_on_disk=true",
    ]
    let long = cached + ["--set", "calibration.steps=100000"]
    let output = try TemporaryFolder()
    let process = try ToolRunner.start(long, in: scratch.path, scratch: output)
    while process.isRunning && !scratch.holds("runs/tiny/teacher/sample-1.h5") {
      Thread.sleep(forTimeInterval: 0.002)
    }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    let kept = scratch.path("runs/tiny/teacher")
    #expect(FileManager.default.fileExists(atPath: kept))
    try replaceModel(by: other)
    for folder in ["b/tiny", "c/tiny"] {
      try FileManager.default.createDirectory(
        atPath: scratch.path(folder), withIntermediateDirectories: true)
    }
    try FileManager.default.copyItem(atPath: kept, toPath: scratch.path("b/tiny/teacher"))
    #expect(try ToolRunner.run(cached + ["--runs", "b"], in: scratch.path).code == 0)
    #expect(try ToolRunner.run(cached + ["--runs", "c"], in: scratch.path).code == 0)
    #expect(try scratch.text(of: "b/tiny/gates.tsv") == scratch.text(of: "c/tiny/gates.tsv"))
  }

  @Test func inspectShowsTheParts() throws {
    let identity = try ModelFile.inspect(path: scratch.path("tiny.h5")).identity
    let parts = [
      identity.weightsSHA256, identity.configurationSHA256, identity.tokenizerSHA256,
    ].compactMap(\.self)
    #expect(Set(parts).count == 3)
    for arguments in [["inspect", "tiny.h5"], ["inspect", "tiny.h5", "--json"]] {
      let outcome = try ToolRunner.run(arguments, in: scratch.path)
      for part in parts { #expect(outcome.output.contains(part)) }
    }
  }

  @Test func aSweepIsOfItsModel() throws {
    try scratch.write(
      "name: sweep\nbase: run.yaml\nvary: {calibration.regularization: [0.1]}\n",
      to: "sweep.yaml")
    let sweep = ["sweep", "sweep.yaml"]
    let first = try ToolRunner.run(sweep, in: scratch.path)
    #expect(first.code == 0, "\(first.errors)")
    let again = try ToolRunner.run(sweep, in: scratch.path)
    #expect(again.code == 0 && again.errors.contains("finished before"), "\(again.errors)")
    // As an earlier version wrote it.
    let record = scratch.path("runs/sweep/sweep.json")
    let written = try Data(contentsOf: URL(fileURLWithPath: record))
    var json = try #require(try JSONSerialization.jsonObject(with: written) as? [String: Any])
    var runs = try #require(json["runs"] as? [String: [String: Any]])
    for name in runs.keys { runs[name]?["inputs"] = nil }
    json["runs"] = runs
    try JSONSerialization.data(withJSONObject: json).write(to: URL(fileURLWithPath: record))
    let old = try ToolRunner.run(sweep, in: scratch.path)
    #expect(old.code == 0 && warnings(old).count == 1, "\(old.errors)")
    #expect(old.errors.contains("finished before"))
    try written.write(to: URL(fileURLWithPath: record))
    try replaceModel(by: .theta)
    let other = try ToolRunner.run(sweep, in: scratch.path)
    #expect(other.code == 64 && !other.errors.contains("finished before"), "\(other.errors)")
    #expect(other.errors.contains(Other.theta.words))
  }
}
