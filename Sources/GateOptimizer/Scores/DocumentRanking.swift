import Foundation

/// Documents in the order of their scores, and how good the order is.
public struct DocumentRanking: Sendable, Equatable {
  /// The documents, the highest score first; of equals the lower one.
  public let order: [Int]

  /// The order of `scores`, one for each document.
  public init(_ scores: [Double]) {
    order = scores.indices.sorted { (-scores[$0], $0) < (-scores[$1], $1) }
  }

  /// NDCG of the first `count`: the gain of gold documents, each 1 / log₂(place + 1) with places from 1, as a share of
  /// the best that an order can have; 0 where there are none.
  public func gain(gold: [Int], at count: Int) -> Double {
    func discount(_ place: Int) -> Double { 1 / log2(Double(place) + 2) }
    let best = (0..<min(gold.count, count)).reduce(0) { $0 + discount($1) }
    guard best > 0 else { return 0 }
    let found = order.prefix(count).enumerated().reduce(0.0) {
      $0 + (gold.contains($1.element) ? discount($1.offset) : 0)
    }
    return found / best
  }

  /// The share of the gold documents among the first `count`; 0 where there are none.
  public func recall(gold: [Int], at count: Int) -> Double {
    guard !gold.isEmpty else { return 0 }
    return Double(order.prefix(count).count(where: gold.contains)) / Double(gold.count)
  }
}
