import Transformer

/// The layers of one gate matrix ranked by one criterion at one sparsity.
///
/// A criterion gives every layer two numbers: what is lost when it streams, and what is gained when it
/// is a retrieval layer. A set S of retrieval layers costs
///
///     cost(S) = Σ_{l∉S} loss_l − Σ_{l∈S} gain_l  =  Σ_l loss_l − Σ_{l∈S} score_l,  score = loss + gain
///
/// so among all sets of one size the layers with the largest scores cost least, and no search over
/// C(L, |S|) sets is needed (docs/method.md).
public struct LayerRanking: Sendable, Equatable {
  /// The criterion that ranked.
  public let criterion: Criterion
  /// The share of streaming layers that was asked for.
  public let sparsity: Double
  /// What is lost if the layer streams, (L).
  public let losses: [Double]
  /// What is gained if the layer is a retrieval layer, (L); negative for the counts.
  public let gains: [Double]
  /// Loss plus gain, (L): the layers with the largest become retrieval layers.
  public let scores: [Double]
  /// The global layers from the first to be kept to the last: by score, then sum of gates, then lower index.
  public let order: [Int]

  /// Ranks the layers of `gates` at `sparsity`.
  ///
  /// - Throws: ``GateOptimizerError`` if `sparsity` is outside 0…1, the criterion's weight is negative
  ///   or not finite, or `layer-gate` is asked of gates that differ within a layer, or `search` of gates at all.
  public init(
    gates: GateMatrix, criterion: Criterion, sparsity: Double
  ) throws(GateOptimizerError) {
    let kept = try HeadSet.largest(of: gates, sparsity: sparsity).rows
    let rows = try Self.rows(of: gates.clipped, for: criterion)
    let stakes = zip(rows, kept).map { LayerStake(gates: $0, kept: $1, criterion: criterion) }
    let scores = stakes.map(\.score)
    let sums = rows.map(orderFreeSum)
    self.criterion = criterion
    self.sparsity = sparsity
    self.losses = stakes.map(\.loss)
    self.gains = stakes.map(\.gain)
    self.scores = scores
    self.order = gates.globalLayers.sorted {
      (-scores[$0], -sums[$0], $0) < (-scores[$1], -sums[$1], $1)
    }
  }

  /// The cost of keeping exactly the layers that are true in `isRetrievalLayer`, (L).
  public func cost(of isRetrievalLayer: [Bool]) -> Double {
    precondition(isRetrievalLayer.count == losses.count, "one flag per layer")
    return orderFreeSum(
      isRetrievalLayer.indices.map { isRetrievalLayer[$0] ? -gains[$0] : losses[$0] })
  }

  /// The map of least cost: of n global layers the n − round(s·n) that come first in ``order``.
  public func best() throws(GateOptimizerError) -> RankedMap {
    let streaming = try Sparsity.streaming(of: order.count, at: sparsity)
    var isRetrievalLayer = Array(repeating: false, count: losses.count)
    for layer in order.prefix(order.count - streaming) {
      isRetrievalLayer[layer] = true
    }
    return RankedMap(
      criterion: criterion, requestedSparsity: sparsity, isRetrievalLayer: isRetrievalLayer,
      scores: scores, cost: cost(of: isRetrievalLayer))
  }

  /// The rows of `gates` after checking that the criterion can judge them.
  private static func rows(
    of gates: GateMatrix, for criterion: Criterion
  ) throws(GateOptimizerError) -> [[Double]] {
    if let weight = criterion.weight, !(weight.isFinite && weight >= 0) {
      throw .option(name: criterion.name, expected: "a weight ≥ 0", found: "\(weight)")
    }
    if criterion == .search {
      throw .criterion(
        name: criterion.name, expected: "a run folder with the maps that were searched",
        found: "gates alone")
    }
    let rows = (0..<gates.layers).map { Array(gates[layer: $0]) }
    if criterion == .layerGate {
      for (layer, row) in rows.enumerated() {
        guard let other = row.first(where: { $0 != row[0] }) else { continue }
        throw .criterion(
          name: criterion.name, expected: "gates learned as one number per layer",
          found: "\(row[0]) and \(other) in layer \(layer)")
      }
    }
    return rows
  }
}

/// What one layer adds to the cost of a set: `loss` outside it, −`gain` inside.
struct LayerStake {
  let loss: Double
  let gain: Double
  /// `loss` + `gain`, in an arithmetic of its own so that equal layers tie to the last bit.
  let score: Double

  /// The stake of a layer with clipped `gates` (K), of which the per-head cut keeps `kept` (K).
  init(gates: [Double], kept: [Bool], criterion: Criterion) {
    switch criterion {
    case .lost: self.init(gates: gates, kept: kept, weight: 0)
    case .balance: self.init(gates: gates, kept: kept, weight: 1)
    case .weighted(let weight): self.init(gates: gates, kept: kept, weight: weight)
    case .count: self.init(kept: kept, weight: 1)
    case .weightedCount(let weight): self.init(kept: kept, weight: weight)
    case .max: self.init(loss: gates.max() ?? 0)
    case .layerGate, .search: self.init(loss: gates.first ?? 0)
    }
  }

  /// loss = Σ_{c=1} a, gain = w Σ_{c=0} a, so score = w Σ a + (1 − w) Σ_{c=1} a.
  private init(gates: [Double], kept: [Bool], weight: Double) {
    let keptSum = orderFreeSum(zip(gates, kept).filter(\.1).map(\.0))
    let droppedSum = orderFreeSum(zip(gates, kept).filter { !$0.1 }.map(\.0))
    loss = keptSum
    gain = weight * droppedSum
    score = weight * orderFreeSum(gates) + (1 - weight) * keptSum
  }

  /// loss = n₁, gain = −w n₀.
  private init(kept: [Bool], weight: Double) {
    let keptCount = kept.count { $0 }
    loss = Double(keptCount)
    gain = -weight * Double(kept.count - keptCount)
    score = loss + gain
  }

  private init(loss: Double) {
    (self.loss, gain, score) = (loss, 0, loss)
  }
}

/// The sum of `values` from the smallest up: the same bits for any order they are given in.
func orderFreeSum(_ values: [Double]) -> Double {
  values.sorted().reduce(0, +)
}
