import ModelLoader
import Support
import Transformer

/// Learns one gate per key-value head on samples such as passkeys: DuoAttention's method (arXiv 2410.10819,
/// §3.2), computed as docs/method.md describes.
///
/// Step s trains on the samples s·batch ..< (s + 1)·batch, counted round a finite set if there is one,
/// each a pure function of (seed, index), so that a calibration that is stopped and resumed gives the
/// bits of one that ran through.
public struct Calibrator: Sendable {
  let decoder: DecoderModel
  let sampler: any SampleSource
  let settings: CalibrationSettings
  let step: TwoStreamStep
  let cache: TeacherCacheSettings
  let check: @Sendable () throws -> Void

  /// A calibration of `decoder` on the samples of `sampler`, for maps in a `deployment`.
  ///
  /// The `memoryBudget` of a step's activations, in bytes, changes no bit of the result.
  public init(
    decoder: DecoderModel, sampler: any SampleSource, settings: CalibrationSettings,
    deployment: Deployment, memoryBudget: Int = .max
  ) {
    self.init(
      decoder: decoder, sampler: sampler, settings: settings, deployment: deployment,
      memoryBudget: memoryBudget, cache: .none)
  }

  /// A calibration that keeps the teacher's outputs.
  ///
  /// Neither the `memoryBudget` of a step's activations, in bytes, nor the `cache` changes a bit of the
  /// result. What `check` throws before a file of the cache is written ends the calibration.
  package init(
    decoder: DecoderModel, sampler: any SampleSource, settings: CalibrationSettings,
    deployment: Deployment, memoryBudget: Int = .max, cache: TeacherCacheSettings,
    check: @escaping @Sendable () throws -> Void = {}
  ) {
    self.decoder = decoder
    self.sampler = sampler
    self.settings = settings
    self.cache = cache
    self.check = check
    step = TwoStreamStep(
      decoder, deployment: deployment, memoryBudget: memoryBudget,
      retrieval: settings.retrieval)
  }

  /// Runs from `state` until all steps are done or `onStep` returns false.
  ///
  /// - Parameters:
  ///   - state: Where to go on; updated after every step.
  ///   - onStep: Called after every step with the state and where its time went.
  /// - Throws: ``CalibrationError`` if the loss is no longer a number or a sample cannot be made;
  ///   whatever `onStep` throws.
  public func run(
    _ state: inout CalibrationState,
    onStep: (CalibrationState, StepSeconds) throws -> Bool
  ) throws {
    let learner = learner()
    try run(
      &state,
      learning: { indices, gates in try indices.map { try learner.learn($0, gates: gates) } },
      onStep: onStep)
  }

  /// What computes samples here, with a cache of its own.
  package func learner() -> SampleLearner {
    SampleLearner(sampler, TeacherCache(cache, step: step, check: check))
  }

  /// The same where `learning` computes the samples of a step, of which it gets the numbers and the gates, (L, K);
  /// what it returns is in their order, and added up in it.
  package func run(
    _ state: inout CalibrationState,
    learning: (_ indices: [Int], _ gates: [[Float]]) throws -> [LearnedSample],
    onStep: (CalibrationState, StepSeconds) throws -> Bool
  ) throws {
    while state.step < settings.steps {
      let seconds = try advance(&state, learning)
      guard try onStep(state, seconds) else { return }
    }
  }

  /// One optimizer step.
  private func advance(
    _ state: inout CalibrationState, _ learning: ([Int], [[Float]]) throws -> [LearnedSample]
  ) throws -> StepSeconds {
    var batch = BatchSum(gates: state.gates)
    let gates = (0..<state.gates.layers).map { state.gates[layer: $0].map { Float($0) } }
    let first = state.step * settings.batch
    let indices = (first..<first + settings.batch).map {
      settings.samples > 0 ? $0 % settings.samples : $0
    }
    for (index, learned) in zip(indices, try learning(indices, gates)) {
      guard learned.isFinite else {
        throw CalibrationError.notANumber(
          step: state.step + 1, sample: index)
      }
      batch.add(learned.result, tokens: learned.tokens)
    }
    let rate = LearningRateSchedule(settings).rate(at: state.step)
    let penalty = GatePenalty(state, settings: settings)
    let record = batch.record(step: state.step + 1, penalty: penalty.value, learningRate: rate)
    var values = state.gates.values
    state.optimizer.update(
      &values, gradients: batch.gradients(penalty, gates: state.gates, unit: settings.gates),
      learningRate: rate)
    state.multiplier = penalty.nextMultiplier
    // Where a layer has no gate, nothing pulls its zeros up.
    state.gates = state.gates.with(values).clipped
    state.records.append(record)
    return batch.seconds
  }
}

