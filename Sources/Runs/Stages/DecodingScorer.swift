import GateOptimizer
import MapReporter
import Transformer

/// Greedy decoding through the KV cache, which holds only what the map's heads still see.
///
/// An answer is exact if every token decoded is the right one. Up to the first wrong token the decoded
/// text is the true text, so that reading on with the true token after it decides nothing about this
/// answer, and gives the next question the context that it has in the teacher-forced measurement.
struct DecodingScorer: TaskScorer {
  let decoder: DecoderModel
  let samples: EvaluationSamples

  package func score(
    _ patterns: [AttentionPattern], wanted: [Bool], sample index: Int,
    onEach: (Int, SampleScores) throws -> Void
  ) throws {
    let sample = try samples.sample(index: index)
    for (place, pattern) in patterns.enumerated() where wanted[place] {
      try onEach(place, decode(sample, pattern))
    }
  }

  private func decode(_ sample: PasskeySample, _ pattern: AttentionPattern) -> SampleScores {
    let (tokens, firstTokens) = (sample.tokens, Set(sample.firstTokens))
    var scores = SampleScores()
    var next = sample.answers.first?.lowerBound ?? 0
    var generation = Generation(
      decoder, prompt: Array(tokens[..<next]), pattern: pattern, capacity: tokens.count)
    for answer in sample.answers {
      for position in next..<answer.lowerBound { generation.append(tokens[position]) }
      var isExact = true
      for position in answer {
        let isCorrect = generation.prediction == tokens[position]
        isExact = isExact && isCorrect
        scores.count(isCorrect, isFirst: firstTokens.contains(position))
        generation.append(tokens[position])
      }
      scores[.exact].add(isExact)
      next = answer.upperBound
    }
    return scores
  }
}
