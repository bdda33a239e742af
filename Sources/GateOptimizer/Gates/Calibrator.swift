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
    var cache = TeacherCache(cache, step: step, check: check)
    while state.step < settings.steps {
      let seconds = try advance(&state, &cache)
      guard try onStep(state, seconds) else { return }
    }
  }

  /// One optimizer step.
  private func advance(
    _ state: inout CalibrationState, _ cache: inout TeacherCache
  ) throws -> StepSeconds {
    var batch = BatchSum(gates: state.gates)
    let gates = (0..<state.gates.layers).map { state.gates[layer: $0].map { Float($0) } }
    let first = state.step * settings.batch
    for count in first..<first + settings.batch {
      let index = settings.samples > 0 ? count % settings.samples : count
      let sample = try sampler.sample(index: index, context: nil)
      let result = try cache.learn(sample, index: index, gates: gates)
      guard result.distillation.isFinite,
        result.gateGradients.joined().allSatisfy({ $0.isFinite })
      else {
        throw CalibrationError.notANumber(
          step: state.step + 1, sample: index)
      }
      batch.add(result, tokens: sample.length)
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
