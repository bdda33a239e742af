import GateOptimizer
import MapReporter
import Transformer

/// What maps cost that stream after the prompt alone, beside a prefill, at one length.
package struct PromptResult: Codable, Sendable {
  /// Tokens of the sample, T.
  package var tokens: Int
  /// Rows after the prompt.
  package var rows: Int
  /// A prefill to the hidden states of these rows, full attention.
  package var prefill: Timing
  /// The prompt read once, its keys and values kept.
  package var read: Timing
  /// Bytes of these.
  package var cacheBytes: Int
  /// One map of which every other layer streams, alone.
  package var map: Timing
  /// A removal of each layer, all of them together: time of one.
  package var trial: Timing
  /// A calibration step of maps that stream everywhere.
  package var step: Timing
  /// A calibration step of maps that stream after the prompt, its teacher kept.
  package var keptStep: Timing
}

extension Bench {
  /// Prefill, prompt, maps after it and steps, in turn.
  func prompts(_ tokens: [Int32]) throws -> PromptResult {
    let c = decoder.configuration
    let rows = tokens.count - settings.labels..<tokens.count
    let window = settings.window
    let deployment = Deployment(window, phase: .decode)
    let prompt = PromptCache(decoder, tokens: tokens, boundary: rows.lowerBound, rows: rows)
    func heads(_ keep: (Int) -> Bool) -> HeadSet {
      HeadSet(retrievalLayers: (0..<c.layers).map(keep), heads: c.keyValueHeads)
    }
    let trials = (0..<c.layers).map { removed in PromptedMap(prompt, heads { $0 != removed }) }
    let everywhere = TwoStreamStep(decoder, window: window)
    let after = TwoStreamStep(decoder, deployment: deployment)
    let teacher = after.teach(tokens: tokens, labelRows: rows)
    let gates = input.stepGates
    let measured = try rounds("prompts, \(tokens.count) tokens", variants: 6) { variant in
      seconds {
        switch variant {
        case 0: _ = decoder.finalHidden(tokens, pattern: .full(c), rows: rows)
        case 1:
          _ = PromptCache(decoder, tokens: tokens, boundary: rows.lowerBound, rows: rows)
        case 2:
          decoder.finalHidden([PromptedMap(prompt, heads { $0 % 2 == 0 })], deployment) { _, _ in }
        case 3: decoder.finalHidden(trials, deployment) { _, _ in }
        case 4: _ = everywhere(tokens: tokens, labelRows: rows, gates: gates)
        default: _ = after.learn(from: teacher, tokens: tokens, labelRows: rows, gates: gates)
        }
      }
    }
    return PromptResult(
      tokens: tokens.count, rows: rows.count, prefill: Timing(measured.samples[0]),
      read: Timing(measured.samples[1]), cacheBytes: prompt.byteCount,
      map: Timing(measured.samples[2]),
      trial: Timing(measured.samples[3].map { $0 / Double(c.layers) }),
      step: Timing(measured.samples[4]), keptStep: Timing(measured.samples[5]))
  }
}
