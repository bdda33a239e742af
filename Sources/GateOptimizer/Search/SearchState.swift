/// A set of retrieval units, layers or heads, with what it loses.
package struct SearchedSet: Sendable, Equatable {
  /// Which units see the whole context.
  package let kept: [Bool]
  /// The mean loss over the samples.
  package let loss: Double

  /// A set with its loss.
  package init(kept: [Bool], loss: Double) {
    self.kept = kept
    self.loss = loss
  }

  /// Units that stream.
  package var streaming: Int { kept.count { !$0 } }
}

/// A set that a search goes on from.
struct SearchBranch: Codable, Sendable, Equatable {
  /// The units that are left.
  var kept: [Bool]
  /// What each unit's removal added to the loss when it was last tried; nil before the first time.
  var estimates: [Double?]

  /// What removing a unit is thought to add.
  func estimate(_ unit: Int) -> Double { estimates[unit] ?? -.infinity }

  /// Whether `other` is what is left when one unit more is removed.
  func isParent(of other: [Bool]) -> Bool {
    zip(kept, other).allSatisfy { $0 || !$1 } && zip(kept, other).count { $0 != $1 } == 1
  }
}

/// How far a search is: enough to go on from.
package struct SearchState: Codable, Sendable, Equatable {
  /// Units removed so far.
  package internal(set) var removed = 0
  /// What is gone on from, the best first; not empty.
  var branches: [SearchBranch]
  /// The set that units are added to; nil before the first addition.
  var growing: SearchBranch?
  /// Samples a set is judged on, ≥ 1.
  private var samples: Int
  /// The losses of every set that was measured, on the first samples or on all.
  private var losses: [String: [Double]] = [:]

  /// Full attention, `count` units judged on `samples` samples.
  package init(count: Int, samples: Int) {
    self.samples = samples
    branches = [
      SearchBranch(
        kept: Array(repeating: true, count: count), estimates: Array(repeating: nil, count: count))
    ]
  }

  /// The largest loss that is taken for one: sums of larger ones leave the numbers.
  static let largestLoss = 1e100

  /// Whether this is a search of `count` units on `samples` samples that can be gone on from, as a file may
  /// not be: every set that the search rests on is measured, and every number is in range.
  package func isSearch(of count: Int, samples: Int) -> Bool {
    samples >= 1 && self.samples == samples && !branches.isEmpty
      && branches.allSatisfy { isBranch($0, of: count) }
      && (growing.map { $0.kept.count == count && $0.estimates.count == count } ?? true)
      && losses.allSatisfy { name, values in
        name.utf8.count == count && (1...samples).contains(values.count)
          && name.utf8.allSatisfy { $0 == Self.one || $0 == UInt8(ascii: "0") }
          && values.allSatisfy { abs($0) <= Self.largestLoss }
      }
      && holdsEverySize(of: count)
  }

  private func isBranch(_ branch: SearchBranch, of count: Int) -> Bool {
    branch.kept.count == count && branch.estimates.count == count
      && removed == branch.kept.count { !$0 }
      && branch.estimates.allSatisfy { abs($0 ?? 0) <= 2 * Self.largestLoss }
      && (removed == 0 || losses(of: branch.kept).count == samples)
  }

  /// Whether a set of each size up to now was measured on all samples: the result has one of each.
  private func holdsEverySize(of count: Int) -> Bool {
    var sizes: Set<Int> = []
    for (name, values) in losses where values.count == samples {
      sizes.insert(count - name.utf8.count { $0 == Self.one })
    }
    return removed == 0 || (0...removed).allSatisfy(sizes.contains)
  }

  /// Number of sets that were measured on all samples.
  package var measured: Int { losses.values.count { $0.count == samples } }

  /// Number of times a set was run on a sample.
  package var evaluations: Int { losses.values.reduce(0) { $0 + $1.count } }

  /// The set of so many streaming units that loses least, of those that were measured on all samples; of
  /// equals the one that keeps later units.
  package func best(streaming: Int) -> SearchedSet? { best(1, streaming: streaming).first }

  /// The `count` sets of so many streaming units that lose least, or as many as were measured on all
  /// samples, the best first; of equals those that keep later units.
  package func best(_ count: Int, streaming: Int) -> [SearchedSet] {
    let size = branches[0].kept.count - streaming
    return losses.filter { name, values in
      values.count == samples && name.utf8.count { $0 == Self.one } == size
    }
    .map { (name: $0.key, loss: $0.value.reduce(0, +) / Double($0.value.count)) }
    .sorted { ($0.loss, $0.name) < ($1.loss, $1.name) }
    .prefix(count)
    .map { set in
      SearchedSet(kept: set.name.utf8.map { $0 == Self.one }, loss: set.loss)
    }
  }

  /// The losses of a set on each sample, as far as it was measured.
  func losses(of kept: [Bool]) -> [Double] { losses[Self.name(kept)] ?? [] }

  /// Remembers what was measured.
  mutating func note(_ kept: [Bool], _ losses: [Double]) { self.losses[Self.name(kept)] = losses }

  private static let one = UInt8(ascii: "1")

  /// A set in text, by which equal losses are ordered too.
  static func name(_ kept: [Bool]) -> String {
    String(kept.map { $0 ? "1" : "0" })
  }
}
