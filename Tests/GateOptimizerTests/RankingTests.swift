import GateOptimizer
import TestSupport
import Testing
import Transformer

@Suite struct RankingTests {
  /// Four layers of two heads.
  ///
  /// The cut at one half keeps 1, .9, .8 and, of two gates of .5, the one in
  /// the lower layer.
  let gates = GateMatrix(
    layers: 4, heads: 2, values: [1, 0, 0.5, 0.5, 0.8, 0.1, 0.9, 0.4])

  @Test func headCutKeepsTheLargestAndTheLowerOfEquals() throws {
    let map = try gates.headCut(sparsity: 0.5)
    #expect(map.rows == [[true, false], [true, false], [true, false], [true, false]])
    #expect(map.retrievalCounts == [1, 1, 1, 1])
    #expect(map.sparsity == 0.5)
    #expect(map.mixedLayers == [0, 1, 2, 3])
    let window = StreamingWindow(sink: 16, recent: 64)
    #expect(AttentionPattern(map, window: window).isRetrieval == map.rows)
  }

  @Test func headCutTakesClippedGates() throws {
    let gates = GateMatrix(layers: 2, heads: 2, values: [1, -0.001, -0.002, 1.01])
    #expect(try gates.headCut(sparsity: 0.75).rows == [[true, false], [false, false]])
    #expect(try gates.headCut(sparsity: 0.25).rows == [[true, true], [false, true]])
  }

  /// Scores by hand: lost 1 .5 .8 .9, balance 1 1 .9 1.3, weighted ½ 1 .75 .85 1.1,
  /// count and weighted count the same for all (then sums 1 1 .9 1.3 decide), max 1 .5 .8 .9.
  @Test(arguments: [
    ("lost", [true, false, false, true], 1.3),
    ("balance", [true, false, false, true], 1.3 - 0.4),
    ("weighted:0.5", [true, false, false, true], 1.3 - 0.2),
    ("count", [true, false, false, true], 4),
    ("weighted-count:0.5", [true, false, false, true], 3),
    ("max", [true, false, false, true], 1.3),
  ])
  func handWorked(name: String, layers: [Bool], cost: Double) throws {
    let map = try gates.layerMap(by: Criterion(parsing: name), sparsity: 0.5)
    #expect(map.isRetrievalLayer == layers)
    #expect(abs(map.cost - cost) < 1e-12)
    #expect(map.achievedSparsity == 0.5)
  }

