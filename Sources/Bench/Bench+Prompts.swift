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
}

/// What a step of gates costs whose maps stream after the prompt, beside one of maps that stream everywhere.
package struct KeptStepResult: Codable, Sendable {
  /// Tokens of the sample, T.
  package var tokens: Int
  /// Rows after the prompt.
  package var rows: Int
  /// A step of maps that stream everywhere.
  package var everywhere: Timing
  /// A step of maps that stream after the prompt, its teacher kept.
  package var kept: Timing
}

extension Bench {
  /// Prefill, prompt and maps after it, in turn.
  ///
  /// With one repeat there is no round before that does not count: a prefill of a large model takes minutes.
  func prompts(_ tokens: [Int32]) throws -> PromptResult {
    let c = decoder.configuration
    let rows = tokens.count - settings.labels..<tokens.count
    let deployment = Deployment(settings.window, phase: .decode)
    func read() -> PromptCache {
      PromptCache(decoder, tokens: tokens, boundary: rows.lowerBound, rows: rows)
    }
    let space = MapSpace(c)
    let units = space.globalLayers.indices
    let alternating = units.map { $0 % 2 == 0 }
    let removals = units.map { removed in units.map { $0 != removed } }
    var prompt: PromptCache?
    let measured = try rounds(
      "prompts, \(tokens.count) tokens", variants: 4, warmUp: settings.repeats > 1
    ) { variant in
      if variant == 1 { prompt = nil }
      return seconds {
        switch variant {
        case 0: _ = decoder.finalHidden(tokens, pattern: .full(c), rows: rows)
        case 1: prompt = read()
        default:
          let prompt = prompt ?? read()
          let maps = (variant == 2 ? [alternating] : removals).map {
            PromptedMap(prompt, space.layers($0))
          }
          decoder.finalHidden(maps, deployment) { _, _ in }
        }
      }
    }
    return PromptResult(
      tokens: tokens.count, rows: rows.count, prefill: Timing(measured.samples[0]),
      read: Timing(measured.samples[1]), cacheBytes: prompt?.byteCount ?? 0,
      map: Timing(measured.samples[2]),
      trial: Timing(measured.samples[3].map { $0 / Double(max(units.count, 1)) }))
  }

  /// Steps with and without their own teacher, in turn.
  func keptStep(_ tokens: [Int32]) throws -> KeptStepResult {
    let rows = tokens.count - settings.labels..<tokens.count
    let everywhere = TwoStreamStep(decoder, window: settings.window)
    let after = TwoStreamStep(decoder, deployment: Deployment(settings.window, phase: .decode))
    let teacher = after.teach(tokens: tokens, labelRows: rows)
    let gates = input.stepGates
    let measured = try rounds("steps, \(tokens.count) tokens", variants: 2) { variant in
      seconds {
        if variant == 0 {
          _ = everywhere(tokens: tokens, labelRows: rows, gates: gates)
        } else {
          _ = after.learn(from: teacher, tokens: tokens, labelRows: rows, gates: gates)
        }
      }
    }
    return KeptStepResult(
      tokens: tokens.count, rows: rows.count, everywhere: Timing(measured.samples[0]),
      kept: Timing(measured.samples[1]))
  }
}
