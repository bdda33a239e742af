import GateOptimizer
import MapReporter
import Transformer

/// Teacher-forced accuracy: one prefill, and every answer token predicted from the true ones before it.
///
/// Layers that maps have in common are computed once.
struct PasskeyScorer: TaskScorer {
  let decoder: DecoderModel
  let samples: EvaluationSamples

  package func score(
    _ patterns: [AttentionPattern], wanted: [Bool], sample index: Int,
    onEach: (Int, SampleScores) throws -> Void
  ) throws {
    let sample = try samples.sample(index: index)
    let answers = Array(sample.answers.joined())
    let firstTokens = Set(sample.firstTokens)
    try decoder.finalHidden(
      sample.tokens, patterns: patterns, wanted: wanted, rows: sample.predictingRows
    ) { pattern, hidden in
      var scores = SampleScores()
      let predictions = decoder.predictions(hidden, at: sample.predictors(of: answers))
      for (position, prediction) in zip(answers, predictions) {
        scores.count(
          prediction == sample.tokens[position], isFirst: firstTokens.contains(position))
      }
      try onEach(pattern, scores)
    }
  }
}

extension SampleScores {
  /// Counts one more token of an answer.
  mutating func count(_ isCorrect: Bool, isFirst: Bool) {
    self[.tokens].add(isCorrect)
    if isFirst { self[.firstTokens].add(isCorrect) }
  }
}
