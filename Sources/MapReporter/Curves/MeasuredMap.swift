import GateOptimizer
import Support
import Transformer

/// What was measured of one map, deployment by deployment.
///
/// What a map keeps in one deployment says nothing of another, so nothing is carried over.
package struct MeasuredMap: Sendable {
  /// The points of the curves, each with the name of its deployment.
  let points: [CurvePoint]
  let task: String
  let metric: CurveMetric
  let method: CurveMethod
  let sparsity: Double

  /// The map by `method` at `sparsity` on the task that decides.
  ///
  /// - Parameters:
  ///   - points: Of the curves.
  ///   - only: The name of the deployment of points that have none, a run's only one; nil where it is not known.
  ///   - task: The name of the task.
  ///   - metric: The metric that decides.
  ///   - method: How the map was made.
  ///   - sparsity: The share of streaming heads asked for, 0…1.
  package init(
    _ points: [CurvePoint], only: String?, task: String, metric: CurveMetric = .tokens,
    method: CurveMethod, sparsity: Double
  ) {
    self.points = points.compactMap { point in
      var named = point
      named.deployment = point.deployment ?? only
      return named.deployment == nil ? nil : named
    }
    self.task = task
    self.metric = metric
    self.method = method
    self.sparsity = sparsity
  }

  /// What the map keeps where `format` is read: a sentence for each runtime, or for the map's own deployment.
  package func sentences(on map: HeadMap, in format: ExportFormat) -> [String] {
    guard !format.runtimes.isEmpty else {
      let own = map.window.deployment
      return [sentence(on: own, place: own.title, advice: own.phase.rawValue)]
    }
    return format.runtimes.map { runtime in
      let theirs = map.deployment(in: runtime)
      return sentence(
        on: theirs, place: "\(runtime.title) (\(theirs.title))", advice: runtime.rawValue)
    }
  }

  private func sentence(on deployment: Deployment, place: String, advice: String) -> String {
    let there = points.filter { $0.deployment == deployment.name && $0.task == task }
    guard !there.isEmpty else {
      return "What the map keeps in \(place) was not measured; measure it with "
        + "evaluation: {deployments: [\(advice)]}."
    }
    guard let choice = choice(among: there) else {
      if there.contains(where: isOurs), there.lacksReference(metric) {
        return
          "In \(place) full attention has nothing right on \(task), so that nothing can be said of what "
          + "the map keeps."
      }
      return
        "What this map keeps in \(place) was not measured; add its criterion and its sparsity to "
        + "evaluation."
    }
    return "In \(place) the map reaches \(fixed(choice.accuracy.value * 100, 1)) % on \(task), "
      + "\(fixed(choice.keptShare * 100, 1)) % of full attention's accuracy there (at least "
      + "\(fixed(max(0, choice.surelyKeptShare) * 100, 1)) %, paired 95 % interval, "
      + "\(choice.point.samples) samples)."
  }

  private func choice(among points: [CurvePoint]) -> Recommendation.Choice? {
    let ours = points.filter { $0.method == .full || isOurs($0) }
    return Recommendation.choose(
      from: ours, task: task, metric: metric, among: { $0 == method }
    ).choice
  }

  private func isOurs(_ point: CurvePoint) -> Bool {
    point.method == method && point.requestedSparsity == sparsity
  }
}

extension [CurvePoint] {
  /// Whether full attention was measured, and has nothing right by `metric`: no map keeps a share of that.
  package func lacksReference(_ metric: CurveMetric) -> Bool {
    first { $0.method == .full }?.estimate(metric).map { $0.value <= 0 } ?? false
  }
}
