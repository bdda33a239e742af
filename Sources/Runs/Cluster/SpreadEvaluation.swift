import Cluster
import GateOptimizer
import MapReporter
import Transformer

/// The maps of a task in a deployment, measured by all ranks, each on a sample at a time.
///
/// Ranks take as many whole samples each. The samples that are left, fewer than the ranks, are shared: each of several
/// ranks takes some of a sample's maps.
struct SpreadEvaluation {
  let ranks: Ranks
  /// Places in the configuration's lists.
  let task: Int
  let deployment: Int
  let maps: [HeadSet]

  /// Maps that are wanted on a sample.
  private struct Item {
    let sample: Int
    let places: [Int]
  }

  /// What came before its turn, and whose turn it is.
  private struct Order {
    /// The samples in which each map is wanted, first the next one.
    var turns: [Int: ArraySlice<Int>] = [:]
    var known: [Int: [Int: SampleScores]] = [:]
  }

  /// Measures what is missing of a task.
  ///
  /// - Parameters:
  ///   - samples: Samples of the task.
  ///   - missing: The places of the maps that a sample is not measured with yet.
  ///   - scorer: What measures here.
  ///   - check: Looks whether to stop, while others are waited for.
  ///   - onEach: Gets what is known of a map, for each map in the order of the samples.
  /// - Throws: What `check` and `onEach` throw, and ``RankError``.
  func run(
    samples: Int, missing: (_ sample: Int) -> [Int], scorer: any TaskScorer,
    check: () throws -> Void, onEach: (_ place: Int, SampleScores) throws -> Void
  ) throws {
    var queue = (0..<samples).map { Item(sample: $0, places: missing($0)) }
      .filter { !$0.places.isEmpty }
    var order = Order()
    for item in queue {
      for place in item.places { order.turns[place, default: []].append(item.sample) }
    }
    var busy: [Int: Item] = [:]
    var informed: Set<Int> = []
    /// Samples that are left when every rank has had as many.
    let rest = queue.count % ranks.count
    var isSplit = false

    func take(_ place: Int, _ sample: Int, _ scores: SampleScores) throws {
      order.known[place, default: [:]][sample] = scores
      while let next = order.turns[place]?.first,
        let scores = order.known[place]?.removeValue(forKey: next)
      {
        order.turns[place]?.removeFirst()
        try onEach(place, scores)
      }
    }
    func next() -> Item? {
      if !isSplit && queue.count <= rest {
        isSplit = true
        queue = parts(of: queue)
      }
      return queue.isEmpty ? nil : queue.removeFirst()
    }
    /// Takes what has come, and gives whoever has nothing to do something.
    func exchange() throws {
      for rank in ranks.others {
        while let item = busy[rank], let reply = try ranks.reply(of: rank) {
          switch reply {
          case .map(let place, let scores): try take(place, item.sample, scores.scores)
          case .done: busy[rank] = nil
          default: throw ranks.confused(rank)
          }
        }
        guard busy[rank] == nil, let item = next() else { continue }
        busy[rank] = item
        let isNew = informed.insert(rank).inserted
        try ranks.ask(
          .evaluate(
            RankEvaluation(
              task: task, deployment: deployment, sample: item.sample,
              maps: isNew ? maps.map { $0.rows.map(\.flags) } : nil, wanted: item.places)),
          of: rank)
      }
    }
    while true {
      try exchange()
      if let item = next() {
        let wanted = Set(item.places)
        try scorer.score(
          maps, wanted: maps.indices.map(wanted.contains), sample: item.sample
        ) { place, scores in
          try take(place, item.sample, scores)
          try exchange()
        }
      } else if busy.isEmpty {
        return
      } else {
        try check()
        Communicator.rest()
      }
    }
  }

  /// Samples that are fewer than the ranks, cut into parts of their maps, no more of them than ranks.
  private func parts(of items: [Item]) -> [Item] {
    guard !items.isEmpty else { return [] }
    let each = max(1, ranks.count / items.count)
    return items.flatMap { item in
      EqualParts(item.places.count, parts: each).map {
        Item(sample: item.sample, places: Array(item.places[$0]))
      }
    }
  }
}

/// `0..<count` in at most so many ranges that differ in length by one at most.
struct EqualParts: Sequence {
  private let ranges: [Range<Int>]

  init(_ count: Int, parts: Int) {
    let parts = Swift.max(1, Swift.min(parts, count))
    ranges = (0..<parts).map { count * $0 / parts..<count * ($0 + 1) / parts }
  }

  func makeIterator() -> IndexingIterator<[Range<Int>]> { ranges.makeIterator() }
}
