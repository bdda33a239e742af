/// What one sample contributes to a metric: a sum over what was scored, and how much that was.
package struct SampleScore: Sendable, Hashable {
  /// Tokens or answers that are right, or the sum of a loss in nats.
  package var sum: Double
  /// Tokens or answers scored.
  package var count: Int

  /// A `sum` over `count` tokens or answers.
  package init(sum: Double, count: Int) {
    self.sum = sum
    self.count = count
  }

  /// `correct` of `total` tokens.
  package init(correct: Int, total: Int) {
    self.init(sum: Double(correct), count: total)
  }

  /// Counts one more token or answer.
  package mutating func add(_ isCorrect: Bool) { add(isCorrect ? 1 : 0) }

  /// Counts one more token with its loss.
  package mutating func add(_ value: Double) {
    sum += value
    count += 1
  }

  /// Both together.
  static func + (left: SampleScore, right: SampleScore) -> SampleScore {
    SampleScore(sum: left.sum + right.sum, count: left.count + right.count)
  }
}

/// All that one map scored on one sample: sums by metric, and by place where a metric has places.
package struct SampleScores: Sendable, Equatable {
  /// What was scored, and where in the sample: the part of a passage, 0 for other tasks.
  package struct Key: Hashable, Comparable, Sendable {
    package let metric: CurveMetric
    package let place: Int

    package init(_ metric: CurveMetric, place: Int = 0) {
      self.metric = metric
      self.place = place
    }

    package static func < (left: Key, right: Key) -> Bool {
      (left.metric.rawValue, left.place) < (right.metric.rawValue, right.place)
    }
  }

  /// The sums.
  package var sums: [Key: SampleScore] = [:]

  /// Nothing scored yet.
  package init() {}

  /// The sums of `metric` over all places.
  package func total(_ metric: CurveMetric) -> SampleScore {
    sums.reduce(SampleScore(sum: 0, count: 0)) { $1.key.metric == metric ? $0 + $1.value : $0 }
  }

  /// The sum of a metric at one place; nothing scored where it is new.
  package subscript(metric: CurveMetric, place: Int = 0) -> SampleScore {
    get { sums[Key(metric, place: place), default: SampleScore(sum: 0, count: 0)] }
    set { sums[Key(metric, place: place)] = newValue }
  }
}
