import Transformer

/// A head-mixed map: which key-value heads are retrieval heads, whatever their layers.
public struct HeadCut: Sendable, Equatable {
  /// The share of streaming heads that was asked for.
  public let requestedSparsity: Double
  /// `isRetrieval[layer][head]`, (L, K).
  public let isRetrieval: [[Bool]]

  /// Retrieval heads of each layer, (L).
  public var retrievalCounts: [Int] {
    isRetrieval.map { row in row.count { $0 } }
  }

  /// The share of heads that stream.
  public var achievedSparsity: Double {
    let total = isRetrieval.reduce(0) { $0 + $1.count }
    return 1 - Double(retrievalCounts.reduce(0, +)) / Double(max(total, 1))
  }

  /// The attention pattern of this map.
  public func pattern(window: StreamingWindow) -> AttentionPattern {
    AttentionPattern(isRetrieval: isRetrieval, window: window)
  }

  /// DuoAttention's quantile cut made exact: of N heads the N − round(s·N) with the largest gates.
  ///
  /// DuoAttention (arXiv 2410.10819) keeps the gates not below their s-quantile after adding unseeded
  /// noise; here equal gates are kept by lower layer, then lower head, and the count is exact
  /// (see ``Sparsity`` for its rounding). Gates are clipped first.
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` unless 0 ≤ `sparsity` ≤ 1.
  public static func largest(
    of gates: GateMatrix, sparsity: Double
  ) throws(GateOptimizerError) -> HeadCut {
    let values = gates.clipped.values
    let streaming = try Sparsity.streaming(of: values.count, at: sparsity)
    // Row-major indices are in (layer, head) order, so the index itself breaks ties.
    let order = values.indices.sorted { (-values[$0], $0) < (-values[$1], $1) }
    return HeadCut(
      keeping: order.prefix(values.count - streaming), layers: gates.layers, heads: gates.heads,
      sparsity: sparsity)
  }

  /// A baseline: N − round(s·N) heads drawn at random, every set equally likely.
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` unless 0 ≤ `sparsity` ≤ 1.
  public static func random(
    layers: Int, heads: Int, sparsity: Double, seed: UInt64
  ) throws(GateOptimizerError) -> HeadCut {
    let streaming = try Sparsity.streaming(of: layers * heads, at: sparsity)
    var generator = SeededGenerator(seed: seed, stream: .randomHeads)
    let kept = generator.choose(layers * heads - streaming, of: layers * heads)
    return HeadCut(keeping: kept, layers: layers, heads: heads, sparsity: sparsity)
  }

  /// The retrieval heads given as row-major indices.
  private init(keeping kept: some Sequence<Int>, layers: Int, heads: Int, sparsity: Double) {
    var rows = Array(repeating: Array(repeating: false, count: heads), count: layers)
    for index in kept {
      rows[index / heads][index % heads] = true
    }
    requestedSparsity = sparsity
    isRetrieval = rows
  }
}
