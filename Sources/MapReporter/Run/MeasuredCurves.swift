import GateOptimizer
import Transformer

/// Turns what was measured into the points of curves.csv.
package struct MeasuredCurves: Sendable {
  let plan: MapPlan
  let table: AccuracyTable
  let settings: EvaluationSettings
  let model: ModelConfiguration

  /// The curves of the maps of `plan`, from the scores in `table`.
  package init(
    plan: MapPlan, table: AccuracyTable, settings: EvaluationSettings, model: ModelConfiguration
  ) {
    self.plan = plan
    self.table = table
    self.settings = settings
    self.model = model
  }

  /// One point per task and map that was measured, tasks in the order of the configuration.
  package var points: [CurvePoint] {
    settings.tasks.flatMap { task in plan.maps.compactMap { point(of: $0, task: task) } }
  }

  private func point(of map: PlannedMap, task: EvaluationTask) -> CurvePoint? {
    let bootstrap = Bootstrap(resamples: settings.bootstrap, seed: settings.seed)
    let scores = table[task.name, map.pattern].prefix(settings.samples)
    guard let accuracy = bootstrap.accuracy(scores.map(\.tokens)) else { return nil }
    return CurvePoint(
      method: map.method.name, seed: map.seed, task: task.name,
      requestedSparsity: map.requestedSparsity, achievedSparsity: map.achievedSparsity,
      samples: scores.count, tokens: scores.reduce(0) { $0 + $1.tokens.total }, accuracy: accuracy,
      firstTokenAccuracy: bootstrap.accuracy(scores.map(\.firstTokens)),
      kvBytes: KeyValueCacheSize.bytes(
        map.pattern, context: settings.context(of: task), headDim: model.headDim,
        bytesPerValue: 2))
  }
}
