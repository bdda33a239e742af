import TestSupport
import Testing
import Transformer

/// Patterns tried from a base against the same patterns computed from the first layer on.
@Suite struct PatternProbeTests {
  private let window = StreamingWindow(sink: 2, recent: 5)

  private func patterns(_ c: ModelConfiguration, _ random: inout TestRandom) -> [AttentionPattern] {
    (0..<12).map { index in
      let rows = (0..<c.layers).map { _ in
        let first = random.unit() > 0
        return (0..<c.keyValueHeads).map { _ in index % 2 == 0 ? first : random.unit() > 0 }
      }
      return AttentionPattern(isRetrieval: rows, window: window)
    }
  }

  /// Budgets of all layers, of two, and of none to speak of.
  @Test(arguments: Architectures.all, [Int.max, 2 * 60 * 4 * 64, 1])
  func patternsAreTriedExactly(_ c: ModelConfiguration, byteBudget: Int) {
    let decoder = RandomModel(c).decoder
    var random = TestRandom(seed: 31)
    let tokens = random.tokens(64, vocabulary: c.vocabulary)
    var probe = PatternProbe(decoder, tokens: tokens, rows: 50..<60, byteBudget: byteBudget)
    let all = patterns(c, &random)
    for (index, base) in all.enumerated() {
      if index > 0 { probe.rebase(base) }
      for pattern in [.full(c), .streaming(c, window: window), base] + all.prefix(4) {
        let expected = decoder.finalHidden(tokens, pattern: pattern, rows: 50..<60).values
        let found = probe.finalHidden(pattern).values
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 2e-4 })
      }
    }
  }

  /// A base is the same to the bit whether its layers were kept when it was tried or not.
  @Test(arguments: Architectures.all, [Int.max, 2 * 60 * 4 * 64, 1])
  func whatWasTriedIsKeptToTheBit(_ c: ModelConfiguration, byteBudget: Int) {
    let decoder = RandomModel(c).decoder
    var random = TestRandom(seed: 32)
    let tokens = random.tokens(64, vocabulary: c.vocabulary)
    var keeping = PatternProbe(decoder, tokens: tokens, rows: 50..<60, byteBudget: byteBudget)
    var plain = PatternProbe(decoder, tokens: tokens, rows: 50..<60, byteBudget: byteBudget)
    let all = patterns(c, &random)
    for (base, other) in zip(all, all.dropFirst()) {
      for pattern in [base, other] {
        #expect(keeping.finalHidden(pattern).values == plain.finalHidden(pattern).values)
        if pattern == base { keeping.keepLatest() }
      }
      keeping.rebase(base)
      plain.rebase(base)
      for pattern in all.prefix(6) + [other] {
        #expect(keeping.finalHidden(pattern).values == plain.finalHidden(pattern).values)
      }
      keeping.keepLatest()
    }
  }
}
