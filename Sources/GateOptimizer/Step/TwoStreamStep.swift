import BasicContainers
import Transformer

/// The result of one two-stream step.
package struct TwoStreamResult: Sendable {
  /// Mean over label rows and hidden elements of (h_teacher − h_student)², final hidden states.
  package var distillation: Double
  /// Gradient of ``distillation`` for each gate, (L, K).
  package var gateGradients: [[Double]]
  /// Rows that the student computed, added up over the layers.
  package var studentRows: Int
  /// Seconds spent in each part.
  package var seconds: StepSeconds

  /// A result that was computed elsewhere.
  package init(
    distillation: Double, gateGradients: [[Double]], studentRows: Int, seconds: StepSeconds
  ) {
    self.distillation = distillation
    self.gateGradients = gateGradients
    self.studentRows = studentRows
    self.seconds = seconds
  }
}

/// Where the time of a step went, in seconds.
public struct StepSeconds: Sendable, Equatable {
  /// The teacher's forward.
  public var teacher = 0.0
  /// The student's forward.
  public var student = 0.0
  /// Loss and backward.
  public var backward = 0.0

  /// No time yet.
  package init() {}

  /// Adds the time of another step.
  package static func += (sum: inout StepSeconds, other: StepSeconds) {
    sum.teacher += other.teacher
    sum.student += other.student
    sum.backward += other.backward
  }
}

/// Whose full attention a student's head mixes in.
public enum RetrievalSource: String, CaseIterable, Sendable {
  /// The teacher's, a constant (DuoAttention).
  case teacher
  /// The student's own, which is what a map deploys; the gradient runs through it.
  case student
}

