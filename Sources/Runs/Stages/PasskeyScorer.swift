import GateOptimizer
import MapReporter
import Transformer

/// Teacher-forced accuracy: one prefill, and every answer token predicted from the true ones before it.
///
/// Layers that maps have in common are computed once.
struct PasskeyScorer: TaskScorer {
  let decoder: DecoderModel
  let samples: EvaluationSamples

  package func scores(
    of patterns: [AttentionPattern], sample index: Int, onEach: () throws -> Void
  ) throws -> [SampleScores] {
    let sample = try samples.sample(index: index)
    let answers = Array(sample.answers.joined())
    let firstTokens = Set(sample.firstTokens)
    var scores = patterns.map { _ in SampleScores() }
    try decoder.finalHidden(
      sample.tokens, patterns: patterns, rows: sample.predictingRows
    ) { pattern, hidden in
      let predictions = decoder.predictions(hidden, at: sample.predictors(of: answers))
      for (position, prediction) in zip(answers, predictions) {
        scores[pattern].count(
          prediction == sample.tokens[position], isFirst: firstTokens.contains(position))
      }
      try onEach()
    }
    return scores
  }
}

extension SampleScores {
  /// Counts one more token of an answer.
  mutating func count(_ isCorrect: Bool, isFirst: Bool) {
    self[.tokens].add(isCorrect)
    if isFirst { self[.firstTokens].add(isCorrect) }
  }
}
