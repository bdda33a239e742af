import Foundation
import GateOptimizer
import Transformer

/// One run of a comparison, as far as it has come.
package struct ComparedRun: Sendable {
  /// Name in tables and figures, different from that of every other run.
  let name: String
  /// Its gates, if it learns any, and searched maps.
  let maps: LearnedMaps
  /// The model that they are of; nil where nobody wrote it down.
  let model: HeadMap.Model?
  /// What streaming heads see.
  let deployment: Deployment
  /// What its maps are judged on.
  let evaluation: EvaluationSettings
  /// The points of its curves; empty before evaluation.
  let points: [CurvePoint]
  /// The rows of `metrics.csv`; empty where the gates come from elsewhere.
  let training: [TrainingRow]
  /// What makes it the run it is: dotted names and values, lists as one text.
  let settings: [String: String]
  /// For each task, what its accuracies depend on besides gates and window.
  let sampleSettings: [String: [String: String]]
  /// What its own report recommends; nil before evaluation.
  let recommended: RecommendedMap?
  /// Calibration steps; nil where no gates are learned.
  let steps: Int?
  /// Seconds that gate learning took.
  let learningSeconds: Double?
  /// Path of its own report; nil where there is none.
  let report: String?

  /// A run with all that is known of it.
  package init(
    name: String, maps: LearnedMaps, model: HeadMap.Model?, deployment: Deployment,
    evaluation: EvaluationSettings, points: [CurvePoint], training: [TrainingRow],
    settings: [String: String], sampleSettings: [String: [String: String]],
    recommended: RecommendedMap?, steps: Int?, learningSeconds: Double?, report: String?
  ) {
    self.name = name
    self.maps = maps
    self.model = model
    self.deployment = deployment
    self.evaluation = evaluation
    self.points = points
    self.training = training
    self.settings = settings
    self.sampleSettings = sampleSettings
    self.recommended = recommended
    self.steps = steps
    self.learningSeconds = learningSeconds
    self.report = report
  }

  /// The window of each layer that has one of its own, (L); nil where all are global.
  var ownWindows: [Int?]? { model?.ownWindows }

  /// The learned gates, (L, K); nil where none are learned.
  var gates: GateMatrix? { maps.gates }

  /// The layers that see the whole context, (L).
  func layers(by criterion: Criterion, sparsity: Double) throws -> [Bool] {
    try maps.layers(by: criterion, sparsity: sparsity).isRetrievalLayer
  }

  /// The estimate of a method at a sparsity that was asked for.
  func estimate(_ method: CurveMethod, at sparsity: Double, task: String) -> Estimate? {
    points.first { point in
      point.task == task && point.method == method
        && abs(point.requestedSparsity - sparsity) < 1e-9
    }?.accuracy
  }

  /// Full attention's accuracy.
  func full(task: String) -> Estimate? {
    points.first { $0.task == task && $0.method == .full }?.accuracy
  }

  /// The sparsities at which a method was measured, in order.
  func sparsities(_ method: CurveMethod, task: String) -> [Double] {
    points.filter { point in
      point.task == task && point.method == method
        && point.accuracy != nil
    }.map(\.requestedSparsity).sorted()
  }

  /// The task that decides, and its length in tokens.
  var primaryTask: EvaluationTask { evaluation.tasks[0] }

  /// The mean distillation loss of the last tenth of the steps: one step's depends on its sample.
  var distillation: Double? {
    let last = training.sorted { $0.step < $1.step }.suffix(max(training.count / 10, 1))
    guard !last.isEmpty else { return nil }
    return last.reduce(0) { $0 + $1.distillation } / Double(last.count)
  }

  /// The mean of the clipped gates, if there are any.
  var meanGate: Double? {
    guard let gates = gates?.clipped.globalValues else { return nil }
    return gates.reduce(0, +) / Double(gates.count)
  }

  /// The share of gates of at least one half, if there are any.
  var openShare: Double? {
    guard let gates = gates?.clipped.globalValues else { return nil }
    return Double(gates.count { $0 >= 0.5 }) / Double(gates.count)
  }

  /// Pearson's correlation of the clipped gates with those of `other`; nil where shapes differ, a
  /// matrix is constant or there is none.
  func correlation(with other: ComparedRun) -> Double? {
    guard let a = gates?.clipped, let b = other.gates?.clipped, let meanGate,
      let otherMean = other.meanGate, a.space == b.space
    else { return nil }
    let (x, y) = (
      a.globalValues.map { $0 - meanGate }, b.globalValues.map { $0 - otherMean }
    )
    func sum(_ pairs: Zip2Sequence<[Double], [Double]>) -> Double {
      pairs.reduce(0) { $0 + $1.0 * $1.1 }
    }
    let scale = (sum(zip(x, x)) * sum(zip(y, y))).squareRoot()
    return scale > 0 ? sum(zip(x, y)) / scale : nil
  }
}

/// Two sets of retrieval layers of one model.
struct LayerOverlap: Equatable {
  /// |A ∩ B| / |A ∪ B|, 1 where both are empty.
  let jaccard: Double
  /// Layers that are in the second set alone.
  let gained: [Int]
  /// Layers that are in the first set alone.
  let lost: [Int]

  /// Compares `set` with `reference`, (L) each; nil where L differs.
  init?(_ set: [Bool], against reference: [Bool]) {
    guard set.count == reference.count else { return nil }
    let both = set.indices.count { set[$0] && reference[$0] }
    gained = set.indices.filter { set[$0] && !reference[$0] }
    lost = set.indices.filter { !set[$0] && reference[$0] }
    let union = both + gained.count + lost.count
    jaccard = union == 0 ? 1 : Double(both) / Double(union)
  }
}
