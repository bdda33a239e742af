import Foundation
import GateOptimizer
import Transformer

extension Pipeline {
  /// Measures every map on every task, as far as that is not done yet, and writes the curves.
  func evaluate(_ model: RunModel, _ gates: GateMatrix) throws {
    let settings = configuration.evaluation
    let plan = try MapPlan(gates: gates, settings: settings, window: configuration.window)
    var table = try AccuracyTable.read(files.accuracies)
    let patterns = plan.patterns
    var done = settings.tasks.reduce(0) { sum, task in
      sum + patterns.count { table[task.name, $0] != nil }
    }
    let total = patterns.count * settings.tasks.count
    observer.stepBegan("evaluate", unit: "maps", done: done, total: total)
    for task in settings.tasks {
      let sampler = try sampler(
        task.task, configuration.haystack.evaluation, .evaluation,
        lengths: [settings.context(of: task)], seed: settings.seed, model)
      let samples = try (0..<settings.samples).map { index throws in
        try sampler.sample(index: index)
      }
      for pattern in patterns where table[task.name, pattern] == nil {
        table[task.name, pattern] = samples.map { score(model, $0, pattern) }
        try folder.write(table.text, to: files.accuracies)
        done += 1
        observer.stepAdvanced(to: done, note: task.name)
        if observer.isInterrupted { throw RunError.interrupted(folder: folder.path) }
      }
    }
    let curves = MeasuredCurves(
      plan: plan, table: table, settings: settings, model: model.decoder.configuration)
    try CurveTable.write(curves.points, to: URL(fileURLWithPath: files.curves))
    observer.report(
      "measured \(total) maps on \(settings.samples) samples each: \(curves.points.count) points")
  }

  /// Teacher-forced accuracy on one sample.
  private func score(
    _ model: RunModel, _ sample: PasskeySample, _ pattern: AttentionPattern
  ) -> SampleAccuracy {
    // The hidden state of a position predicts the token after it.
    let rows = sample.labelRows.lowerBound - 1..<sample.labelRows.upperBound - 1
    let hidden = model.decoder.finalHidden(sample.tokens, pattern: pattern, rows: rows)
    let predictions = model.decoder.predictions(hidden)
    func score(_ positions: some Sequence<Int>) -> SampleScore {
      positions.reduce(into: SampleScore(correct: 0, total: 0)) { score, position in
        score.total += 1
        if predictions[position - sample.labelRows.lowerBound] == sample.tokens[position] {
          score.correct += 1
        }
      }
    }
    return SampleAccuracy(
      tokens: score(sample.answers.joined()), firstTokens: score(sample.firstTokens))
  }
}
