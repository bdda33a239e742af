/// A set of retrieval units, layers or heads, with what it loses.
public struct SearchedSet: Sendable, Equatable {
  /// Which units see the whole context.
  public let kept: [Bool]
  /// The mean loss over the samples.
  public let loss: Double

  /// A set with its loss.
  public init(kept: [Bool], loss: Double) {
    self.kept = kept
    self.loss = loss
  }

  /// Units that stream.
  public var streaming: Int { kept.count { !$0 } }
}

/// How far a search is: enough to go on from.
public struct SearchState: Codable, Sendable, Equatable {
  /// Units removed so far.
  public internal(set) var removed = 0
  /// The units that are left.
  var kept: [Bool]
  /// What each unit's removal added to the loss when it was last tried; nil before the first time.
  var estimates: [Double?]
  /// The losses of every set that was measured on all samples.
  private var losses: [String: [Double]] = [:]

  /// Full attention, `count` units.
  public init(count: Int) {
    kept = Array(repeating: true, count: count)
    estimates = Array(repeating: nil, count: count)
  }

  /// Whether this is a search of `count` units on `samples` samples, as a file may not be.
  public func isSearch(of count: Int, samples: Int) -> Bool {
    kept.count == count && estimates.count == count && removed == kept.count { !$0 }
      && losses.allSatisfy { name, values in
        name.utf8.count == count && values.count == samples
          && name.utf8.allSatisfy { $0 == Self.one || $0 == UInt8(ascii: "0") }
      }
  }

  /// What removing a unit is thought to add.
  func estimate(_ unit: Int) -> Double { estimates[unit] ?? -.infinity }

  /// Number of sets that were measured on all samples.
  public var measured: Int { losses.count }

  /// The set of so many streaming units that loses least; of equals the one that keeps later units.
  public func best(streaming: Int) -> SearchedSet? {
    let size = kept.count - streaming
    let found = losses.filter { $0.key.utf8.count { $0 == Self.one } == size }
      .map { (name: $0.key, loss: $0.value.reduce(0, +) / Double($0.value.count)) }
      .min { ($0.loss, $0.name) < ($1.loss, $1.name) }
    return found.map { set in
      SearchedSet(kept: set.name.utf8.map { $0 == Self.one }, loss: set.loss)
    }
  }

  /// The losses of a set on each sample, if it was measured on all of them.
  func losses(of kept: [Bool]) -> [Double]? { losses[Self.name(kept)] }

  /// Remembers what was measured.
  mutating func note(_ kept: [Bool], _ losses: [Double]) { self.losses[Self.name(kept)] = losses }

  private static let one = UInt8(ascii: "1")

  private static func name(_ kept: [Bool]) -> String {
    String(kept.map { $0 ? "1" : "0" })
  }
}
