/// What one sample contributes to a metric: a sum over what was scored, and how much that was.
public struct SampleScore: Sendable, Hashable {
  /// Tokens or answers that are right, or the sum of a loss in nats.
  public var sum: Double
  /// Tokens or answers scored.
  public var count: Int

  /// A `sum` over `count` tokens or answers.
  public init(sum: Double, count: Int) {
    self.sum = sum
    self.count = count
  }

  /// `correct` of `total` tokens.
  public init(correct: Int, total: Int) {
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
