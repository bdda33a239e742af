import GateOptimizer
import MapReporter
import Transformer

/// What the stages of a run let all ranks do.
extension Ranks {
  /// What samples add to a step under `gates`, (L, K), each learned by its owner.
  func learn(
    _ samples: [Int], gates: [[Float]], own: SampleLearner
  ) throws -> [LearnedSample] {
    let sent = [ExactNumbers](gates.map { $0.map(Double.init) })
    return try spread(
      samples, request: { .learn(samples: $0, gates: sent) },
      read: { if case .learned(let sample) = $0 { sample.learned } else { nil } },
      own: { try own.learn($0, gates: gates) })
  }

  /// The share of attention on what a streaming head sees, (L, K), in the first samples of the calibration.
  func attention(
    _ samples: Int, check: () throws -> Void, began: () throws -> Void,
    own: (Int) throws -> [[Double]]
  ) throws -> [[[Double]]] {
    try spread(
      Array(0..<samples), request: { .attention(samples: $0) },
      read: { if case .rows(let rows) = $0 { rows.rows } else { nil } }, check: check, began: began,
      own: own)
  }

  /// What so many samples say of heads by methods that share a pass.
  func score(
    _ methods: [ScoreMethod], _ samples: Int, check: () throws -> Void, began: () throws -> Void,
    own: (Int) throws -> [ScoreMethod: SampleRows]
  ) throws -> [[ScoreMethod: SampleRows]] {
    try spread(
      Array(0..<samples),
      request: { .score(methods: methods.map(\.rawValue), samples: $0) },
      read: { reply in
        guard case .scored(let rows) = reply else { return nil }
        return rows.reduce(into: [:]) { found, entry in
          if let method = ScoreMethod(rawValue: entry.key) { found[method] = entry.value.rows }
        }
      }, check: check, began: began, own: own)
  }

  /// What is right in so many samples while heads are masked.
  func mask(
    _ mask: HeadMask, _ samples: Int, check: () throws -> Void, began: () throws -> Void,
    own: (Int) throws -> SampleScores
  ) throws -> [SampleScores] {
    try spread(
      Array(0..<samples), request: { .mask(RankMask(mask), samples: $0) },
      read: { if case .masked(let scores) = $0 { scores.scores } else { nil } }, check: check,
      began: began, own: own)
  }

  /// Lets the others read their samples of the search, to judge sets of a unit.
  func beginJudging(_ unit: MapUnit) throws {
    for rank in others { try ask(.judge(unit), of: rank) }
  }

  /// Waits until they have read them.
  ///
  /// - Returns: How many samples they read again for each round.
  func awaitJudges(check: () throws -> Void) throws -> Int {
    try others.reduce(0) { sum, rank in
      guard case .judging(let reread) = try awaitReply(of: rank, check: check) else {
        throw confused(rank)
      }
      return sum + reread
    }
  }
}
