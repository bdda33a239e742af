import GateOptimizer
import MapReporter
import Transformer

/// How well running text is predicted, and how far the predictions are from full attention's, by
/// position.
struct ProseScorer: TaskScorer {
  let decoder: DecoderModel
  let sampler: ProseSampler
  let settings: ProseSettings

  package func scores(
    of patterns: [AttentionPattern], sample index: Int, onEach: () throws -> Void
  ) throws -> [SampleScores] {
    let tokens = sampler.passage(index: index)
    let positions = settings.positions(in: tokens.count)
    let targets = positions.map { tokens[$0 + 1] }
    let rows = 0..<tokens.count
    let reference = decoder.finalHidden(
      tokens, pattern: .full(decoder.configuration), rows: rows)
    var scores = patterns.map { _ in SampleScores() }
    try decoder.finalHidden(tokens, patterns: patterns, rows: rows) { pattern, hidden in
      let losses = decoder.losses(
        hidden, reference: reference, rows: positions, targets: targets)
      for (position, loss) in zip(positions, losses) {
        let bin = settings.bin(of: position, in: tokens.count)
        scores[pattern][.perplexity, bin].add(loss.negativeLogLikelihood)
        scores[pattern][.divergence, bin].add(loss.divergence)
      }
      try onEach()
    }
    return scores
  }
}
