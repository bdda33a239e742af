import TestSupport
import Testing
import Transformer

/// Counts against loops over every layer, head, query and key, with the rows that matter found by
/// following what each row reads.
@Suite struct OperationCountTests {
  @Test(arguments: Architectures.all) func prefillsAreCountedPairByPair(_ c: ModelConfiguration) {
    let count = OperationCount(c)
    for window in [StreamingWindow(sink: 3, recent: 5), .init(sink: 0, recent: 1)] {
      var mixed = AttentionPattern.streaming(c, window: window)
      mixed.isRetrieval[0][0] = true
      var late = AttentionPattern.streaming(c, window: window)
      late.isRetrieval[c.layers - 1][c.keyValueHeads - 1] = true
      for pattern in [.full(c), .streaming(c, window: window), mixed, late] {
        for rows in [0..<1, 0..<37, 36..<37, 20..<31, 2..<6] {
          let naive = NaiveCount(c).prefill(pattern, rows: rows)
          #expect(count.prefill(pattern, rows: rows).total == naive, "\(pattern), \(rows)")
        }
      }
    }
  }

  @Test func attentionAloneIsOneLayersAttention() {
    let c = Architectures.llama
    let count = OperationCount(c)
    let window = StreamingWindow(sink: 4, recent: 7)
    for tokens in [1, 5, 11, 12, 90] {
      let causal = tokens * (tokens + 1) / 2
      let streaming = (0..<tokens).reduce(0) { sum, i in
        sum + (0..<tokens).count { window.sees(query: i, key: $0) }
      }
      let perPair = 4 * c.headDim * c.queryHeads
      #expect(count.attention(tokens: tokens, window: nil).total == perPair * causal)
      #expect(count.attention(tokens: tokens, window: window).total == perPair * streaming)
      #expect(StreamingRule(window).visibleKeys(at: tokens - 1) == min(tokens, 11))
    }
  }

  @Test(.enabled(if: BLASRuntime.isAvailable, "needs OpenBLAS, libopenblas0"))
  func yardstickMeasuresSomething() {
    for cores in [1, 2] {
      let rate = SgemmRate.measure(cores: cores)
      #expect(rate > 1e8 && rate.isFinite)
    }
  }
}
