import GateOptimizer
import MapReporter
import Transformer

/// Turns what was measured into the points of curves.csv and places.csv.
package struct MeasuredCurves: Sendable {
  let plan: MapPlan
  let table: ScoreTable
  let settings: EvaluationSettings
  let model: ModelConfiguration
  /// The deployments that were measured, and that of the run's window.
  let deployments: [Deployment]
  let own: Deployment

  /// The curves of the maps of `plan`, from the scores in `table`.
  package init(
    plan: MapPlan, table: ScoreTable, settings: EvaluationSettings, model: ModelConfiguration,
    deployments: [Deployment], own: Deployment
  ) {
    self.plan = plan
    self.table = table
    self.settings = settings
    self.model = model
    self.deployments = deployments
    self.own = own
  }

  private var bootstrap: Bootstrap { Bootstrap(resamples: settings.bootstrap, seed: settings.seed) }

  /// One point per deployment, task and map that was measured, tasks in the order of the configuration.
  package var points: [CurvePoint] {
    deployments.flatMap { deployment in
      settings.tasks.flatMap { task in
        let maps = plan.maps(for: task)
        let references = References(maps)
        return maps.compactMap { point(of: $0, task: task, deployment, references) }
      }
    }
  }

  /// Every measured map told apart by place, for the tasks that have places.
  package var places: [PlacePoint] {
    deployments.flatMap { deployment in
      settings.tasks.flatMap { task in
        Places(task, context: settings.context(of: task)).map { places in
          plan.maps(for: task).flatMap { self.places(of: $0, task: task, deployment, places) }
        } ?? []
      }
    }
  }

  /// The name of a deployment in tables; nil for streaming everywhere where there is nothing else.
  private func name(of deployment: Deployment) -> String? {
    deployments == [deployment] && deployment.isPlain ? nil : deployment.name
  }

  /// What maps are compared with.
  private struct References {
    let full: HeadSet?
    let headMixed: [Double: HeadSet]

    init(_ maps: [PlannedMap]) {
      full = maps.first { $0.method == .full }?.heads
      headMixed = maps.filter { $0.method == .headMixed }.reduce(into: [:]) {
        $0[$1.requestedSparsity] = $1.heads
      }
    }
  }

  private func scores(
    _ task: EvaluationTask, _ heads: HeadSet, _ deployment: Deployment
  ) -> [SampleScores] {
    let name = deployment == own ? nil : deployment.name
    return Array(table[task.name, heads, deployment: name].prefix(settings.samples(of: task)))
  }

  private func point(
    of map: PlannedMap, task: EvaluationTask, _ deployment: Deployment, _ references: References
  ) -> CurvePoint? {
    let ours = scores(task, map.heads, deployment)
    func reference(_ heads: HeadSet?) -> Reference? {
      heads.map { Reference(scores: scores(task, $0, deployment), isSame: $0 == map.heads) }
    }
    let full = reference(references.full)
    let headMixed = reference(references.headMixed[map.requestedSparsity])
    let measures = CurveMetric.allCases.reduce(into: [CurveMetric: CurvePoint.Measure]()) {
      $0[$1] = measure($1, ours, full: full, headMixed: headMixed)
    }
    guard !measures.isEmpty else { return nil }
    let context = settings.cacheContext(of: task)
    let own = model.kinds.map(\.window)
    let metric = measures[.tokens] == nil ? task.primaryMetric : .tokens
    let counted = metric == .divergence ? .perplexity : metric
    return CurvePoint(
      method: map.method, seed: map.seed, task: task.name, deployment: name(of: deployment),
      requestedSparsity: map.requestedSparsity, achievedSparsity: map.achievedSparsity,
      samples: ours.count, tokens: ours.reduce(0) { $0 + $1.total(counted).count },
      measures: measures, primary: task.primaryMetric,
      kvBytes: KeyValueCacheSize.bytes(
        map.heads, deployment, own: own, context: context, headDim: model.headDim, bytesPerValue: 2),
      kvShare: 1
        - KeyValueCacheSize.savedShare(
          map.heads, deployment, own: own, context: context))
  }

  /// What a map is compared with on one task.
  private struct Reference {
    let scores: [SampleScores]
    /// Whether it is the map itself, from which nothing differs.
    let isSame: Bool
  }

  private func measure(
    _ metric: CurveMetric, _ ours: [SampleScores], full: Reference?, headMixed: Reference?
  ) -> CurvePoint.Measure? {
    let scores = ours.map { $0.total(metric) }
    guard let estimate = bootstrap.value(scores, of: metric) else { return nil }
    // While an evaluation is under way, one map may have more samples than another.
    func difference(_ reference: Reference?) -> Estimate? {
      guard let reference, reference.scores.count == ours.count else { return nil }
      if reference.isSame { return Estimate(value: 0, low: 0, high: 0) }
      return bootstrap.difference(
        scores, minus: reference.scores.map { $0.total(metric) }, of: metric)
    }
    return CurvePoint.Measure(
      estimate, minusFull: difference(full), minusHeadMixed: difference(headMixed))
  }

  private func places(
    of map: PlannedMap, task: EvaluationTask, _ deployment: Deployment, _ places: Places
  ) -> [PlacePoint] {
    let ours = scores(task, map.heads, deployment)
    return places.all.flatMap { place in
      CurveMetric.allCases.compactMap { metric in
        let scores = places.scores(ours, metric, at: place.index)
        return bootstrap.value(scores, of: metric).map { estimate in
          PlacePoint(
            method: map.method, seed: map.seed, task: task.name, deployment: name(of: deployment),
            requestedSparsity: map.requestedSparsity, place: place.place,
            samples: scores.count { $0.count > 0 }, metric: metric, estimate: estimate)
        }
      }
    }
  }
}

/// The places of a task: cells of its grid, or parts of its passages.
private enum Places {
  case cells(NeedleGrid)
  case parts(ProseSettings, context: Int)
  /// Tasks of RULER, with the length of those that have no other.
  case tasks([RulerCell], context: Int)

  init?(_ task: EvaluationTask, context: Int) {
    if let grid = task.grid {
      self = .cells(grid)
    } else if !task.rulerCells.isEmpty {
      self = .tasks(task.rulerCells, context: context)
    } else if case .prose(let prose) = task.content {
      self = .parts(prose, context: context)
    } else {
      return nil
    }
  }

  var all: [(index: Int, place: PlacePoint.Place)] {
    switch self {
    case .cells(let grid):
      grid.cells.enumerated().map { ($0, .cell(length: $1.length, depth: $1.depth)) }
    case .tasks(let cells, let context):
      cells.enumerated().map { place, cell in
        (place, .task(cell.kind.rawValue, length: cell.length ?? context))
      }
    case .parts(let prose, let context):
      (0..<prose.bins).map { bin in
        let span = prose.span(of: bin, in: context)
        return (bin, .part(from: span.lowerBound, to: span.upperBound))
      }
    }
  }

  func scores(_ samples: [SampleScores], _ metric: CurveMetric, at index: Int) -> [SampleScore] {
    func every(_ count: Int) -> [SampleScore] {
      stride(from: index, to: samples.count, by: count).map { samples[$0].total(metric) }
    }
    switch self {
    case .cells(let grid): return every(grid.cells.count)
    case .tasks(let cells, _): return every(cells.count)
    case .parts: return samples.map { $0[metric, index] }
    }
  }
}
