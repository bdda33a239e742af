import GateOptimizer
import TestSupport
import Testing

/// A map's cost is the least of all sets of its size, for every criterion.
@Suite struct RankingOptimalityTests {
  /// Costs of 32 layers are sums of up to 1024 gates, in other orders than the library's.
  static let rounding = 1e-10

  /// Random matrices of few distinct gates, so that ties abound; dyadic, so that sums are exact.
  private func gates(_ generator: inout SeededGenerator, heads: Int) -> GateMatrix {
    let layers = 1 + generator.below(9)
    let steps = 1 + generator.below(8)
    let values = (0..<layers * heads).map { _ in
      (Double(generator.below(steps + 2)) - 0.5)
        / Double(1 << (steps.bitWidth - steps.leadingZeroBitCount))
    }
    return GateMatrix(layers: layers, heads: heads, values: values)
  }

  private func rows(_ gates: GateMatrix) -> [[Double]] {
    (0..<gates.layers).map { gates.clipped[layer: $0].map { $0 } }
  }

  @Test(arguments: GateOracles.costs.map(\.name))
  func bruteForceOverAllSets(name: String) throws {
    let criterion = try Criterion(parsing: name)
    let cost = try #require(GateOracles.costs.first { $0.name == name }?.cost)
    var generator = SeededGenerator(seed: 2, stream: .randomLayers)
    for _ in 0..<60 {
      let heads = criterion == .layerGate ? 1 : 1 + generator.below(4)
      let gates = gates(&generator, heads: heads)
      let sparsity = Double(generator.below(11)) / 10
      let ranking = try LayerRanking(gates: gates, criterion: criterion, sparsity: sparsity)
      let map = try ranking.best()
      let a = rows(gates)
      let total = gates.values.count
      let c = GateOracles.largest(
        total - (try Sparsity.streaming(of: total, at: sparsity)), of: a)
      #expect(try gates.headCut(sparsity: sparsity).rows == c)

      let size = map.isRetrievalLayer.count { $0 }
      #expect(size == gates.layers - (try Sparsity.streaming(of: gates.layers, at: sparsity)))
      let sets = GateOracles.sets(of: size, from: gates.layers)
      for set in sets { #expect(ranking.cost(of: set) == cost(a, c, set)) }
      let least = sets.map { cost(a, c, $0) }.min()
      #expect(map.cost == least)
      #expect(map.isRetrievalLayer == preferred(sets.filter { cost(a, c, $0) == least }, a))
    }
  }

  /// Of equally cheap sets, in lexicographic order: the first with the largest sum of gates.
  private func preferred(_ sets: [[Bool]], _ a: [[Double]]) -> [Bool]? {
    func sum(_ set: [Bool]) -> Double {
      zip(a, set).filter(\.1).reduce(0) { $0 + $1.0.reduce(0, +) }
    }
    let largest = sets.map(sum).max()
    return sets.first { sum($0) == largest }
  }

  @Test(arguments: GateFixtures.publishedTables, [0.25, 0.5, 0.75])
  func publishedTablesByDynamicProgramming(path: String, sparsity: Double) throws {
    let perHead = try GateMatrix(contentsOf: path)
    for (name, cost) in GateOracles.costs {
      let criterion = try Criterion(parsing: name)
      let gates = criterion == .layerGate ? meanGates(perHead) : perHead
      let map = try gates.layerMap(by: criterion, sparsity: sparsity)
      let a = rows(gates)
      let c = try gates.headCut(sparsity: sparsity).rows
      let size = map.isRetrievalLayer.count { $0 }
      #expect(size == Int(32 * (1 - sparsity)))
      let least = GateOracles.leastCost(of: size, cost: cost, a: a, c: c)
      #expect(abs(map.cost - least) < Self.rounding, "\(name)")
      #expect(abs(map.cost - cost(a, c, map.isRetrievalLayer)) < Self.rounding, "\(name)")
    }
  }

  /// One number per layer, as a layer-wise calibration would learn.
  private func meanGates(_ gates: GateMatrix) -> GateMatrix {
    GateMatrix(
      layers: gates.layers, heads: 1,
      values: rows(gates).map { $0.reduce(0, +) / Double($0.count) })
  }

  /// Three heads of this table lie exactly on its median; the cut takes the lower ones, always.
  @Test(
    arguments: GateFixtures.publishedTables.filter {
      $0.contains("Llama-3-8B-Instruct-Gradient-1048k")
    })
  func tieOnTheMedianBreaksTheSameWay(path: String) throws {
    let gates = try GateMatrix(contentsOf: path)
    let values = gates.clipped.values
    let map = try gates.headCut(sparsity: 0.5)
    let kept = map.rows.flatMap { $0 }
    #expect(kept.count { $0 } == 128)
    let threshold = try #require(zip(values, kept).filter(\.1).map(\.0).min())
    let tied = values.indices.filter { values[$0] == threshold }
    let above = values.count { $0 > threshold }
    #expect(tied.count == 3)
    #expect(tied.map { kept[$0] } == tied.indices.map { $0 < 128 - above })
    #expect(above < 128 && above + tied.count > 128)
    for _ in 0..<20 { #expect(try gates.headCut(sparsity: 0.5) == map) }
  }
}
