import MapReporter
import Testing

@Suite struct ReportRecommendationTests {
  private func point(
    _ method: String, _ sparsity: Double, _ accuracy: Double, first: Double? = nil,
    task: String = "key", minusFull: Estimate? = nil
  ) -> CurvePoint {
    var measures = [CurveMetric.tokens: CurvePoint.Measure(exact(accuracy), minusFull: minusFull)]
    measures[.firstTokens] = first.map { CurvePoint.Measure(exact($0)) }
    return CurvePoint(
      method: CurveMethod(method), task: task, requestedSparsity: sparsity,
      achievedSparsity: sparsity,
      samples: 5, tokens: 100, measures: measures)
  }

  private func exact(_ value: Double) -> Estimate {
    Estimate(value: value, low: value, high: value)
  }

  private func choose(
    _ points: [CurvePoint], share: Double = 0.95
  ) -> Recommendation {
    Recommendation.choose(from: points, task: "key", share: share)
  }

  @Test func sparsestLayerMapThatKeepsEnoughWins() throws {
    let points = [
      point("full", 0, 0.88), point("layer:max", 0.5, 0.84), point("layer:balance", 0.25, 0.87),
      point("layer:max", 0.75, 0.22), point("head-mixed", 0.9, 0.88),
      point("layer:max", 0.9, 0.88, task: "other"),
    ]
    guard case .qualified(let choice) = choose(points) else {
      Issue.record("nothing qualified")
      return
    }
    #expect(choice.point == points[1])
    #expect(abs(choice.keptShare - 0.84 / 0.88) < 1e-12)
    #expect(choose(points, share: 0.96).choice?.point == points[2])
  }

  @Test func thePairedIntervalDecides() {
    // The sparser map has the better accuracy, but it may as well have lost six points.
    let points = [
      point("full", 0, 0.8),
      point("layer:max", 0.5, 0.79, minusFull: Estimate(value: -0.01, low: -0.06, high: 0.04)),
      point("layer:max", 0.25, 0.78, minusFull: Estimate(value: -0.02, low: -0.03, high: 0)),
    ]
    #expect(choose(points).choice?.point == points[2])
    #expect(choose(points, share: 0.9).choice?.point == points[1])
    #expect(choose(points, share: 0.99).choice?.surelyKeptShare == (0.8 - 0.03) / 0.8)
  }

  @Test func otherMethodsCanBeAskedFor() {
    let points = [
      point("full", 0, 0.8), point("layer:max", 0.5, 0.8), point("head-mixed", 0.75, 0.8),
    ]
    let choice = Recommendation.choose(from: points, task: "key", among: { $0 == .headMixed })
      .choice
    #expect(choice?.point == points[2])
  }

  @Test func equalSparsityGoesToAccuracyThenTheFirst() {
    let points = [
      point("full", 0, 1), point("layer:max", 0.5, 0.97), point("layer:balance", 0.5, 0.98),
      point("layer:lost", 0.5, 0.98),
    ]
    #expect(choose(points).choice?.point == points[2])
    #expect(choose(points.reversed()).choice?.point == points[3])
  }

  /// The searched map comes first in curves.csv, so that it is recommended where another is as good.
  @Test func searchIsRecommendedBeforeItsEquals() {
    let loss = Estimate(value: -0.01, low: -0.02, high: 0)
    let points = [
      point("full", 0, 1), point("head-mixed", 0.25, 0.99, minusFull: loss),
      point("layer:search", 0.25, 0.99, minusFull: loss),
      point("layer:max", 0.25, 0.99, minusFull: loss),
      point("layer:balance", 0.25, 0.99, minusFull: loss),
    ]
    #expect(choose(points).choice?.point == points[2])
    // So it is where no map keeps enough.
    #expect(choose(points, share: 0.999).choice?.point == points[2])
  }

  @Test func closestIsNamedWhereNoneQualifies() {
    let points = [
      point("full", 0, 0.9), point("layer:max", 0.5, 0.6), point("layer:balance", 0.25, 0.7),
      point("layer:max", 0, 0.9),
    ]
    guard case .closest(let choice) = choose(points) else {
      Issue.record("a full map is no recommendation")
      return
    }
    #expect(choice.point == points[2])
  }

  /// Two maps of which all samples agree with full attention's, and a sparser one that loses a little.
  private func agreeing(samples: Int) -> [CurvePoint] {
    let same = ScoreInterval().difference(0, samples: samples)
    let worse = Estimate(value: -0.1, low: -0.2, high: -0.02)
    let points = [
      point("full", 0, 1), point("layer:max", 0.25, 1, minusFull: same),
      point("layer:max", 0.5, 1, minusFull: same), point("layer:max", 0.75, 0.9, minusFull: worse),
    ]
    return points.map { point in
      var point = point
      point.samples = samples
      return point
    }
  }

  @Test(arguments: [4, 40, 72])
  func fewPerfectSamplesAreNotEnough(samples: Int) throws {
    let points = agreeing(samples: samples)
    guard case .closest(let choice) = choose(points) else {
      Issue.record("\(samples) samples cannot show 95 %")
      return
    }
    // What loses nothing is closer than what surely loses little.
    #expect(choice.point == points[2])
    #expect(choice.keptShare == 1 && choice.surelyKeptShare < 0.95)
    let sentence = try #require(RecommendedMap(from: points, task: "key", share: 0.95)).description
    #expect(sentence.contains("over \(samples) samples"), "\(sentence)")
    #expect(sentence.contains("with \(samples) samples even a map that agrees"), "\(sentence)")
    #expect(sentence.hasSuffix("cannot show 95 %; measure at least 73"), "\(sentence)")
  }

  @Test func enoughPerfectSamplesAre() throws {
    let points = agreeing(samples: 73)
    #expect(choose(points) == .qualified(try #require(choose(points).choice)))
    #expect(choose(points).choice?.point == points[2])
    // All of it is never sure.
    let all = try #require(RecommendedMap(from: points, task: "key", share: 1)).description
    #expect(
      all.hasSuffix(
        "even a map that agrees with full attention on each cannot show 100 %; ask for less"))
    // Where a map loses too much, more samples do not help.
    let worse = try #require(
      RecommendedMap(from: [points[0], points[3]], task: "key", share: 0.95))
    #expect(!worse.isEnough && !worse.description.contains("measure at least"))
  }

  @Test func withoutReferenceNothingIsRecommended() {
    #expect(choose([]) == .unknown)
    #expect(choose([point("layer:max", 0.5, 0.9)]) == .unknown)
    #expect(choose([point("full", 0, 0.9)]) == .unknown)
    #expect(choose([point("full", 0, 0), point("layer:max", 0.5, 0)]) == .unknown)
  }

  @Test func metricDecides() {
    let points = [
      point("full", 0, 0.9, first: 0.8), point("layer:max", 0.5, 0.9, first: 0.5),
      point("layer:max", 0.25, 0.9, first: 0.79),
    ]
    let choice = Recommendation.choose(from: points, task: "key", metric: .firstTokens).choice
    #expect(choice?.point == points[2])
  }
}
