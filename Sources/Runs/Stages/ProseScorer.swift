import GateOptimizer
import MapReporter
import Transformer

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