/// The two streams of DuoAttention's training step over one sample (arXiv 2410.10819, §3.2): a
/// teacher with full attention, and a student whose every head mixes the teacher's attention output
/// with its own streaming attention, o = a·o_full + (1 − a)·o_stream.
///
/// Only the gates a get gradients. Where o_full is the teacher's, a constant, the loss depends on the
/// student only through streaming attention: each layer of the student holds the label rows' cone and
/// nothing else (docs/method.md), and the teacher keeps its attention output at those rows alone.
///
/// Where maps stream after the prompt alone, the student holds the rows after the prompt; before them it sees the
/// teacher's keys and values. Where they stream in the prompt alone, it holds all rows, and heads mix in the prompt.
package struct TwoStreamStep: Sendable {
  let decoder: DecoderModel
  let deployment: Deployment
  /// Bytes that activations may take; beyond, layers compute theirs again in the backward.
  let memoryBudget: Int
  let retrieval: RetrievalSource

  /// A step on `decoder` whose streaming heads see `window` everywhere.
  package init(
    _ decoder: DecoderModel, window: StreamingWindow, memoryBudget: Int = .max,
    retrieval: RetrievalSource = .teacher
  ) {
    self.init(
      decoder, deployment: Deployment(window), memoryBudget: memoryBudget, retrieval: retrieval)
  }

  /// A step on `decoder` for maps in a deployment.
  ///
  /// `memoryBudget`, in bytes, bounds what the student keeps for the backward; results do not depend
  /// on it, time does. Without one everything is kept. With the student's own full attention
  /// (`retrieval`) it computes, and keeps, all rows.
  package init(
    _ decoder: DecoderModel, deployment: Deployment, memoryBudget: Int = .max,
    retrieval: RetrievalSource = .teacher
  ) {
    self.decoder = decoder
    self.deployment = deployment
    self.memoryBudget = memoryBudget
    self.retrieval = retrieval
  }

  /// The rows the student holds at each layer's input, and at the last one's output: (L + 1).
  ///
  /// - Parameters:
  ///   - labelRows: As of ``callAsFunction(tokens:labelRows:boundary:gates:)``.
  ///   - boundary: Likewise.
  /// - Returns: The rows, layer by layer.
  package func cones(labelRows: Range<Int>, boundary: Int? = nil) -> [RowSet] {
    let rule = deployment.rule(boundary: boundary ?? labelRows.lowerBound)
    let output = RowSet(sink: 0, tail: judged(labelRows, rule))
    guard deployment.phase != .decode else {
      let own = RowSet(sink: 0, tail: rule.queries.lowerBound..<labelRows.upperBound)
      return Array(repeating: own, count: decoder.configuration.layers) + [output]
    }
    var pattern = AttentionPattern.full(decoder.configuration)
    if retrieval == .teacher {
      pattern = .streaming(decoder.configuration, window: deployment.window)
      pattern.streaming = rule
    }
    return decoder.rowPlan(pattern, output: output)
  }

  /// The label rows that a gate can change.
  func judged(_ labelRows: Range<Int>, _ rule: StreamingRule) -> Range<Int> {
    deployment.phase == .decode
      ? max(labelRows.lowerBound, rule.queries.lowerBound)..<labelRows.upperBound : labelRows
  }

  /// Loss and gate gradients of one sample.
  ///
  /// - Parameters:
  ///   - tokens: the sample, T token ids within the vocabulary.
  ///   - labelRows: the positions whose hidden states are compared; not empty.
  ///   - boundary: where the prompt ends; before the label rows if nil.
  ///   - gates: (L, K), in [0, 1].
  /// - Returns: the distillation loss, its gradient for each gate, and where the time went.
  package func callAsFunction(
    tokens: [Int32], labelRows: Range<Int>, boundary: Int? = nil, gates: [[Float]]
  ) -> TwoStreamResult {
    var clock = LapClock()
    let outputs = teach(tokens: tokens, labelRows: labelRows, boundary: boundary)
    let seconds = clock.lap()
    var result = learn(
      from: outputs, tokens: tokens, labelRows: labelRows, boundary: boundary, gates: gates)
    result.seconds.teacher = seconds
    return result
  }

  /// Loss and gate gradients of one sample whose teacher is known from ``teach(tokens:labelRows:boundary:)``.
  package func learn(
    from teacher: borrowing TeacherOutputs, tokens: [Int32], labelRows: Range<Int>,
    boundary: Int? = nil, gates: [[Float]]
  ) -> TwoStreamResult {
    precondition(!labelRows.isEmpty && labelRows.upperBound <= tokens.count, "rows \(labelRows)")
    precondition(gates.count == decoder.configuration.layers, "\(gates.count) gate rows")
    var clock = LapClock()
    var seconds = StepSeconds()
    let cones = cones(labelRows: labelRows, boundary: boundary)
    let rule = deployment.rule(boundary: boundary ?? labelRows.lowerBound)
    let table = RotaryTable(decoder.configuration, positions: labelRows.upperBound)
    let kept = retention(cones)
    var attention = StudentAttention(gates: gates, rule: rule, retrieval: retrieval)
    var saved = UniqueArray<SavedLayer>()
    let x = decoder.walk(
      decoder.embed(tokens, rows: cones[0]), rows: cones, table: table, keeping: kept, in: &saved
    ) { layer, qkv in
      attention.attend(
        qkv, in: layer, teacher: teacher, keeping: kept[layer.index] != .input)
    }
    seconds.student += clock.lap()
    let loss = MeanSquaredError(decoder.finalNorm(x.view).view, target: teacher.hidden.view)
    decoder.walkBack(
      decoder.finalNormBackward(loss.gradient.view, x: x.view), saved: saved, table: table
    ) { layer, qkv in
      attention.attend(qkv, in: layer, teacher: teacher, keeping: true)
    } attendBackward: { layer, qkv, dO in
      attention.backward(dO, qkv, in: layer, teacher: teacher)
    }
    seconds.backward += clock.lap()
    return TwoStreamResult(
      distillation: loss.value, gateGradients: attention.gateGradients,
      studentRows: cones.dropFirst().reduce(0) { $0 + $1.count }, seconds: seconds)
  }
}

/// Measures stretches of time one after the other.
struct LapClock {
  private let clock = ContinuousClock()
  private var last = ContinuousClock.now

  /// Seconds since the clock was made or last read.
  mutating func lap() -> Double {
    let now = clock.now
    defer { last = now }
    return (now - last) / .seconds(1)
  }
}
