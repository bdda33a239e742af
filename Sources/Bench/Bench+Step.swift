import MapReporter
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
