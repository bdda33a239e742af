import GateOptimizer
import Transformer

/// Scores of all key-value heads by something that finds heads: a method, learned gates, or a search.
package struct NamedScores: Sendable {
  /// Words for it.
  package let name: String
  /// The scores as gates, of the heads that maps decide on.
  package let gates: GateMatrix

  /// Scores under a name.
  package init(_ name: String, _ gates: GateMatrix) { (self.name, self.gates) = (name, gates) }
}

/// How much two lists of scores agree.
package struct ScoreAgreement: Sendable, Equatable {
  /// Spearman's rank correlation over the heads that maps decide on, −1…1; nil where one list has no order.
  package let correlation: Double?
  /// Layers that are in the upper half by both, by the sum of a layer's scores.
  package let sharedLayers: Int
  /// Layers of the upper half.
  package let halfLayers: Int
  /// Layers that two random halves share on average.
  package let chance: Double

  /// The agreement of two lists of the same heads.
  package init(_ one: GateMatrix, _ other: GateMatrix) {
    precondition(one.space == other.space, "scores of other heads")
    correlation = Self.spearman(one.globalValues, other.globalValues)
    let layers = one.globalLayers.count
    halfLayers = layers / 2
    sharedLayers = Self.upperHalf(one).intersection(Self.upperHalf(other)).count
    chance = layers > 0 ? Double(halfLayers * halfLayers) / Double(layers) : 0
  }

  /// The half of the global layers with the largest sums; of equals the lower ones.
  private static func upperHalf(_ gates: GateMatrix) -> Set<Int> {
    let sums = gates.globalLayers.map { (layer: $0, sum: gates[layer: $0].reduce(0, +)) }
    return Set(
      sums.sorted { (-$0.sum, $0.layer) < (-$1.sum, $1.layer) }.prefix(sums.count / 2)
        .map(\.layer))
  }

  /// Spearman's ρ: Pearson's correlation of ranks, equals having the mean of theirs.
  package static func spearman(_ one: [Double], _ other: [Double]) -> Double? {
    let (a, b) = (ranks(one), ranks(other))
    let middle = Double(a.count - 1) / 2
    var (both, ownA, ownB) = (0.0, 0.0, 0.0)
    for (x, y) in zip(a, b) {
      both += (x - middle) * (y - middle)
      ownA += (x - middle) * (x - middle)
      ownB += (y - middle) * (y - middle)
    }
    return ownA > 0 && ownB > 0 ? both / (ownA * ownB).squareRoot() : nil
  }

  /// The place of each value from the lowest, 0…n − 1; equals have the mean of theirs.
  package static func ranks(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { (values[$0], $0) < (values[$1], $1) }
    var ranks = [Double](repeating: 0, count: values.count)
    var start = 0
    while start < order.count {
      var end = start
      while end < order.count, values[order[end]] == values[order[start]] { end += 1 }
      for place in order[start..<end] { ranks[place] = Double(start + end - 1) / 2 }
      start = end
    }
    return ranks
  }
}