/// What one sample adds to a step.
package struct LearnedSample: Sendable {
  /// Loss and gradients.
  package let result: TwoStreamResult
  /// Tokens of the sample.
  package let tokens: Int

  /// The result of a sample of so many tokens.
  package init(_ result: TwoStreamResult, tokens: Int) {
    (self.result, self.tokens) = (result, tokens)
  }

  fileprivate var isFinite: Bool {
    result.distillation.isFinite && result.gateGradients.joined().allSatisfy { $0.isFinite }
  }
}

/// Computes what samples add to the steps of a calibration, and keeps what the teacher says of them.
package final class SampleLearner {
  private let sampler: any SampleSource
  private var cache: TeacherCache

  fileprivate init(_ sampler: any SampleSource, _ cache: consuming TeacherCache) {
    self.sampler = sampler
    self.cache = cache
  }

  /// Loss and gradients of sample `index` under `gates`, (L, K).
  ///
  /// - Throws: `FileError` if a file of the cache cannot be written, and what the sampler throws.
  package func learn(_ index: Int, gates: [[Float]]) throws -> LearnedSample {
    let sample = try sampler.sample(index: index, context: nil)
    return LearnedSample(
      try cache.learn(sample, index: index, gates: gates), tokens: sample.length)
  }
}

/// What the samples of one step add up to.
private struct BatchSum {
  var distillation = 0.0
  var gateGradients: [Double]
  var samples = 0
  var tokens = 0
  var studentRows = 0
  var seconds = StepSeconds()

  init(gates: GateMatrix) {
    gateGradients = Array(repeating: 0, count: gates.values.count)
  }

  mutating func add(_ result: TwoStreamResult, tokens count: Int) {
    distillation += result.distillation
    for (i, gradient) in result.gateGradients.joined().enumerated() {
      gateGradients[i] += gradient
    }
    samples += 1
    tokens += count
    studentRows += result.studentRows
    seconds += result.seconds
  }

  /// Mean gradient of the samples plus that of the penalty.
  func gradients(_ penalty: GatePenalty, gates: GateMatrix, unit: MapUnit) -> [Double] {
    let each = gateGradients.enumerated().map { index, gradient in
      gradient / Double(samples) + penalty.gradient(index)
    }
    guard unit == .layers else { return each }
    // One parameter for all heads of a layer: its gradient is the sum of theirs.
    let heads = gates.heads
    let sums = (0..<gates.layers).map { each[$0 * heads..<($0 + 1) * heads].reduce(0, +) }
    return each.indices.map { sums[$0 / heads] }
  }

  func record(step: Int, penalty: Double, learningRate: Double) -> CalibrationRecord {
    let distillation = distillation / Double(samples)
    return CalibrationRecord(
      step: step, loss: distillation + penalty, distillation: distillation,
      regularization: penalty, learningRate: learningRate, tokens: tokens,
      studentRows: studentRows)
  }
}

/// What can stop a calibration.
public enum CalibrationError: ZigzagError, Equatable {
  /// The loss or a gradient is NaN or infinite.
  case notANumber(step: Int, sample: Int)
  /// A checkpoint is not what it should be.
  case checkpoint(path: String, expected: String, found: String)

  /// Both are bad data: weights that overflow, or a file of another kind.
  public var category: ErrorCategory { .badData }

  /// One sentence: where, what was expected, what was found, what to do.
  public var description: String {
    switch self {
    case .notANumber(let step, let sample):
      "The loss of step \(step) is not a finite number (sample \(sample), counted from 0); check "
        + "the weights with `zigzag inspect --check`, or start from gates below 1."
    case .checkpoint(let path, let expected, let found):
      "\(path): expected \(expected), found \(found); remove the file to start again, or use the "
        + "config it was made with."
    }
  }
}
