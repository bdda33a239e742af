import TestSupport
import Testing
import Transformer

/// Counts against loops over every layer, head, query and key, with the rows that matter found by
/// following what each row reads.
@Suite struct OperationCountTests {
  @Test(arguments: Architectures.all) func prefillsAreCountedPairByPair(_ c: ModelConfiguration) {
    let count = OperationCount(RandomModel(c).decoder)
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

  @Test(arguments: Architectures.all) func stepsAreCountedPairByPair(_ c: ModelConfiguration) {
    let decoder = RandomModel(c).decoder
    for window in [StreamingWindow(sink: 3, recent: 5), .init(sink: 0, recent: 1)] {
      for labels in [50..<60, 8..<12, 0..<9] {
        let step = OperationCount(decoder).step(window: window, labelRows: labels)
        let naive = NaiveCount(c)
        let streaming = AttentionPattern.streaming(c, window: window)
        #expect(step.teacher.total == naive.prefill(.full(c), rows: labels))
        #expect(step.student.total == naive.prefill(streaming, rows: labels))
        #expect(step.backward.total == naive.backward(streaming, rows: labels))
      }
    }
  }

  @Test(arguments: Architectures.all) func decodedTokensReadWhatIsVisible(_ c: ModelConfiguration) {
    let count = OperationCount(RandomModel(c).decoder)
    let window = StreamingWindow(sink: 2, recent: 6)
    for context in [1, 2, 3, 8, 9, 40] {
      for pattern in [AttentionPattern.full(c), .streaming(c, window: window)] {
        let row = context - 1..<context
        let naive = NaiveCount(c).oneToken(pattern, at: row.lowerBound)
        #expect(count.decodedToken(pattern, context: context).total == naive)
      }
    }
  }

  @Test func attentionAloneIsOneLayersAttention() {
    let c = Architectures.llama
    let count = OperationCount(RandomModel(c).decoder)
    let window = StreamingWindow(sink: 4, recent: 7)
    for tokens in [1, 5, 11, 12, 90] {
      let causal = tokens * (tokens + 1) / 2
      let streaming = (0..<tokens).reduce(0) { sum, i in
        sum + (0..<tokens).count { window.sees(query: i, key: $0) }
      }
      let perPair = 4 * c.headDim * c.queryHeads
      #expect(count.attention(tokens: tokens, window: nil).total == perPair * causal)
      #expect(count.attention(tokens: tokens, window: window).total == perPair * streaming)
      #expect(window.visibleKeys(at: tokens - 1) == min(tokens, 11))
    }
  }

  @Test func studentRowsArePredictedWithoutTheCones() {
    let decoder = RandomModel(Architectures.llama).decoder
    for window in [StreamingWindow(sink: 3, recent: 5), .init(sink: 0, recent: 1)] {
      for (tokens, labels) in [(60, 10), (12, 4), (9, 9), (21, 11)] {
        let cones = TwoStreamStep(decoder, window: window).cones(
          labelRows: tokens - labels..<tokens)
        #expect(
          window.predictedStudentRows(layers: 3, labels: labels, tokens: tokens)
            == cones.dropFirst().reduce(0) { $0 + $1.count })
      }
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

/// The definition, in loops.
private struct NaiveCount {
  let c: ModelConfiguration

  init(_ c: ModelConfiguration) { self.c = c }

  /// Rows at the layers' inputs, and at the last one's output.
  private func rowsThatMatter(_ pattern: AttentionPattern, _ rows: Range<Int>) -> [Set<Int>] {
    var result = [Set(rows)]
    for heads in pattern.isRetrieval.reversed() {
      var read: Set<Int> = []
      for query in result[0] {
        for key in 0...query where heads.contains(where: { sees(pattern, $0, query, key) }) {
          read.insert(key)
        }
      }
      result.insert(read, at: 0)
    }
    return result
  }

  private func sees(_ pattern: AttentionPattern, _ isFull: Bool, _ query: Int, _ key: Int) -> Bool {
    isFull ? key <= query : pattern.window.sees(query: query, key: key)
  }

  /// Query heads times visible pairs of one layer.
  private func pairs(_ pattern: AttentionPattern, layer: Int, queries: Set<Int>) -> Int {
    var pairs = 0
    for head in 0..<c.queryHeads {
      let isFull = pattern.isRetrieval[layer][head / c.groupSize]
      for query in queries {
        for key in 0...query where sees(pattern, isFull, query, key) { pairs += 1 }
      }
    }
    return pairs
  }

  /// A product of `rows` rows with an (out, in) matrix.
  private func product(_ rows: Int, _ outputs: Int, _ inputs: Int) -> Int {
    2 * rows * outputs * inputs
  }

  func prefill(_ pattern: AttentionPattern, rows: Range<Int>) -> Int {
    let plan = rowsThatMatter(pattern, rows)
    return (0..<c.layers).reduce(0) { sum, layer in
      let (n, m) = (plan[layer].count, plan[layer + 1].count)
      return sum + layerProducts(n, m)
        + 4 * c.headDim * pairs(pattern, layer: layer, queries: plan[layer + 1])
    }
  }

  func oneToken(_ pattern: AttentionPattern, at position: Int) -> Int {
    let layers = (0..<c.layers).reduce(0) { sum, layer in
      sum + layerProducts(1, 1) + 4 * c.headDim * pairs(pattern, layer: layer, queries: [position])
    }
    return layers + product(1, c.vocabulary, c.hidden)
  }

  private func layerProducts(_ n: Int, _ m: Int) -> Int {
    let (wide, narrow) = (c.queryHeads * c.headDim, c.keyValueHeads * c.headDim)
    let keysAndValues = 2 * product(n, narrow, c.hidden)
    let queryAndOutput = product(m, wide, c.hidden) + product(m, c.hidden, wide)
    let feedForward = 2 * product(m, c.feedForward, c.hidden) + product(m, c.hidden, c.feedForward)
    return keysAndValues + queryAndOutput + feedForward
  }

  /// From the last layer's output down to the first layer's gates.
  func backward(_ pattern: AttentionPattern, rows: Range<Int>) -> Int {
    let plan = rowsThatMatter(pattern, rows)
    let (wide, narrow) = (c.queryHeads * c.headDim, c.keyValueHeads * c.headDim)
    var sum = 0
    for layer in (0..<c.layers).reversed() {
      let (n, m) = (plan[layer].count, plan[layer + 1].count)
      sum += product(m, c.feedForward, c.hidden) + 2 * product(m, c.hidden, c.feedForward)
      sum += product(m, wide, c.hidden)
      for _ in 0..<c.queryHeads { sum += 2 * m * c.headDim }
      if layer == 0 { continue }
      sum += 4 * 2 * c.headDim * pairs(pattern, layer: layer, queries: plan[layer + 1])
      sum += 2 * product(n, c.hidden, narrow) + product(m, c.hidden, wide)
    }
    return sum
  }
}
