import BasicContainers
import Transformer

/// Judges sets of layers or heads by how far their maps are from full attention over a fixed set of
/// samples.
///
/// The teacher, full attention, runs once for each sample.
package final class MapJudge: LossJudge {
  /// What is judged and how.
  package struct Question: Sendable {
    /// What a set holds.
    package let unit: MapUnit
    /// The loss of a map on a position.
    package let loss: MapLoss
    /// The positions.
    package let rows: MapLossRows
    /// What streaming heads see, and where.
    package let deployment: Deployment

    /// The loss of sets of `unit`s at `rows`.
    package init(unit: MapUnit, loss: MapLoss, rows: MapLossRows, deployment: Deployment) {
      self.unit = unit
      self.loss = loss
      self.rows = rows
      self.deployment = deployment
    }
  }

  private let decoder: DecoderModel
  private let question: Question
  private let space: MapSpace
  private var judged = UniqueArray<JudgedSample>()
  private let onEach: () throws -> Void

  /// A judge on `samples`.
  ///
  /// - Parameters:
  ///   - decoder: The model.
  ///   - samples: What maps are run on.
  ///   - question: What is judged and how.
  ///   - byteBudget: What kept residual streams may take, in bytes; losses do not depend on it.
  ///   - onRead: Called after each sample's teacher has run, with the number of those that have.
  ///   - onEach: Called after each evaluation; what it throws ends the search.
  /// - Throws: What `onRead` throws.
  package init(
    _ decoder: DecoderModel, samples: [TaskSample], question: Question,
    byteBudget: Int = .max, onRead: (Int) throws -> Void = { _ in },
    onEach: @escaping () throws -> Void = {}
  ) throws {
    self.decoder = decoder
    self.question = question
    space = MapSpace(decoder.configuration)
    self.onEach = onEach
    for sample in samples {
      judged.append(
        JudgedSample(
          decoder, sample, question, byteBudget: byteBudget / max(samples.count, 1)))
      try onRead(judged.count)
    }
  }

  /// Number of samples.
  package var samples: Int { judged.count }

  /// Mean loss of a set over the positions of one sample, ≥ 0 up to rounding.
  package func loss(of kept: [Bool], sample: Int) throws -> Double {
    try losses(of: [SetTrial(kept: kept, sample: sample)], by: [question.loss])[0][0]
  }

  /// The losses of many sets, each on a sample, by several losses; by the first it is told which may be the next base.
  package func losses(of trials: [SetTrial], by kinds: [MapLoss]) throws -> [[Double]] {
    try trials.map { trial in
      let losses = judged[trial.sample].losses(heads(trial.kept), kinds, decoder)
      try onEach()
      return losses
    }
  }

  /// Makes a set the one that the next ones differ little from.
  package func rebase(_ kept: [Bool]) {
    for index in judged.indices { judged[index].rebase(heads(kept)) }
  }

  private func heads(_ kept: [Bool]) -> HeadSet {
    question.unit.heads(of: kept, in: space)
  }
}

/// A sample with its teacher.
private struct JudgedSample: ~Copyable {
  private var probe: PatternProbe
  /// The least loss since the base was set: of the pattern that may well be the next one.
  private var least = Double.infinity
  /// Final hidden states under full attention, (rows, C).
  private let teacher: Tensor
  /// The judged rows among them, and the token that follows each.
  private let rows: [Int]
  private let targets: [Int32]
  /// What streaming heads see of this sample.
  private let rule: StreamingRule

  init(
    _ decoder: DecoderModel, _ sample: TaskSample, _ question: MapJudge.Question,
    byteBudget: Int
  ) {
    let wanted = sample.positions(question.rows)
    rule = question.deployment.rule(boundary: sample.boundary(question.deployment.boundary))
    rows = sample.predictors(of: wanted)
    targets = wanted.map { sample.tokens[$0] }
    var probe = PatternProbe(
      decoder, tokens: sample.tokens, rows: sample.predictingRows, byteBudget: byteBudget)
    teacher = probe.finalHidden(.full(decoder.configuration))
    self.probe = probe
  }

  mutating func rebase(_ heads: HeadSet) {
    probe.rebase(AttentionPattern(heads, rule))
    least = .infinity
  }

  /// The loss by each of `kinds`, of which there is one at least.
  mutating func losses(_ heads: HeadSet, _ kinds: [MapLoss], _ decoder: DecoderModel) -> [Double] {
    let losses = losses(probe.finalHidden(AttentionPattern(heads, rule)), kinds, decoder)
    if losses[0] < least {
      least = losses[0]
      probe.keepLatest()
    }
    return losses
  }

  private func losses(
    _ hidden: borrowing Tensor, _ kinds: [MapLoss], _ decoder: DecoderModel
  ) -> [Double] {
    let predictions =
      kinds.contains(where: \.judgesPredictions)
      ? decoder.losses(hidden, reference: teacher, rows: rows, targets: targets) : []
    return kinds.map { kind in
      kind.judgesPredictions
        ? kind.mean(of: predictions[...])
        : kind.mean(
          of: hidden.squaredDistances(to: teacher, rows: rows), columns: hidden.columns)
    }
  }
}

extension MapLoss {
  /// Whether it is of predictions; otherwise it is of hidden states.
  var judgesPredictions: Bool { self == .divergence || self == .likelihood }

  /// The mean loss of predictions.
  func mean(of losses: ArraySlice<PredictionLoss>) -> Double {
    losses.reduce(0) {
      $0 + (self == .divergence ? $1.divergence : $1.negativeLogLikelihood)
    } / Double(losses.count)
  }

  /// The mean loss of hidden states of so many columns.
  func mean(of distances: [(distance: Double, square: Double)], columns: Int) -> Double {
    distances.reduce(0) {
      $0 + $1.distance / (self == .relative ? $1.square : Double(columns))
    } / Double(distances.count)
  }
}

extension TaskSample {
  /// The positions that are judged.
  func positions(_ rows: MapLossRows) -> [Int] {
    switch rows {
    case .answers: answers.flatMap { Array($0) }
    case .firstTokens: firstTokens
    case .labels: Array(labelRows)
    }
  }
}
