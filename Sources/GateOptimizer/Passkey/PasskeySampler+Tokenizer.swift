import ModelLoader

extension PasskeySampler {
  /// A sampler of `task` for the model whose tokenizer this is; samples begin with the tokens that
  /// its texts begin with.
  ///
  /// - Throws: ``GateOptimizerError`` as the other initializer.
  public init(
    task: PasskeyTask, haystack: HaystackSource, purpose: Purpose = .calibration,
    contextLengths: [Int], seed: UInt64, tokenizer: Tokenizer
  ) throws {
    try self.init(
      task: task, haystack: haystack, purpose: purpose, contextLengths: contextLengths, seed: seed,
      startTokens: tokenizer.startTokens
    ) { tokenizer.encode($0) }
  }
}
