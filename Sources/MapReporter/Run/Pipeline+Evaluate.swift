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
    let total = patterns.count * settings.tasks.count * settings.samples
    var done = settings.tasks.reduce(0) { sum, task in
      sum + patterns.reduce(0) { $0 + min(table[task.name, $1].count, settings.samples) }
    }
    observer.stepBegan("evaluate", unit: "maps × samples", done: done, total: total)
    for task in settings.tasks {
      let sampler = try configuration.evaluationSampler(task, model.tokenizer)
      for index in 0..<settings.samples {
        let missing = patterns.filter { table[task.name, $0].count <= index }
        if missing.isEmpty { continue }
        let scores = try score(model, try sampler.sample(index: index), missing) {
          done += 1
          observer.stepAdvanced(to: done, note: task.name)
        }
        for (pattern, score) in zip(missing, scores) { table[task.name, pattern].append(score) }
        try folder.write(table.text, to: files.accuracies)
      }
    }
    let curves = MeasuredCurves(
      plan: plan, table: table, settings: settings, model: model.decoder.configuration)
    try CurveTable.write(curves.points, to: URL(fileURLWithPath: files.curves))
    observer.report(
      "measured \(total) maps on \(settings.samples) samples each: \(curves.points.count) points")
  }

  /// Teacher-forced accuracy of every pattern on one sample.
  private func score(
    _ model: RunModel, _ sample: PasskeySample, _ patterns: [AttentionPattern],
    onEach: () -> Void
  ) throws -> [SampleAccuracy] {
    let answers = Array(sample.answers.joined())
    let firstTokens = Set(sample.firstTokens)
    // The hidden state of a position predicts the token after it.
    let rows = sample.labelRows.lowerBound - 1..<sample.labelRows.upperBound - 1
    var result = patterns.map { _ in SampleAccuracy.none }
    try model.decoder.finalHidden(sample.tokens, patterns: patterns, rows: rows) { index, hidden in
      let predictions = model.decoder.predictions(
        hidden, at: answers.map { $0 - sample.labelRows.lowerBound })
      for (position, prediction) in zip(answers, predictions) {
        let isCorrect = prediction == sample.tokens[position]
        result[index].tokens.count(isCorrect)
        if firstTokens.contains(position) { result[index].firstTokens.count(isCorrect) }
      }
      onEach()
      if observer.isInterrupted { throw RunError.interrupted(folder: folder.path) }
    }
    return result
  }
}

extension SampleScore {
  /// Counts one more token.
  fileprivate mutating func count(_ isCorrect: Bool) {
    total += 1
    if isCorrect { correct += 1 }
  }
}
