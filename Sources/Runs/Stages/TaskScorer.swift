import GateOptimizer
import MapReporter
import ModelLoader
import Transformer

/// Judges maps on the samples of one task; sample i is the same for every map.
package protocol TaskScorer {
  /// Scores those of `patterns` that are `wanted` on sample `index`; `onEach` gets the place and the scores of
  /// each as soon as they are known, in an order of the scorer's own.
  ///
  /// The scores of a pattern do not depend on which others are wanted.
  ///
  /// - Throws: what `onEach` throws, at once, and `GateOptimizerError` where the sample cannot be made.
  func score(
    _ patterns: [AttentionPattern], wanted: [Bool], sample index: Int,
    onEach: (Int, SampleScores) throws -> Void
  ) throws
}

extension RunConfiguration {
  /// The scorer of a task.
  package func scorer(_ task: EvaluationTask, _ model: RunModel) throws -> any TaskScorer {
    switch task.content {
    case .passkeys:
      let samples = try evaluationSamples(task, model.tokenizer)
      return task.decodes
        ? DecodingScorer(decoder: model.decoder, samples: samples)
        : PasskeyScorer(decoder: model.decoder, samples: samples)
    case .prose(let prose):
      return ProseScorer(
        decoder: model.decoder, sampler: try proseSampler(task, model.tokenizer), settings: prose)
    }
  }
}

/// The samples of a passkey task, each in its cell where the task has a grid.
package struct EvaluationSamples: Sendable {
  let sampler: PasskeySampler
  let grid: NeedleGrid?

  /// Sample `index`.
  ///
  /// - Throws: As `PasskeySampler.sample(index:context:depth:)`.
  package func sample(index: Int) throws(GateOptimizerError) -> PasskeySample {
    let cell = grid?.cell(of: index)
    return try sampler.sample(index: index, context: cell?.length, depth: cell?.depth)
  }
}

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

/// How well running text is predicted, and how far the predictions are from full attention's, by
/// position.
struct ProseScorer: TaskScorer {
  let decoder: DecoderModel
  let sampler: ProseSampler
  let settings: ProseSettings

  package func score(
    _ patterns: [AttentionPattern], wanted: [Bool], sample index: Int,
    onEach: (Int, SampleScores) throws -> Void
  ) throws {
    let tokens = sampler.passage(index: index)
    let positions = settings.positions(in: tokens.count)
    let targets = positions.map { tokens[$0 + 1] }
    let rows = 0..<tokens.count
    let reference = decoder.finalHidden(
      tokens, pattern: .full(decoder.configuration), rows: rows)
    try decoder.finalHidden(tokens, patterns: patterns, wanted: wanted, rows: rows) {
      pattern, hidden in
      var scores = SampleScores()
      let losses = decoder.losses(
        hidden, reference: reference, rows: positions, targets: targets)
      for (position, loss) in zip(positions, losses) {
        let bin = settings.bin(of: position, in: tokens.count)
        scores[.perplexity, bin].add(loss.negativeLogLikelihood)
        scores[.divergence, bin].add(loss.divergence)
      }
      try onEach(pattern, scores)
    }
  }
}

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
