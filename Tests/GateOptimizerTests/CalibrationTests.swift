import Foundation
import GateOptimizer
import ModelLoader
import TestSupport
import Testing
import Transformer

@Suite struct CalibrationTests {
  /// Four numbers pulled to 0.3, 2, 0.5 and −1 for 20 steps and clamped to [0, 1]: PyTorch 2.13's
  /// AdamW without decay under DuoAttention's schedule, float64.
  @Test func optimizerAndScheduleArePyTorchs() {
    var settings = CalibrationSettings()
    settings.steps = 20
    let schedule = LearningRateSchedule(settings)
    let expected: [Int: (rate: Double, values: [Double])] = [
      1: (0.005, [0.9950000000714285, 1, 0.5, 0.015000000049019607]),
      4: (0.02, [0.9500548565663568, 1, 0.5, 0]),
      10: (0.02, [0.8317560958516548, 1, 0.5, 0]),
      20: (0.005, [0.6734350356512537, 1, 0.5, 0]),
    ]
    let targets = [0.3, 2, 0.5, -1]
    var (values, optimizer) = ([1, 1, 0.5, 0.02], AdamW(count: 4))
    for step in 0..<20 {
      let rate = schedule.rate(at: step)
      optimizer.update(&values, gradients: zip(values, targets).map(-), learningRate: rate)
      values = values.map { min(max($0, 0), 1) }
      guard let (expectedRate, expectedValues) = expected[step + 1] else { continue }
      #expect(abs(rate - expectedRate) < 1e-15)
      for (value, wanted) in zip(values, expectedValues) {
        #expect(abs(value - wanted) < 1e-12, "step \(step + 1)")
      }
    }
  }

  @Test func scheduleNeverFallsBelowItsFloor() {
    var settings = CalibrationSettings()
    (settings.steps, settings.warmup, settings.decay) = (100, 0.2, 0.2)
    let schedule = LearningRateSchedule(settings)
    let shares = (0..<100).map { schedule.rate(at: $0) / settings.learningRate }
    #expect(abs(shares[0] - 0.1) < 1e-12 && abs(shares[9] - 0.5) < 1e-12)
    #expect(shares[19...80].allSatisfy { $0 == 1 })
    #expect(abs(shares[90] - 0.5) < 1e-12 && abs(shares[99] - 0.1) < 1e-12)
    (settings.warmup, settings.decay) = (0, 0)
    #expect(LearningRateSchedule(settings).rate(at: 0) == settings.learningRate)
  }

