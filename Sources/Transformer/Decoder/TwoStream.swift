import BasicContainers

/// The result of one two-stream step.
public struct TwoStreamResult: Sendable {
  /// Mean over label rows and hidden elements of (h_teacher − h_student)², final hidden states.
  public var distillation: Double
  /// Gradient of ``distillation`` for each gate, (L, K).
  public var gateGradients: [[Double]]
  /// Rows that the student computed, added up over the layers.
  public var studentRows: Int
  /// Seconds spent in each part.
  public var seconds: StepSeconds
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
  public init() {}

  /// Adds the time of another step.
  public static func += (sum: inout StepSeconds, other: StepSeconds) {
    sum.teacher += other.teacher
    sum.student += other.student
    sum.backward += other.backward
  }
}

/// The two streams of DuoAttention's training step over one sample (arXiv 2410.10819, §3.2): a
/// teacher with full attention, and a student whose every head mixes the teacher's attention output
/// with its own streaming attention, o = a·o_full + (1 − a)·o_stream.
///
/// Only the gates a get gradients. Since o_full is a constant, the loss depends on the student only
/// through streaming attention: each layer of the student holds the label rows' cone and nothing
/// else (docs/method.md), and the teacher keeps its attention output at those rows alone.
public struct TwoStreamStep: Sendable {
  let decoder: DecoderModel
  let window: StreamingWindow

  /// A step on `decoder` with the streaming heads' window.
  public init(_ decoder: DecoderModel, window: StreamingWindow) {
    self.decoder = decoder
    self.window = window
  }

  /// The rows the student holds at each layer's input, and at the last one's output: (L + 1).
  public func cones(labelRows: Range<Int>) -> [RowSet] {
    decoder.rowPlan(
      .streaming(decoder.configuration, window: window), output: RowSet(sink: 0, tail: labelRows))
  }

  /// Loss and gate gradients of one sample.
  ///
  /// - Parameters:
  ///   - tokens: the sample, T token ids within the vocabulary.
  ///   - labelRows: the positions whose hidden states are compared; not empty.
  ///   - gates: (L, K), in [0, 1].
  /// - Returns: the distillation loss, its gradient for each gate, and where the time went.
  public func callAsFunction(
    tokens: [Int32], labelRows: Range<Int>, gates: [[Float]]
  ) -> TwoStreamResult {
    precondition(!labelRows.isEmpty && labelRows.upperBound <= tokens.count, "rows \(labelRows)")
    precondition(gates.count == decoder.configuration.layers, "\(gates.count) gate rows")
    var clock = LapClock()
    var seconds = StepSeconds()
    let cones = cones(labelRows: labelRows)
    let all = RowSet.all(labelRows.upperBound)
    let table = RotaryTable(decoder.configuration, positions: all.count)
    var teacher = decoder.embed(tokens, rows: all)
    var student = decoder.embed(tokens, rows: cones[0])
    var saved = UniqueArray<StudentLayer>()
    for layer in 0..<decoder.configuration.layers {
      let prepared = PreparedLayer(decoder.weights.layers[layer])
      let last = layer == decoder.configuration.layers - 1
      // 1. The teacher: all rows, but in the last layer only the labels'.
      let taught = teacherLayer(
        teacher.view, prepared, input: all, output: last ? cones[layer + 1] : all,
        keep: cones[layer + 1], table: table)
      seconds.teacher += clock.lap()
      // 2. The student: its cone.
      let learnt = studentLayer(
        student, fullOutput: taught.kept, prepared, gates: gates[layer], input: cones[layer],
        output: cones[layer + 1], table: table)
      saved.append(learnt.activations)
      student = learnt.y
      teacher = taught.y
      seconds.student += clock.lap()
    }
    // 3. The loss, and back.
    let loss = loss(teacher: teacher, student: student)
    let gradients = backward(loss.gradient, gates: gates, saved: saved, table: table)
    seconds.backward += clock.lap()
    return TwoStreamResult(
      distillation: loss.value, gateGradients: gradients,
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
