/// The layer criteria by their definitions: shortest possible code, no scores, no sorting of layers.
///
/// a: clipped gates (L, K); c: heads kept by the per-head cut (L, K); s: retrieval layers (L).
package enum GateOracles {
  /// The cost of a set of retrieval layers.
  package typealias Cost =
    @Sendable (_ a: [[Double]], _ c: [[Bool]], _ s: [Bool]) -> Double

  /// Every published criterion under the name it has in configs, weights dyadic so that sums of dyadic
  /// gates are exact.
  package static let costs: [(name: String, cost: Cost)] = [
    ("lost", { lost($0, $1, $2) }),
    ("balance", { lost($0, $1, $2) - gained($0, $1, $2) }),
    ("weighted:0.0", { lost($0, $1, $2) }),
    ("weighted:0.5", { lost($0, $1, $2) - 0.5 * gained($0, $1, $2) }),
    ("weighted:2.0", { lost($0, $1, $2) - 2 * gained($0, $1, $2) }),
    ("count", { changed($0, $1, $2, weight: 1) }),
    ("weighted-count:0.25", { changed($0, $1, $2, weight: 0.25) }),
    ("max", { a, _, s in zip(a, s).filter { !$0.1 }.map { $0.0.max() ?? 0 }.reduce(0, +) }),
    ("layer-gate", { a, _, s in zip(a, s).filter { !$0.1 }.map { $0.0[0] }.reduce(0, +) }),
  ]

  /// Heads in the order (larger gate, lower layer, lower head), the first `count` marked.
  package static func largest(_ count: Int, of a: [[Double]]) -> [[Bool]] {
    var all: [(gate: Double, layer: Int, head: Int)] = []
    for (layer, row) in a.enumerated() {
      for (head, gate) in row.enumerated() { all.append((gate, layer, head)) }
    }
    all.sort { ($1.gate, $0.layer, $0.head) < ($0.gate, $1.layer, $1.head) }
    var c = a.map { $0.map { _ in false } }
    for head in all.prefix(count) { c[head.layer][head.head] = true }
    return c
  }

  /// All sets of `size` of `count` layers as flags, in lexicographic order of their indices.
  package static func sets(of size: Int, from count: Int) -> [[Bool]] {
    if count == 0 { return size == 0 ? [[]] : [] }
    let with = size > 0 ? sets(of: size - 1, from: count - 1).map { [true] + $0 } : []
    return with + sets(of: size, from: count - 1).map { [false] + $0 }
  }

  /// The least cost of any set of `size` layers, by dynamic programming over layers and sizes.
  ///
  /// Each layer's cost in and out of the set is the definition's for a model of that layer alone.
  package static func leastCost(
    of size: Int, cost: Cost, a: [[Double]], c: [[Bool]]
  ) -> Double {
    var best: [Double] = [0] + Array(repeating: .infinity, count: size)
    for layer in a.indices {
      let outside = cost([a[layer]], [c[layer]], [false])
      let inside = cost([a[layer]], [c[layer]], [true])
      for chosen in stride(from: size, through: 0, by: -1) {
        let taking = chosen > 0 ? best[chosen - 1] + inside : .infinity
        best[chosen] = min(best[chosen] + outside, taking)
      }
    }
    return best[size]
  }

  private static func lost(_ a: [[Double]], _ c: [[Bool]], _ s: [Bool]) -> Double {
    sum(a, c) { kept, layer in kept && !s[layer] }
  }

  private static func gained(_ a: [[Double]], _ c: [[Bool]], _ s: [Bool]) -> Double {
    sum(a, c) { kept, layer in !kept && s[layer] }
  }

  private static func changed(
    _ a: [[Double]], _ c: [[Bool]], _ s: [Bool], weight: Double
  ) -> Double {
    let ones = a.map { $0.map { _ in 1.0 } }
    return lost(ones, c, s) + weight * gained(ones, c, s)
  }

  private static func sum(
    _ a: [[Double]], _ c: [[Bool]], where counts: (Bool, Int) -> Bool
  ) -> Double {
    var total = 0.0
    for layer in a.indices {
      for head in a[layer].indices where counts(c[layer][head], layer) { total += a[layer][head] }
    }
    return total
  }
}
