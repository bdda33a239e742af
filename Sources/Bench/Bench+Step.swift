import GateOptimizer
import MapReporter
import Support
import Transformer

/// What one two-stream step is made on.
struct StepSample {
  var tokens: [Int32]
  var labelRows: Range<Int>
  var gates: [[Float]]
  var window: StreamingWindow

  /// A step that compares the last rows of `tokens`, with random gates.
  init(_ tokens: [Int32], settings: BenchSettings, input: BenchInput) {
    self.init(
      tokens: tokens, labelRows: tokens.count - settings.labels..<tokens.count,
      gates: input.stepGates, window: settings.window)
  }

  /// A step of known parts.
  init(tokens: [Int32], labelRows: Range<Int>, gates: [[Float]], window: StreamingWindow) {
    self.tokens = tokens
    self.labelRows = labelRows
    self.gates = gates
    self.window = window
  }
}

/// A step that was measured: the numbers for people, and the gradients.
struct MeasuredStep {
  let result: StepResult
  /// (L, K).
  let gradients: [[Double]]
}

extension Bench {
  /// The two-stream step on `sample`: the same work in every round.
  func step(_ sample: StepSample) throws -> MeasuredStep {
    let twoStreams = TwoStreamStep(
      decoder, window: sample.window, memoryBudget: settings.memoryBudget ?? .max)
    func once() -> (step: TwoStreamResult, seconds: Double) {
      let start = ContinuousClock.now
      let result = twoStreams(
        tokens: sample.tokens, labelRows: sample.labelRows, gates: sample.gates)
      return (result, (ContinuousClock.now - start) / .seconds(1))
    }
    // The first step does not count, so that watching its memory costs nothing.
    let (first, memory) = try unlessStopped { ProcessMemory.watching { once() } }
    let measured = try rounds("step, \(sample.tokens.count) tokens", warmUp: false) { _ in once() }
    let samples = measured.samples[0]
    let seconds = StepParts(
      teacher: Timing(samples.map(\.step.seconds.teacher)),
      student: Timing(samples.map(\.step.seconds.student)),
      backward: Timing(samples.map(\.step.seconds.backward)),
      total: Timing(samples.map(\.seconds)))
    let result = StepResult(
      tokens: sample.tokens.count, labels: sample.labelRows.count, seconds: seconds,
      studentRows: first.step.studentRows,
      predictedStudentRows: sample.window.predictedStudentRows(
        layers: decoder.configuration.layers, labels: sample.labelRows.count,
        tokens: sample.labelRows.upperBound),
      rates: rates(sample, seconds, yardstick: measured.yardstick), memory: memory,
      loss: first.step.distillation)
    return MeasuredStep(result: result, gradients: first.step.gateGradients)
  }

  private func rates(
    _ sample: StepSample, _ seconds: StepParts<Timing>, yardstick: Double
  ) -> StepParts<WorkRate> {
    let operations = count.step(window: sample.window, labelRows: sample.labelRows)
    func rate(_ part: Operations, _ time: Timing) -> WorkRate {
      WorkRate(part, seconds: time.median, yardstick: yardstick)
    }
    return StepParts(
      teacher: rate(operations.teacher, seconds.teacher),
      student: rate(operations.student, seconds.student),
      backward: rate(operations.backward, seconds.backward),
      total: rate(operations.total, seconds.total))
  }
}

extension Bench {
  /// Measures one step and leaves it in `folder` for other implementations.
  ///
  /// - Throws: ``MapReporterError/invalidValue(place:expected:found:)`` unless a step of one length is
  ///   all that is asked for; the errors of ``run()`` and of writing.
  package func run(writingStepTo folder: String) throws -> BenchReport {
    guard settings.measures == [.step], settings.lengths.count == 1 else {
      throw MapReporterError.invalidValue(
        place: "--write-step", expected: "given with --measure step and one length",
        found: "given with \(settings.measures.map(\.rawValue).joined(separator: ",")) at "
          + "\(settings.lengths.count) lengths")
    }
    let texts = try texts()
    let place = StepFolder(path: folder)
    try AtomicFile.createFolder(folder)
    let sample = StepSample(texts[0].tokens, settings: settings, input: input)
    let measured = try step(sample)
    try model.requireUnchanged()
    try place.write(
      sample, measured,
      record: StepRecord(sample, measured.result, identity: model.identity))
    var report = report(on: texts)
    report.step = [measured.result]
    return report
  }

  /// Makes exactly the step of `folder` again; of the settings only `repeats` counts.
  ///
  /// - Throws: The errors of ``run()``, and those of reading where the folder holds no step of this
  ///   model.
  package func repeatStep(from folder: String) throws -> StepRecord {
    let place = StepFolder(path: folder)
    let stored = try place.readRecord()
    let sample = try place.readSample(stored, for: model)
    let gradients = try place.readGradients(for: model).joined().map { Double($0) }
    if stored.configurationSHA256 == nil {
      observer.warn(
        "\(folder) is of an earlier version and does not say the configuration of its model, which could "
          + "not be compared")
    }
    let measured = try step(sample)
    try model.requireUnchanged()
    var record = StepRecord(sample, measured.result, identity: model.identity)
    let largest = gradients.reduce(1e-30) { max($0, abs($1)) }
    let differences = zip(measured.gradients.joined(), gradients).map { abs($0 - $1) }
    record.lossDifference = record.loss - stored.loss
    record.gradientDifference = (differences.max() ?? 0) / largest
    return record
  }
}
