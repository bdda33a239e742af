/// The share of heads or layers that stream, and how it becomes a count.
///
/// Of n heads or layers at sparsity s, round(s·n) stream. Halves round away from zero (half a layer
/// streams), and a product within 1e-9 of a half counts as one, so that 0.29 · 50 is 14.5 although its
/// nearest double product is smaller.
public enum Sparsity {
  /// How many of `count` heads or layers stream at `sparsity`.
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` unless 0 ≤ `sparsity` ≤ 1.
  public static func streaming(
    of count: Int, at sparsity: Double
  ) throws(GateOptimizerError) -> Int {
    guard (0...1).contains(sparsity) else {
      throw .option(name: "sparsity", expected: "a number in 0…1", found: "\(sparsity)")
    }
    let exact = sparsity * Double(count)
    return min(count, Int((exact + 1e-9).rounded(.toNearestOrAwayFromZero)))
  }
}
