import GateOptimizer
import ModelLoader
import Support

/// What accuracy is measured on: the `evaluation` section of a run configuration.
package struct EvaluationSettings: SettingSection {
  /// Samples per task, 1…10⁶; the same ones for every map.
  package var samples = 8
  /// Tokens of a sample, 1…2²⁴, for tasks that do not say otherwise.
  package var context = 1024
  /// Sparsities of the curve, each in [0, 1] and once: the share of streaming heads or layers.
  package var sparsities = (0...10).map { Double($0) / 10 }
  /// Sparsities of the random maps and the baselines; those of the curve if nil.
  package var randomSparsities: [Double]?
  /// What accuracy is measured on; the first task is the one that decides.
  package var tasks = [EvaluationTask(name: "words", task: .heldOutPasskeys)]
  /// Layer criteria that get a curve of their own.
  package var criteria: [Criterion] = [.search, .max, .balance]
  /// Seeds of the random layer maps; each is one curve.
  package var randomLayerSeeds = [1, 2]
  /// Seeds of the random head maps; each is one curve.
  package var randomHeadSeeds = [1, 2]
  /// Ways to choose layers without gates; each is one curve.
  package var baselines: [Baseline] = [.alternating, .lazy]
  /// The deployments that maps are measured in; those of `RunConfiguration.deployments` if nil.
  package var deployments: [DeploymentSettings]?
  /// Gates and maps from elsewhere that are measured too.
  package var maps: [ImportedMapSettings] = []
  /// Length at which the size of the KV cache is stated, 1…10⁹; a task's own if nil.
  package var cacheContext: Int?
  /// Resamples behind a confidence interval, 1…100,000.
  package var bootstrap = 2000
  /// Seed of the samples and the resampling; apart from the calibration's.
  package var seed: UInt64 = 1

  /// The defaults.
  package init() {}

  /// The names of the settings in a file.
  package enum CodingKeys: String, SettingKey {
    case samples
    case context
    case sparsities
    case randomSparsities = "random_sparsities"
    case tasks
    case criteria
    case randomLayerSeeds = "random_layer_seeds"
    case randomHeadSeeds = "random_head_seeds"
    case baselines
    case deployments
    case maps
    case cacheContext = "cache_context"
    case bootstrap
    case seed
  }

  /// Every setting, with what is refused.
  package static var settings: [Setting<Self, CodingKeys>] {
    [
      Setting(.samples, \.samples, SettingRange.many),
      Setting(.context, \.context, SettingRange.tokens),
      Setting(.sparsities, \.sparsities) { sparsities, key throws(InvalidSetting) in
        try requireSetting(!sparsities.isEmpty, key, "is empty; give at least one sparsity")
        try requireSparsities(sparsities, key)
      },
      Setting(.randomSparsities, optional: \.randomSparsities, check: requireSparsities),
      Setting(.tasks, \.tasks) { tasks, key throws(InvalidSetting) in
        try requireSetting(!tasks.isEmpty, key, "is empty; give at least one task")
        try requireEntries(tasks, key, "tasks", name: \.name) { task throws(InvalidSetting) in
          try task.validate()
        }
      },
      Setting(.criteria, \.criteria, check: requireCriteria),
      Setting(.randomLayerSeeds, \.randomLayerSeeds, check: requireSeeds),
      Setting(.randomHeadSeeds, \.randomHeadSeeds, check: requireSeeds),
      Setting(.baselines, \.baselines) { baselines, key throws(InvalidSetting) in
        try requireDistinct(baselines, key)
      },
      Setting(.deployments, optional: \.deployments) { deployments, key throws(InvalidSetting) in
        try requireShort(deployments as [Any], key)
        try requireSetting(
          !deployments.isEmpty, key, "is empty; name at least one deployment, or leave it out")
      },
      Setting(.maps, \.maps) { maps, key throws(InvalidSetting) in
        try requireEntries(maps, key, "maps", name: \.name) { map throws(InvalidSetting) in
          try map.validate()
        }
      },
      Setting(.cacheContext, optional: \.cacheContext) { context, key throws(InvalidSetting) in
        try requireRange(context, SettingRange.statedTokens, key)
      },
      Setting(.bootstrap, \.bootstrap, SettingRange.intervals),
      Setting(.seed, \.seed),
    ]
  }

  /// Refuses a list of too many entries, an entry that is wrong, and two of one name.
  private static func requireEntries<Entry>(
    _ entries: [Entry], _ key: CodingKeys, _ what: String, name: KeyPath<Entry, String>,
    check: (Entry) throws(InvalidSetting) -> Void
  ) throws(InvalidSetting) {
    try requireShort(entries as [Any], key)
    for (position, entry) in entries.enumerated() {
      try within(key.rawValue, String(position)) { () throws(InvalidSetting) in try check(entry) }
      let own = entry[keyPath: name]
      try requireSetting(
        entries[..<position].allSatisfy { $0[keyPath: name] != own }, key,
        "has two \(what) named \(own); give each a name of its own")
    }
  }

  private static func requireSeeds(_ seeds: [Int], _ key: CodingKeys) throws(InvalidSetting) {
    try requireShort(seeds, key)
    try requireDistinct(seeds, key)
  }

  /// Refuses two tasks whose figures a file system may take for one.
  private func requireDistinctFigures() throws(InvalidSetting) {
    let drawn = tasks.filter { $0.grid != nil || $0.answers == nil }
    try requireDistinct(drawn.map(\.name), CodingKeys.tasks) {
      PlaceFigures.fileName(of: $0).lowercased()
    }
  }

  /// Checks what a task cannot tell without the others.
  package func validateTogether() throws(InvalidSetting) {
    try requireDistinctFigures()
    try requireSetting(
      tasks[0].primaryMetric.isShare, CodingKeys.tasks,
      "begins with \(tasks[0].primaryMetric == .divergence ? "prose" : "a task that a loss judges"); the first task "
        + "decides which map is recommended, so put one with answers first"
    )
    let measured = sparsities + (randomSparsities ?? [])
    for (position, task) in tasks.enumerated() {
      func require(_ holds: Bool, _ key: EvaluationTask.CodingKeys, _ problem: String)
        throws(InvalidSetting)
      {
        guard !holds else { return }
        throw InvalidSetting(
          [CodingKeys.tasks.rawValue, String(position), key.rawValue], problem)
      }
      if let other = task.sparsities?.first(where: { !measured.contains($0) }) {
        try require(
          false, .sparsities, "has \(other), which evaluation.sparsities has not; add it there")
      }
      if let other = task.criteria?.first(where: { !criteria.contains($0) }) {
        try require(
          false, .criteria, "has \(other), which evaluation.criteria has not; add it there")
      }
      if case .prose(let prose) = task.content {
        let context = context(of: task)
        try require(
          prose.every < context, .prose,
          "judges one of \(prose.every) positions of \(context); take a smaller number")
      }
    }
  }

  /// Tokens of a sample of `task`; the longest of several lengths.
  package func context(of task: EvaluationTask) -> Int {
    task.grid?.lengths.last ?? task.rulerCells.compactMap(\.length).max() ?? task.context ?? context
  }

  /// Tokens at which the size of the KV cache under `task` is stated.
  package func cacheContext(of task: EvaluationTask) -> Int { cacheContext ?? context(of: task) }

  /// Samples of `task`, of all cells together.
  package func samples(of task: EvaluationTask) -> Int {
    (task.samples ?? samples) * (task.grid?.cells.count ?? max(1, task.rulerCells.count))
  }
}

