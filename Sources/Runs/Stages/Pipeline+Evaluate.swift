import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Transformer

extension Pipeline {
  /// Measures every map on every task, as far as that is not done yet, and writes the curves.
  func evaluate(_ model: RunModel, _ run: FinishedRun) throws {
    let settings = configuration.evaluation
    let sources = try mapSources(model, run)
    for note in sources.notes { observer.warn(note) }
    let plan = try MapPlan(sources, settings: settings)
    let deployments = configuration.deployments
    var table = try ScoreTable.read(files.scores)
    let names = deployments.map { $0 == configuration.deployment ? nil : $0.name }
    var progress = EvaluationProgress(plan, settings, names, table)
    observer.stepBegan(
      "evaluate", unit: "maps × samples", done: progress.done, total: progress.total)
    for (place, deployment) in deployments.enumerated() {
      for (number, task) in settings.tasks.enumerated() {
        try measure(
          EvaluationPart(
            task: task, taskNumber: number, deployment: names[place], deploymentNumber: place,
            maps: plan.heads(for: task)),
          configuration.scorer(task, deployment, model), &table, &progress)
      }
    }
    let curves = MeasuredCurves(
      plan: plan, table: table, settings: settings, model: model.decoder.configuration,
      deployments: deployments, own: configuration.deployment)
    let points = curves.points
    let (text, places) = (CurveTable.text(points), PlaceTable.text(curves.places))
    try folder.claim(.curves, inputs, texts: [text, places])
    try folder.write(text, to: files.curves)
    try folder.write(places, to: files.places)
    observer.report(
      "measured \(progress.total) times a map on a sample: \(points.count) points of the curves")
  }

  /// Measures what is missing of a task in a deployment, whose name is nil if it is the window's.
  ///
  /// Scores are written at the end of each sample, and between its maps as often as that takes a twentieth of
  /// the time at most: of samples that take long, after each map.
  private func measure(
    _ part: EvaluationPart, _ scorer: any TaskScorer, _ table: inout ScoreTable,
    _ progress: inout EvaluationProgress
  ) throws {
    let (task, maps, deployment) = (part.task, part.maps, part.deployment)
    let samples = configuration.evaluation.samples(of: task)
    let begun = maps.map { table[task.name, $0, deployment: deployment].count }
    var written = WrittenScores(table, task)
    func check() throws {
      guard observer.isInterrupted else { return }
      try write(table, of: task, &written)
      throw RunError.interrupted(folder: folder.path)
    }
    func take(_ place: Int, _ scores: SampleScores) throws {
      table[task.name, maps[place], deployment: deployment].append(scores)
      progress.done += 1
      observer.stepAdvanced(
        to: progress.done,
        note: [task.name, deployment].compactMap(\.self).joined(separator: ", "))
      try check()
      if written.isDue { try write(table, of: task, &written) }
    }
    if let ranks {
      try SpreadEvaluation(
        ranks: ranks, task: part.taskNumber, deployment: part.deploymentNumber, maps: maps
      ).run(
        samples: samples, missing: { sample in maps.indices.filter { begun[$0] <= sample } },
        scorer: scorer, check: check, onEach: take)
      try write(table, of: task, &written)
    } else {
      for index in 0..<samples {
        let isMissing = begun.map { $0 <= index }
        guard isMissing.contains(true) else { continue }
        try scorer.score(maps, wanted: isMissing, sample: index, onEach: take)
        try write(table, of: task, &written)
      }
    }
    // What the file held before its last write is of no use any more.
    if folder.ledger[.scores(task: task.name)]?[ResultInputs.earlierContent] != nil {
      try folder.claim(.scores(task: task.name), inputs, texts: [table.text(of: task.name)])
    }
  }

  /// Writes the scores, unless they are written already.
  private func write(
    _ table: ScoreTable, of task: EvaluationTask, _ written: inout WrittenScores
  ) throws {
    let start = ContinuousClock.now
    let text = table.text(of: task.name)
    let hash = sha256(of: text)
    guard hash != written.hash else { return }
    try folder.claim(.scores(task: task.name), inputs, texts: [text], before: written.hash)
    try folder.write(table.text, to: files.scores)
    written.note(hash, since: start)
  }

