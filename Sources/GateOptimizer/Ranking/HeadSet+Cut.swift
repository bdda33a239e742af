import Transformer

extension HeadSet {
  /// DuoAttention's quantile cut made exact: of N heads the N − round(s·N) with the largest gates.
  ///
  /// DuoAttention (arXiv 2410.10819) keeps the gates not below their s-quantile after adding unseeded
  /// noise; here equal gates are kept by lower layer, then lower head, and the count is exact
  /// (see ``Sparsity`` for its rounding). Gates are clipped first.
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` unless 0 ≤ `sparsity` ≤ 1.
  public static func largest(
    of gates: GateMatrix, sparsity: Double
  ) throws(GateOptimizerError) -> HeadSet {
    let values = gates.clipped.values
    let streaming = try Sparsity.streaming(of: values.count, at: sparsity)
    // Row-major indices are in (layer, head) order, so the index itself breaks ties.
    let order = values.indices.sorted { (-values[$0], $0) < (-values[$1], $1) }
    return HeadSet(
      places: order.prefix(values.count - streaming), layers: gates.layers, heads: gates.heads)
  }

  /// A baseline: N − round(s·N) heads drawn at random, every set equally likely.
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` unless 0 ≤ `sparsity` ≤ 1.
  public static func random(
    layers: Int, heads: Int, sparsity: Double, seed: UInt64
  ) throws(GateOptimizerError) -> HeadSet {
    let streaming = try Sparsity.streaming(of: layers * heads, at: sparsity)
    var generator = SeededGenerator(seed: seed, stream: .randomHeads)
    let kept = generator.choose(layers * heads - streaming, of: layers * heads)
    return HeadSet(places: kept, layers: layers, heads: heads)
  }
}