/// A way to choose layers without learned gates, to be measured against.
public enum Baseline: String, SettingChoice {
  /// Streaming layers spread evenly over the model.
  case alternating
  /// The first layers are retrieval layers.
  case first
  /// The last layers are retrieval layers.
  case last
  /// The layers stream whose attention falls most on what a streaming head sees (LightTransfer, arXiv
  /// 2410.13846).
  case lazy
  /// Every n-th layer retrieves, the first layer among them.
  case periodicFirst = "periodic-first"
  /// Every n-th layer retrieves, the last layer among them.
  case periodicLast = "periodic-last"
  /// The layers retrieve that lower the KL divergence most when they alone do (NLL-guided selection, arXiv
  /// 2606.27791).
  case oneLayerBack = "one-layer-back"
  /// The same by the answers' likelihood.
  case oneLayerBackLikelihood = "one-layer-back-nll"

  /// Words for a legend.
  var title: String {
    switch self {
    case .alternating: "Alternating layers"
    case .first: "First layers retrieve"
    case .last: "Last layers retrieve"
    case .lazy: "Lazy layers stream"
    case .periodicFirst: "Every n-th layer, from the first"
    case .periodicLast: "Every n-th layer, to the last"
    case .oneLayerBack: "One layer back, by KL"
    case .oneLayerBackLikelihood: "One layer back, by likelihood"
    }
  }

  /// Which of `layers` layers are retrieval layers when `streaming` of them stream; nil where that
  /// depends on the model.
  ///
  /// Alternating: layer l streams iff ⌊(l + 1)·n/L⌋ > ⌊l·n/L⌋ for n of L. Periodic: of k retrieval layers the i-th
  /// is ⌊i·L/k⌋, or counted so from the last one down.
  package func retrievalLayers(of layers: Int, streaming: Int) -> [Bool]? {
    switch self {
    case .alternating:
      (0..<layers).map { ($0 + 1) * streaming / layers == $0 * streaming / layers }
    case .first: (0..<layers).map { $0 < layers - streaming }
    case .last: (0..<layers).map { $0 >= streaming }
    case .periodicFirst: Self.everyNth(of: layers, count: layers - streaming)
    case .periodicLast: Self.everyNth(of: layers, count: layers - streaming).reversed()
    case .lazy, .oneLayerBack, .oneLayerBackLikelihood: nil
    }
  }

  private static func everyNth(of layers: Int, count: Int) -> [Bool] {
    let kept = Set((0..<count).map { $0 * layers / count })
    return (0..<layers).map(kept.contains)
  }

  /// Whether single layers must be put back to know it.
  package var needsRestoration: Bool { self == .oneLayerBack || self == .oneLayerBackLikelihood }
}
