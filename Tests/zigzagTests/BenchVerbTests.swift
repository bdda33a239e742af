import Bench
import Foundation
import MapReporter
import ModelLoader
import TestSupport
import Testing

/// Benchmarks of the tiny model: its times mean nothing, but every number must be there and agree.
@Suite struct BenchVerbTests {
  private let scratch: TemporaryFolder
  private let small = [
    "--lengths", "24,40", "--labels", "6", "--sink", "2", "--recent", "8", "--repeats", "1",
    "--decode-tokens", "3", "--sparsities", "50",
  ]

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(to: scratch.path("tiny.h5"))
  }

  private func bench(_ arguments: [String]) throws -> ToolOutcome {
    try ToolRunner.run(["bench", "tiny.h5"] + arguments, in: scratch.path)
  }

  private func report(_ arguments: [String]) throws -> BenchReport {
    let outcome = try bench(arguments + ["--json", "--quiet"])
    #expect(outcome.code == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
    return try JSONDecoder().decode(BenchReport.self, from: Data(outcome.output.utf8))
  }

  private func step(_ folder: String) throws -> StepRecord {
    let outcome = try bench(["--step-from", folder, "--repeats", "1", "--quiet"])
    #expect(outcome.code == 0, "\(outcome.errors)")
    return try JSONDecoder().decode(StepRecord.self, from: Data(outcome.output.utf8))
  }

  private func expectSound(_ rate: WorkRate, sourceLocation: SourceLocation = #_sourceLocation) {
    for number in [rate.gflop, rate.gflopPerSecond, rate.yardstick, rate.share] {
      #expect(number.isFinite && number > 0, "\(rate)", sourceLocation: sourceLocation)
    }
  }

  @Test func everythingIsMeasured() throws {
    let report = try report(small)
    #expect(report.input.map(\.source) == Array(repeating: "random ids, seed 0", count: 2))
    let gemm = try #require(report.gemm)
    #expect(gemm.oneCore > 0 && gemm.allCores > 0 && gemm.own > 0)
    let attention = try #require(report.attention)
    #expect(attention.map(\.tokens) == [24, 24, 40, 40])
    #expect(attention.map(\.kind) == ["full", "streaming", "full", "streaming"])
    for row in attention { expectSound(row.rate) }
    for row in try #require(report.prefill) {
      expectSound(row.rate)
      #expect(row.tokensPerSecond > 0 && row.seconds.samples.count == 1)
    }
    for row in try #require(report.decode) {
      // Two layers of two heads of 8, float32; the prompt, two untimed tokens, three timed ones.
      #expect(row.cacheBytes == 2 * 2 * 2 * 8 * 4 * (row.promptTokens + 5))
      #expect(row.generated.count == 5 && row.seconds.samples.count == 3)
      #expect(row.gigabytesPerSecond.isFinite && row.gigabytesPerSecond > 0)
    }
  }

  @Test func stepsAreMeasuredPartByPart() throws {
    let report = try report(small + ["--measure", "step"])
    #expect(report.gemm == nil && report.attention == nil && report.maps == nil)
    let steps = try #require(report.step)
    #expect(steps.map(\.tokens) == [24, 40])
    for step in steps {
      // The last layer's 6 rows, and 2 + 6 + 7 below.
      #expect(step.studentRows == 21 && step.predictedStudentRows == 21)
      let parts = step.rates
      for rate in [parts.teacher, parts.student, parts.backward, parts.total] { expectSound(rate) }
      let sum = parts.teacher.gflop + parts.student.gflop + parts.backward.gflop
      #expect(abs(sum - parts.total.gflop) < 1e-12)
      #expect(step.memory.peakBytes >= step.memory.anonymousBytes)
      #expect(step.memory.peakAnonymousBytes > 1 << 20)
      #expect(step.loss > 0)
    }
  }

  @Test func patternsOfOneSparsityHaveAsManyHeads() throws {
    try scratch.write("0.9\t0.1\n0.2\t0.8\n", to: "gates.tsv")
    let report = try report(small + ["--measure", "maps", "--gates", "gates.tsv"])
    let maps = try #require(report.maps)
    #expect(maps.gates == "gates.tsv")
    for length in maps.lengths {
      #expect(
        length.patterns.map(\.method) == ["full", "streaming", "head-mixed", "layer:max"])
      #expect(length.patterns.map(\.retrievalHeads) == [4, 0, 2, 2])
      #expect(length.patterns.map(\.mixedLayers) == [0, 0, 2, 0])
      let slot = 2 * 8 * 4
      let (whole, window) = (length.tokens + 5, 2 + 8)
      #expect(
        length.patterns.map(\.cacheBytes) == [
          4 * slot * whole, 4 * slot * window, 2 * slot * (whole + window),
          2 * slot * (whole + window),
        ])
      for pattern in length.patterns { expectSound(pattern.prefillRate) }
      let gain = try #require(length.gains.first)
      #expect(gain.sparsity == 0.5 && gain.cacheBytes == 1)
      #expect(gain.prefill > 0 && gain.decode > 0)
    }
  }

  /// After the prompt alone, every pattern has full attention's prefill and the caches of its window.
  @Test func patternsMayStreamAfterThePromptAlone() throws {
    let measure = small + ["--measure", "maps,prompts,kept-step"]
    let everywhere = try #require(try report(measure).maps)
    let report = try report(measure + ["--phase", "decode"])
    #expect(report.settings.phase == .decode)
    let maps = try #require(report.maps)
    for (own, others) in zip(maps.lengths, everywhere.lengths) {
      #expect(own.patterns.map(\.cacheBytes) == others.patterns.map(\.cacheBytes))
      let full = own.patterns[0].prefillRate.gflop
      #expect(own.patterns.allSatisfy { $0.prefillRate.gflop == full })
      #expect(others.patterns[1].prefillRate.gflop < full)
    }
    for row in try #require(report.prompts) {
      #expect(row.rows == 6 && row.cacheBytes == 2 * 2 * 2 * 8 * 4 * (row.tokens - 6))
      #expect(row.map.median > 0 && row.trial.median > 0 && row.read.median > 0)
    }
    #expect(try #require(report.keptStep).map(\.tokens) == [24, 40])
    // In the prompt alone, what is decoded sees all of it: no cache is smaller.
    let prompt = try #require(try self.report(measure + ["--phase", "prompt"]).maps)
    for own in prompt.lengths {
      #expect(own.patterns.allSatisfy { $0.cacheBytes == own.patterns[0].cacheBytes })
      #expect(own.patterns[1].prefillRate.gflop < own.patterns[0].prefillRate.gflop)
    }
    let tables = try bench(measure + ["--phase", "decode"])
    for text in ["streaming in decode alone", "prompts: 6 rows", "steps: 6 label rows"] {
      #expect(tables.output.contains(text), "\(tables.output)")
    }
  }

  @Test func gatesMayBeAPatternFolderOrScores() throws {
    try FileManager.default.createDirectory(
      atPath: scratch.path("pattern"), withIntermediateDirectories: true)
    try scratch.write("0.9\t0.1\n0.2\t0.8\n", to: "pattern/full_attention_heads.tsv")
    try scratch.write(
      #"{"0-0": [0.9], "0-1": [0], "0-2": [0.1], "0-3": [0], "1-0": [0.2], "1-1": [0], "1-2": [0], "1-3": [0.8]}"#,
      to: "scores.json")
    for (given, file) in [
      ("pattern", "pattern/full_attention_heads.tsv"), ("scores.json", "scores.json"),
    ] {
      let report = try report(small + ["--measure", "maps", "--gates", given])
      let maps = try #require(report.maps)
      #expect(maps.gates == file)
      #expect(maps.lengths[0].patterns.map(\.mixedLayers) == [0, 0, 2, 0])
    }
    expectRefusal(
      try bench(["--gates", "pattern", "--out", "pattern/full_attention_heads.tsv"]), code: 64,
      saying: "would replace pattern/full_attention_heads.tsv")
    try scratch.write("1\t0\n0\t1\n", to: "cut.tsv")
    let cut = try bench(small + ["--measure", "maps", "--gates", "cut.tsv", "--json", "-q"])
    #expect(cut.code == 0 && cut.errors.contains("cut.tsv holds only 0 and 1"), "\(cut.errors)")
  }

  @Test func peopleGetTables() throws {
    let outcome = try bench(small + ["--measure", "gemm,step,maps", "--out", "report.json"])
    #expect(outcome.code == 0, "\(outcome.errors)")
    for text in ["\ngemm: ", "\nstep: two streams, 6 label rows\n", "gates: random, seed 0\n"] {
      #expect(outcome.output.contains(text), "\(outcome.output)")
    }
    #expect(outcome.errors.contains("step, 40 tokens 1/1 rounds"))
    let file = try Data(contentsOf: URL(fileURLWithPath: scratch.path("report.json")))
    #expect(try JSONDecoder().decode(BenchReport.self, from: file).step?.count == 2)
  }

  @Test func longerThanTheModelWasMadeFor() throws {
    let outcome = try bench([
      "--measure", "prefill", "--lengths", "2500", "--repeats", "1", "--json",
    ])
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("tiny.h5 was made for at most 512 tokens"))
    #expect(outcome.output.contains("\"passkey sample, seed 0\""))
  }

  @Test func aStepIsMadeAgainElsewhere() throws {
    let options = ["--lengths", "40", "--measure", "step", "--write-step", "step"]
    let written = try #require(try report(small + options).step?.first)
    let again = try step("step")
    #expect(again.loss == written.loss && again.lossDifference == 0)
    // The folder holds float32.
    #expect(try #require(again.gradientDifference) < 1e-6)
    #expect(again.labelRows == [34, 40] && again.sink == 2 && again.recent == 8)
    let (shape, gates) = try NumpyFile.readFloats(path: scratch.path("step/gates.npy"))
    #expect(shape == [2, 2])
    try NumpyFile.write(
      gates.map { 1 - $0 }, shape: shape, to: scratch.path("step/gates.npy"))
    let other = try step("step")
    #expect(other.lossDifference != 0 && other.loss != written.loss)
    #expect(try #require(other.gradientDifference) > 1e-6)
  }

  @Test func tokensComeFromAFile() throws {
    let ids = (0..<30).map { Int32($0 * 7) }
    try NumpyFile.write(ids, shape: [30], to: scratch.path("ids.npy"))
    let options = ["--measure", "step", "--labels", "4", "--repeats", "1", "--tokens", "ids.npy"]
    let report = try report(options + ["--write-step", "step"])
    #expect(report.input.map(\.tokens) == [30] && report.input[0].source == "ids.npy")
    #expect(try NumpyFile.readInt32(path: scratch.path("step/tokens.npy")).values == ids)
    expectRefusal(
      try bench(options + ["--lengths", "31"]), code: 64, saying: "--lengths", "at most 30",
      "ids.npy")
  }

  @Test func anInterruptedBenchmarkSaysSo() throws {
    let output = try TemporaryFolder()
    let process = try ToolRunner.start(
      [
        "bench", "tiny.h5", "--measure", "step", "--lengths", "200", "--repeats", "100000",
        "--write-step", "step",
      ], in: scratch.path, scratch: output)
    while process.isRunning && !scratch.holds("step") {
      Thread.sleep(forTimeInterval: 0.005)
    }
    process.interrupt()
    process.waitUntilExit()
    #expect(process.terminationStatus == 75)
    #expect(!scratch.holds("step/step.json"))
  }

  @Test(arguments: [
    (["--measure", "speed"], Int32(64), "--measure has \"speed\" in it"),
    (["--lengths", "1k"], 64, "--lengths has \"1k\" in it"),
    (["--lengths", "0"], 64, "--lengths must be"),
    (["--lengths", "40"], 64, "--labels must be at most 40"),
    (["--recent", "0"], 64, "--recent must be at least 1"),
    (["--sink=-1"], 64, "--sink must be 0 or more"),
    (["--repeats", "0"], 64, "--repeats must be at least 1"),
    (["--decode-tokens", "0"], 64, "--decode-tokens must be at least 1"),
    (["--sparsities", "50,150"], 64, "but is 150.0"),
    (["--sparsities=-1"], 64, "--sparsities"),
    (["--write-step", "step"], 64, "--write-step must be given with --measure step"),
    (["--write-step", "a", "--step-from", "b"], 64, "contradict"),
    (["--out", "none/report.json"], 73, "none/report.json"),
    (["--gates", "gates.tsv"], 65, "gates.tsv is for 1 layers"),
    (["--gates", "none.tsv"], 66, "none.tsv"),
    (["--tokens", "none.npy"], 66, "none.npy"),
    (["--tokens", "ids.npy"], 65, "token 1: expected an id from 0 to 255, found 256"),
    (["--step-from", "none"], 66, "none/step.json"),
  ])
  func impossibleRequestsAreOneSentence(options: [String], code: Int32, found: String) throws {
    try scratch.write("0.5\t0.5\n", to: "gates.tsv")
    try NumpyFile.write([Int32(1), 256], shape: [2], to: scratch.path("ids.npy"))
    expectRefusal(try bench(options), code: code, saying: found)
  }

  @Test(arguments: [
    ("\"sink\": 2", "\"sink\": -2", "sink: expected 0 or more"),
    ("\"labelRows\": [34, 40]", "\"labelRows\": [34, 41]", "labelRows: expected"),
    ("\"tokens\": 40", "\"tokens\": 41", "tokens: expected 40"),
    ("\"weightsSHA256\": \"", "\"weightsSHA256\": \"0", "weightsSHA256: expected"),
    (
      "\"configurationSHA256\": \"", "\"configurationSHA256\": \"0",
      "configurationSHA256: expected"
    ),
    ("\"loss\"", "\"less\"", "loss: expected a value"),
  ])
  func aDamagedStepNamesItsPlace(old: String, new: String, found: String) throws {
    _ = try report(small + ["--lengths", "40", "--measure", "step", "--write-step", "step"])
    let path = scratch.path("step/step.json")
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try scratch.write(text.replacing(old, with: new), to: "step/step.json")
    #expect(text.contains(old))
    expectRefusal(
      try bench(["--step-from", "step", "--repeats", "1"]), code: 65, saying: "step/step.json",
      found)
  }
}
