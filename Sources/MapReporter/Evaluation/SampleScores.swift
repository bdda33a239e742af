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
