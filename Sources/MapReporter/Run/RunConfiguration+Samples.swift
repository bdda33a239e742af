import GateOptimizer
import ModelLoader

extension RunConfiguration {
  /// The samples that gates are learned on.
  func calibrationSampler(_ tokenizer: Tokenizer) throws -> PasskeySampler {
    try PasskeySampler(
      task: task, haystack: haystack.calibration, purpose: .calibration,
      contextLengths: PasskeySampler.contextLengths(
        from: calibration.contextMin, to: calibration.contextMax,
        count: calibration.contextIntervals),
      seed: seed, tokenizer: tokenizer)
  }

  /// The samples that maps are judged on by one task.
  func evaluationSampler(_ task: EvaluationTask, _ tokenizer: Tokenizer) throws -> PasskeySampler {
    try PasskeySampler(
      task: task.task, haystack: haystack.evaluation, purpose: .evaluation,
      contextLengths: [evaluation.context(of: task)], seed: evaluation.seed, tokenizer: tokenizer)
  }
}

extension LoadedModel {
  /// The tokenizer in the model file at `path`.
  func tokenizer(of path: String) throws -> Tokenizer {
    guard let json = tokenizerJSON else {
      throw RunError.malformed(
        path: path,
        problem: "the model has no tokenizer; import it again with its tokenizer.json")
    }
    return try Tokenizer(json: json)
  }
}