  @Test func equalScoresGoToTheLargerSumThenTheLowerLayer() throws {
    // `max` is 1 in all layers; the sums are 1.25, 1.5, 1.25, 1.5.
    let gates = GateMatrix(
      layers: 4, heads: 2, values: [1, 0.25, 1, 0.5, 0.25, 1, 0.5, 1])
    let ranking = try LayerRanking(gates: gates, criterion: .max, sparsity: 0.5)
    #expect(ranking.order == [1, 3, 0, 2])
    #expect(try ranking.best().isRetrievalLayer == [false, true, false, true])
    #expect(
      try gates.layerMap(by: .max, sparsity: 0.25).isRetrievalLayer == [true, true, false, true])
  }

  @Test func sumsDoNotDependOnTheOrderOfHeads() throws {
    // In this order 0.1 + 0.2 + 0.3 and 0.3 + 0.2 + 0.1 differ in the last bit.
    let gates = GateMatrix(layers: 2, heads: 3, values: [0.1, 0.2, 0.3, 0.3, 0.2, 0.1])
    let ranking = try LayerRanking(gates: gates, criterion: .balance, sparsity: 0.5)
    #expect(ranking.scores[0] == ranking.scores[1])
    #expect(ranking.order == [0, 1])
  }

  @Test func layerGateNeedsOneNumberPerLayer() throws {
    let one = GateMatrix(layers: 3, heads: 1, values: [0.2, 0.9, 0.2])
    let map = try one.layerMap(by: .layerGate, sparsity: 0.34)
    #expect(map.isRetrievalLayer == [true, true, false])
    #expect(throws: GateOptimizerError.self) { try gates.layerMap(by: .layerGate, sparsity: 0.5) }
  }

  @Test func endsAreAllRetrievalAndAllStreaming() throws {
    for criterion in [Criterion.lost, .balance, .weighted(0.5), .count, .weightedCount(2), .max] {
      #expect(try gates.layerMap(by: criterion, sparsity: 0).isRetrievalLayer.allSatisfy { $0 })
      #expect(try gates.layerMap(by: criterion, sparsity: 1).isRetrievalLayer.allSatisfy { !$0 })
    }
    #expect(try gates.headCut(sparsity: 0).sparsity == 0)
    #expect(try gates.headCut(sparsity: 1).sparsity == 1)
  }

  @Test(arguments: [
    (10, 0.25, 3), (10, 0.35, 4), (50, 0.29, 15), (32, 0.5, 16), (3, 0.5, 2), (30, 0.1, 3),
    (1, 0.49, 0), (7, 1.0, 7), (90, 0.0, 0), (90, 0.7, 63),
  ])
  func halvesRoundAwayFromZero(count: Int, sparsity: Double, streaming: Int) throws {
    #expect(try Sparsity.streaming(of: count, at: sparsity) == streaming)
  }

  @Test(arguments: [-0.1, 1.5, Double.nan, .infinity])
  func impossibleSparsityIsAUsageError(sparsity: Double) {
    let error = #expect(throws: GateOptimizerError.self) { try gates.headCut(sparsity: sparsity) }
    #expect(error?.category == .usage)
    #expect(error?.description == "sparsity: expected a number in 0…1, found \(sparsity).")
    #expect(throws: GateOptimizerError.self) { try gates.layerMap(by: .max, sparsity: sparsity) }
    #expect(throws: GateOptimizerError.self) {
      try RankedMap.randomLayers(4, sparsity: sparsity, seed: 0)
    }
  }

  @Test func criteriaReadAndPrint() throws {
    let all: [Criterion] = [
      .lost, .balance, .weighted(0.5), .count, .weightedCount(0.25), .max, .layerGate,
    ]
    for criterion in all {
      #expect(try Criterion(parsing: criterion.description) == criterion)
    }
    for text in ["", "mean", "weighted", "weighted:", "weighted:-1", "weighted:nan", "max:1"] {
      let error = #expect(throws: GateOptimizerError.self) { try Criterion(parsing: text) }
      #expect(error?.category == .usage)
    }
    #expect(throws: GateOptimizerError.self) {
      try gates.layerMap(by: .weighted(-1), sparsity: 0.5)
    }
  }

  @Test func randomBaselinesAreExactSeededAndDifferent() throws {
    var layerSets = Set<[Bool]>()
    var headSets = Set<[[Bool]]>()
    for seed in 0..<20 as Range<UInt64> {
      let layers = try RankedMap.randomLayers(30, sparsity: 0.5, seed: seed)
      #expect(layers.count { $0 } == 15)
      #expect(layers == (try RankedMap.randomLayers(30, sparsity: 0.5, seed: seed)))
      layerSets.insert(layers)
      let heads = try HeadSet.random(MapSpace(layers: 30, heads: 3), sparsity: 0.3, seed: seed)
      #expect(heads.retrievalCounts.reduce(0, +) == 63)
      headSets.insert(heads.rows)
    }
    #expect(layerSets.count == 20)
    #expect(headSets.count == 20)
  }

  @Test func layerMapsBecomePatterns() throws {
    let window = StreamingWindow(sink: 4, recent: 8)
    let map = try gates.layerMap(by: .max, sparsity: 0.5)
    let pattern = map.pattern(keyValueHeads: 2, window: window)
    #expect(
      pattern.isRetrieval == [[true, true], [false, false], [false, false], [true, true]])
    #expect(pattern.streaming.window == window)
  }
}
