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