  /// Everything that maps are made of.
  private func mapSources(_ model: RunModel, _ run: FinishedRun) throws -> MapSources {
    let settings = configuration.evaluation
    return try MapSources(
      run.maps,
      remoteness: settings.baselines.contains(.lazy) ? try remoteness(model) : nil,
      restoration: settings.baselines.contains(where: \.needsRestoration)
        ? try restoration(model) : nil,
      imported: settings.maps, model: record.model, scored: try scoredGates(model))
  }

  /// 1 − the share of attention on what a streaming head sees, from the file or over calibration samples.
  func remoteness(_ model: RunModel) throws -> GateMatrix {
    if try RunResult.attention.isThere(in: files) && !isOwn(.attention) {
      try folder.remove(files.attention)
    }
    if RunResult.attention.isThere(in: files) {
      return try matrix(at: files.attention, model)
    }
    let sampler = try configuration.calibrationSampler(model.tokenizer)
    let architecture = model.decoder.configuration
    let count = Self.attentionSamples
    var mean = GateMatrix(
      layers: architecture.layers, heads: architecture.keyValueHeads, repeating: 1)
    observer.stepBegan("attention", unit: "samples", done: 0, total: count)
    func own(_ index: Int) throws -> [[Double]] {
      try configuration.windowMass(of: index, sampler, model)
    }
    let masses = try onSamples(count) { [observer] done in
      observer.stepAdvanced(to: done, note: "")
    } spread: { ranks, check, began in
      try ranks.attention(count, check: check, began: began, own: own)
    } own: {
      try own($0)
    }
    for mass in masses {
      for (layer, row) in mass.enumerated() {
        for (head, share) in row.enumerated() { mean[layer, head] -= share / Double(count) }
      }
    }
    mean = mean.within(MapSpace(architecture)).clipped
    try folder.claim(.attention, inputs, texts: [mean.tsv])
    try folder.write(mean.tsv, to: files.attention)
    return mean
  }

  /// Samples that tell which layers are lazy.
  static let attentionSamples = 8
}

extension RunConfiguration {
  /// The share of attention on what a streaming head sees, (L, K), in sample `index` of the calibration.
  func windowMass(
    of index: Int, _ sampler: any SampleSource, _ model: RunModel
  ) throws -> [[Double]] {
    let sample = try sampler.sample(index: index, context: nil)
    return model.decoder.windowMass(
      sample.tokens, rows: sample.labelRows, window: deployment.window)
  }
}

/// A task in a deployment: what is measured in one go.
private struct EvaluationPart {
  let task: EvaluationTask
  /// Its place in the configuration's list.
  let taskNumber: Int
  /// Nil for the window's own.
  let deployment: String?
  /// Its place in the configuration's list.
  let deploymentNumber: Int
  let maps: [HeadSet]
}

/// What `scores.csv` holds of a task, and how long its last write took.
private struct WrittenScores {
  /// SHA-256 of the task's lines; nil where there are none.
  private(set) var hash: String?
  private var end = ContinuousClock.now
  private var duration = Duration.zero

  /// As often as that takes this share of the time, at most.
  private static let share = 1.0 / 20

  init(_ table: ScoreTable, _ task: EvaluationTask) {
    hash = table.holds(task.name) ? sha256(of: table.text(of: task.name)) : nil
  }

  /// Whether enough time has gone by since the last write.
  var isDue: Bool { duration <= (ContinuousClock.now - end) * Self.share }

  mutating func note(_ hash: String, since start: ContinuousClock.Instant) {
    self.hash = hash
    end = ContinuousClock.now
    duration = end - start
  }
}

/// How much of an evaluation is done.
private struct EvaluationProgress {
  var done = 0
  var total = 0

  init(
    _ plan: MapPlan, _ settings: EvaluationSettings, _ deployments: [String?],
    _ table: ScoreTable
  ) {
    for task in settings.tasks {
      let (maps, samples) = (plan.heads(for: task), settings.samples(of: task))
      for deployment in deployments {
        total += maps.count * samples
        done += maps.reduce(0) {
          $0 + min(table[task.name, $1, deployment: deployment].count, samples)
        }
      }
    }
  }
}
