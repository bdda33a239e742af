import TestSupport
import Testing

@testable import Transformer

/// What keys get from the rows behind a prefix, on every family.
@Suite struct SuffixAttentionTests {
  @Test(arguments: Architectures.all, [WeightReduction.mean, .largest])
  func columnsMatchTheOracle(_ c: ModelConfiguration, _ reduction: WeightReduction) {
    let model = RandomModel(c, seed: 51)
    let oracle = ReferenceModel(model)
    var random = TestRandom(seed: 52)
    let prefix = random.tokens(25, vocabulary: c.vocabulary)
    let suffixes = [15, 13].map { random.tokens($0, vocabulary: c.vocabulary) }
    let expected = suffixes.map { oracle.attentionWeights(prefix + $0) }
    var visited = 0
    model.decoder.suffixAttention(
      model.decoder.input(prefix), suffixes.map { model.decoder.input($0) }, reduction: reduction
    ) { layer, suffix, columns in
      #expect(layer == visited / 2 && suffix == visited % 2)
      visited += 1
      let rows = prefix.count..<prefix.count + suffixes[suffix].count
      let all = expected[suffix][layer].flatMap { weights in
        (0..<rows.upperBound).map { key in
          let own = rows.map { weights[$0][key] }
          return reduction == .mean
            ? own.reduce(0, +) / Double(rows.count) : own.max() ?? 0
        }
      }
      expectClose(columns.values, all, tolerance: 1e-4, "\(c.modelType), layer \(layer)")
    }
    #expect(visited == 2 * c.layers)
  }

  /// Later layers are not computed.
  @Test func layersEndWhereTheyAreNotWanted() {
    let c = Architectures.all[0]
    let model = RandomModel(c, seed: 53)
    var random = TestRandom(seed: 54)
    let tokens = random.tokens(30, vocabulary: c.vocabulary)
    let (prefix, suffix) = (
      model.decoder.input(Array(tokens[..<20])), model.decoder.input(Array(tokens[20...]))
    )
    var (all, some): ([[Float]], [[Float]]) = ([], [])
    model.decoder.suffixAttention(prefix, [suffix], reduction: .mean) { all.append($2.values) }
    model.decoder.suffixAttention(prefix, [suffix], layers: 2, reduction: .mean) {
      some.append($2.values)
    }
    #expect(all.count == c.layers && Array(all.prefix(2)) == some)
  }

  /// The key that a decoded token's head weighs most, in every family.
  @Test(arguments: Architectures.all)
  func largestKeysMatchTheOracle(_ c: ModelConfiguration) {
    let model = RandomModel(c, seed: 55)
    let oracle = ReferenceModel(model)
    var random = TestRandom(seed: 56)
    let tokens = random.tokens(40, vocabulary: c.vocabulary)
    let expected = oracle.attentionWeights(tokens)
    var generation = Generation(
      model.decoder, prompt: Array(tokens[..<20]), pattern: .full(c), capacity: 40)
    for position in 20..<40 {
      var layers: [[Int]] = []
      generation.append(tokens[position]) { layers.append($0) }
      #expect(layers.map(\.count) == Array(repeating: c.queryHeads, count: c.layers))
      for (layer, heads) in layers.enumerated() {
        for (head, key) in heads.enumerated() {
          let weights = expected[layer][head][position]
          // Ties of float32 aside.
          #expect(
            weights[key] >= (weights.max() ?? 0) * (1 - 1e-4), "\(c.modelType) \(layer)-\(head)")
        }
      }
    }
  }
}

/// Masked heads, on every family.
@Suite struct HeadMaskTests {
  @Test(arguments: Architectures.all, HeadMask.Kind.allCases)
  func maskedHeadsMatchTheOracle(_ c: ModelConfiguration, _ kind: HeadMask.Kind) {
    let model = RandomModel(c, seed: 57)
    var random = TestRandom(seed: 58)
    let tokens = random.tokens(30, vocabulary: c.vocabulary)
    let heads = [(0, 0), (1, c.queryHeads - 1), (c.layers - 1, 1)].map { (layer: $0.0, head: $0.1) }
    let mask = HeadMask(kind, heads, layers: c.layers, queryHeads: c.queryHeads)
    let found = model.decoder.finalHidden(tokens, mask: mask, rows: 11..<29)
    let expected = ReferenceModel(model).finalHidden(
      tokens, masked: mask.isMasked, uniform: kind == .uniform)[11..<29]
    expectClose(
      found.values, Array(expected.joined()), tolerance: 1e-4, "\(c.modelType), \(kind)")
    let plain = model.decoder.finalHidden(tokens, pattern: .full(c), rows: 11..<29)
    let none = HeadMask(kind, [], layers: c.layers, queryHeads: c.queryHeads)
    #expect(model.decoder.finalHidden(tokens, mask: none, rows: 11..<29).values == plain.values)
  }
}
