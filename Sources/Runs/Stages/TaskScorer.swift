import GateOptimizer
import MapReporter
import ModelLoader
import Transformer

/// Judges maps on the samples of one task; sample i is the same for every map.
package protocol TaskScorer {
  /// What each of `patterns` scores on sample `index`, in their order; `onEach` is called after each.
  ///
  /// - Throws: what `onEach` throws, at once, and `GateOptimizerError` where the sample cannot be made.
  func scores(
    of patterns: [AttentionPattern], sample index: Int, onEach: () throws -> Void
  ) throws -> [SampleScores]
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
