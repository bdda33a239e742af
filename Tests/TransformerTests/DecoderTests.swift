import TestSupport
import Testing
import Transformer

@Suite struct DecoderTests {
  /// float32 sums of a few hundred terms through three layers.
  static let tolerance = 2e-5

  @Test(arguments: Architectures.all) func patternsMatchTheOracle(_ c: ModelConfiguration) {
    let model = RandomModel(c)
    let (decoder, oracle) = (model.decoder, ReferenceModel(model))
    var random = TestRandom(seed: 7)
    for length in [1, 2, 37, 300] {
      let tokens = random.tokens(length, vocabulary: c.vocabulary)
      let window = StreamingWindow(sink: 3, recent: 5)
      var mixed = AttentionPattern.streaming(c, window: window)
      mixed.isRetrieval[0][0] = true
      mixed.isRetrieval[c.layers - 1][1] = true
      for pattern in [.full(c), .streaming(c, window: window), mixed] {
        let hidden = decoder.finalHidden(tokens, pattern: pattern)
        let expected = oracle.finalHidden(tokens, pattern: pattern)
        expectClose(hidden, expected, tolerance: Self.tolerance, "\(c.modelType), \(length) tokens")
      }
    }
  }

  @Test func someRowsAreTheSameRowsOfAll() {
    let c = Architectures.llama
    let decoder = RandomModel(c).decoder
    var random = TestRandom(seed: 8)
    let tokens = random.tokens(200, vocabulary: c.vocabulary)
    let window = StreamingWindow(sink: 3, recent: 9)
    let patterns = [
      AttentionPattern.streaming(c, window: window),
      AttentionPattern(retrievalLayers: [false, true, false], keyValueHeads: 2, window: window),
    ]
    for pattern in patterns {
      let all = decoder.finalHidden(tokens, pattern: pattern).values
      let some = decoder.finalHidden(tokens, pattern: pattern, rows: 180..<197)
      let expected = all[180 * c.hidden..<197 * c.hidden].map(Double.init)
      expectClose(some.values, expected, tolerance: 1e-6)
    }
  }

  @Test func sharedPrefixesChangeNothing() {
    let c = Architectures.qwen3
    let decoder = RandomModel(c).decoder
    var random = TestRandom(seed: 12)
    let tokens = random.tokens(90, vocabulary: c.vocabulary)
    let window = StreamingWindow(sink: 3, recent: 9)
    var patterns = (0..<8).map { bits in
      AttentionPattern(
        retrievalLayers: (0..<3).map { bits >> $0 & 1 == 1 }, keyValueHeads: 2, window: window)
    }
    patterns.append(
      AttentionPattern(
        isRetrieval: [[true, false], [true, true], [false, false]],
        window: StreamingWindow(sink: 1, recent: 4)))
    patterns.append(.full(c))
    var visited = Set<Int>()
    decoder.finalHidden(tokens, patterns: patterns, rows: 70..<89) { index, hidden in
      visited.insert(index)
      let alone = decoder.finalHidden(tokens, pattern: patterns[index], rows: 70..<89)
      expectClose(hidden.values, alone.values.map(Double.init), tolerance: 1e-6, "\(index)")
    }
    #expect(visited == Set(patterns.indices))
  }

  @Test(
    arguments: Architectures.all, [StreamingWindow(sink: 0, recent: 1), .init(sink: 2, recent: 4)])
  func decodingContinuesThePrefill(_ c: ModelConfiguration, _ window: StreamingWindow) {
    let decoder = RandomModel(c).decoder
    var random = TestRandom(seed: 9)
    let tokens = random.tokens(40, vocabulary: c.vocabulary)
    // Of several kinds, all streaming, and all retrieving.
    let pattern = AttentionPattern(
      isRetrieval: (0..<c.layers).map { layer in
        (0..<c.keyValueHeads).map { layer == 2 || layer == 0 && $0 == 0 }
      }, window: window)
    let expected = decoder.finalHidden(tokens, pattern: pattern).values
    for prompt in [1, 3, 23] {
      var generation = Generation(
        decoder, prompt: Array(tokens[..<prompt]), pattern: pattern, capacity: 40)
      for position in prompt..<40 {
        generation.append(tokens[position])
        expectClose(
          generation.hidden.values,
          expected[position * c.hidden..<(position + 1) * c.hidden].map(Double.init),
          tolerance: Self.tolerance, "prompt \(prompt), token \(position)")
      }
    }
  }

  @Test func streamingHeadsKeepOnlyTheirWindow() {
    let c = Architectures.llama
    let decoder = RandomModel(c).decoder
    let tokens = [Int32](repeating: 3, count: 100)
    let window = StreamingWindow(sink: 3, recent: 5)
    let pattern = AttentionPattern(
      retrievalLayers: [true, false, false], keyValueHeads: 2, window: window)
    let generation = Generation(decoder, prompt: tokens, pattern: pattern, capacity: 128)
    let slot = 2 * c.headDim * 4 * c.keyValueHeads
    #expect(generation.cacheBytes == slot * (128 + 2 * 8))
  }

  @Test func oneCoreAndManyGiveTheSameBits() {
    let c = Architectures.llama
    let decoder = RandomModel(c).decoder
    var random = TestRandom(seed: 10)
    let tokens = random.tokens(700, vocabulary: c.vocabulary)
    let many = decoder.finalHidden(tokens, pattern: .full(c)).values
    let one = Parallelism.$isSerial.withValue(true) {
      decoder.finalHidden(tokens, pattern: .full(c)).values
    }
    #expect(many == one)
  }
}