  /// Four samples, eleven steps: the same gates and records whether the teacher is computed every time, or
  /// kept for all samples or for some, in memory or in files, read by a second process or not.
  @Test(arguments: Deployment.Phase.allCases)
  func cachedTeachersTeachTheSame(phase: Deployment.Phase) throws {
    let deployment = Deployment(StreamingWindow(sink: 2, recent: 6), phase: phase)
    let model = RandomModel(
      ModelConfiguration(
        modelType: "llama", layers: 3, hidden: 24, feedForward: 40, queryHeads: 6,
        keyValueHeads: 2, headDim: 6, vocabulary: 50, maxPositions: 1024), seed: 6)
    var settings = CalibrationSettings()
    (settings.steps, settings.samples, settings.batch) = (11, 4, 2)
    let folder = try TemporaryFolder()
    let size = Int32(model.configuration.vocabulary)
    var task = PasskeyTask()
    (task.passkeys, task.length) = (1, 1)
    let sampler = try PasskeySampler(
      task: task, haystack: .generated(), purpose: .calibration,
      contextLengths: [700, 800], seed: 7, startTokens: []
    ) { GateToyTokenizers.bytes($0).map { $0 % size } }
    func learn(_ cache: TeacherCacheSettings) throws -> CalibrationState {
      let calibrator = Calibrator(
        decoder: model.decoder, sampler: sampler, settings: settings,
        deployment: deployment, cache: cache)
      var state = CalibrationState(model.configuration, settings: settings)
      try calibrator.run(&state) { _, _ in true }
      return state
    }
    let expected = try learn(.none)
    #expect(try learn(TeacherCacheSettings(byteBudget: .max)) == expected)
    #expect(try learn(TeacherCacheSettings(byteBudget: 150_000)) == expected)
    let onDisk = TeacherCacheSettings(byteBudget: .max, folder: folder.path(""), identity: "this")
    #expect(try learn(onDisk) == expected)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("")).count == 4)
    #expect(try learn(onDisk) == expected)
    // Damaged files are computed anew, and written over.
    let sample = folder.path("sample-0.h5")
    let whole = try Data(contentsOf: URL(fileURLWithPath: sample))
    let count = try #require(try HDF5Object(opening: sample).child("outputs")).layout().count
    for values in [[.nan] + Array(repeating: 1, count: count - 1), [Float](repeating: 1, count: 7)]
    {
      try TeacherFile(path: sample, identity: "this").write(values)
      #expect(throws: (any Error).self) {
        try TeacherFile(path: sample, identity: "this").values(count: count)
      }
      #expect(try learn(onDisk) == expected)
      #expect(try Data(contentsOf: URL(fileURLWithPath: sample)) == whole)
    }
    try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: sample))
    #expect(try learn(onDisk) == expected)
    #expect(try Data(contentsOf: URL(fileURLWithPath: sample)) == whole)
    // Files of another run are not believed.
    var other = onDisk
    other.identity = "other"
    settings.regularization = 0.2
    #expect(try learn(other) == learn(.none))
    // Files that an interrupted job has left take their room of the budget.
    let crowded = try TemporaryFolder()
    try Data(count: 150_000).write(to: URL(fileURLWithPath: crowded.path("sample-9.h5")))
    _ = try learn(TeacherCacheSettings(byteBudget: 150_000, folder: crowded.path("")))
    #expect(try FileManager.default.contentsOfDirectory(atPath: crowded.path("")).count == 1)
  }

  private func state() -> CalibrationState {
    var optimizer = AdamW(count: 6)
    var values = [1, 0.5, 0, 0.25, 1.0 / 3, 1]
    optimizer.update(&values, gradients: [1, -2, 3, 0, 1e-9, 5], learningRate: 0.02)
    return CalibrationState(
      gates: GateMatrix(layers: 3, heads: 2, values: values).clipped, optimizer: optimizer,
      multiplier: 0.05,
      records: [
        CalibrationRecord(
          step: 1, loss: 0.1, distillation: 1.0 / 7, regularization: 0.05, learningRate: 0.002,
          tokens: 1024, studentRows: 24_383)
      ])
  }

  @Test func checkpointsKeepEveryBit() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("checkpoint.h5")
    try state().write(to: path, identity: "a run")
    let read = try CalibrationState(
      reading: path, identity: "a run", space: MapSpace(layers: 3, heads: 2), steps: 4)
    #expect(read == state())
    // The same state gives the same file.
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    try read.write(to: path, identity: "a run")
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == bytes)
  }

  /// Values that no run leaves are those of a damaged disk, or of a file made to mislead.
  @Test func absurdCheckpointsAreRefused() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("checkpoint.h5")
    let sound = state()
    func refusal(
      _ words: String, gates: [Double]? = nil, step: Int = 1, mean: Double? = nil,
      square: Double? = nil, multiplier: Double = 0.05,
      _ change: (inout CalibrationRecord) -> Void = { _ in }
    ) throws {
      var record = sound.records[0]
      change(&record)
      let (means, squares) = (sound.optimizer.mean, sound.optimizer.square)
      try CalibrationState(
        gates: GateMatrix(layers: 3, heads: 2, values: gates ?? sound.gates.values),
        optimizer: AdamW(
          step: step, mean: [mean ?? means[0]] + means[1...],
          square: [square ?? squares[0]] + squares[1...]),
        multiplier: multiplier, records: Array(repeating: record, count: max(step, 0))
      ).write(to: path, identity: "a run")
      let error = #expect(throws: CalibrationError.self) {
        try CalibrationState(
          reading: path, identity: "a run", space: MapSpace(layers: 3, heads: 2), steps: 1)
      }
      let sentence = error?.description ?? ""
      #expect(sentence.contains(words) && sentence.contains(path), "\(sentence)")
    }
    try refusal("in optimizer/mean", mean: .nan)
    try refusal("in optimizer/mean", mean: 1e308)
    try refusal("in optimizer/mean", mean: 2)
    try refusal("in optimizer/square", square: -1)
    try refusal("in optimizer/square", square: 1e308)
    try refusal("in multiplier", multiplier: -1)
    try refusal("in records/loss") { $0.loss = .infinity }
    try refusal("in records/learning_rate") { $0.learningRate = -0.1 }
    try refusal("in records/tokens") { $0.tokens = -1 }
    try refusal("in records/student_rows") { $0.studentRows = .max }
    try refusal("a step from 0 to 1, found step 2", step: 2)
    try refusal("a step from 0 to 1, found step -1", step: -1)
    try refusal("in gates", gates: [1, 0, 1.5, 0, 0, 0])
  }

  @Test func otherCheckpointsAreRefused() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("checkpoint.h5")
    try state().write(to: path, identity: "a run")
    func refusal(_ identity: String, layers: Int) -> String? {
      do {
        _ = try CalibrationState(
          reading: path, identity: identity, space: MapSpace(layers: layers, heads: 2), steps: 4)
        return nil
      } catch {
        return "\(error)"
      }
    }
    #expect(refusal("another run", layers: 3)?.contains("found one of another run") == true)
    #expect(
      refusal("a run", layers: 4)?.contains(
        "/gates: expected float64s of shape [4, 2], found float64s of shape [3, 2]") == true)
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    for count in [0, 8, 512, whole.count / 2, whole.count - 1] {
      try whole.prefix(count).write(to: URL(fileURLWithPath: path))
      #expect(refusal("a run", layers: 3)?.contains("checkpoint.h5") == true, "\(count) bytes")
    }
  }
}
