import GateOptimizer
import Support

/// Which map to use: the answer a report starts with.
///
/// The rule: of all layer-exclusive maps with at least one streaming layer that keep at least `share` of
/// full attention's accuracy, the one with the highest sparsity; at equal sparsity the more accurate one,
/// then the first of the points: searched layers, then the criteria in the order of the configuration. A map keeps what the lower end of its paired difference says: full
/// attention's accuracy plus the lower end of the 95 % interval of (map − full) over the same samples.
/// Where none keeps enough, a map that loses nothing on these samples is closer than one that does.
public enum Recommendation: Sendable, Hashable {
  /// A map that keeps enough.
  case qualified(Choice)
  /// No map keeps enough; the one that keeps most of full attention's accuracy.
  case closest(Choice)
  /// There is no full-attention score or no layer-exclusive map to judge.
  case unknown

  /// A point with what it is measured against.
  public struct Choice: Sendable, Hashable {
    /// The chosen point.
    public let point: CurvePoint
    /// Its accuracy on the primary metric.
    public let accuracy: Estimate
    /// Full attention's accuracy on the same task and metric.
    public let full: Estimate
    /// Accuracy less full attention's, paired by sample; nil in tables that do not tell.
    public let minusFull: Estimate?
    /// Accuracy less the head-mixed map's of the same cache size, paired by sample.
    public let minusHeadMixed: Estimate?

    /// Accuracy as a share of full attention's.
    public var keptShare: Double { accuracy.value / full.value }

    /// The share that is kept at the lower end of the paired interval.
    public var surelyKeptShare: Double {
      (minusFull.map { full.value + $0.low } ?? accuracy.low) / full.value
    }

    /// What says that there are too few samples, for a map that keeps `share` on these but not surely; nil
    /// where a map that agrees with full attention on each of them would.
    func lackOfSamples(toKeep share: Double) -> String? {
      guard keptShare >= share, surelyKeptShare < share else { return nil }
      let needed = ScoreInterval().samplesNeeded(toKeep: share, of: full.value)
      if let needed, point.samples >= needed { return nil }
      let advice = needed.map { "measure at least \(grouped($0))" } ?? "ask for less"
      return
        "with \(sampleWords([point.samples])) even a map that agrees with full attention on each "
        + "cannot show \(shortPercent(share)); \(advice)"
    }
  }

  /// The chosen point, qualified or not.
  public var choice: Choice? {
    switch self {
    case .qualified(let choice), .closest(let choice): choice
    case .unknown: nil
    }
  }

  /// Applies the rule to the points of `task`.
  ///
  /// - Parameters:
  ///   - points: All points of a run.
  ///   - task: The task that decides.
  ///   - metric: The metric that decides.
  ///   - share: How much of full attention's accuracy must be kept, 0…1.
  ///   - isCandidate: Which methods may be chosen.
  /// - Returns: The choice, the closest where none qualifies, or why there is none.
  public static func choose(
    from points: [CurvePoint], task: String, metric: CurveMetric = .tokens, share: Double = 0.95,
    among isCandidate: (CurveMethod) -> Bool = \.isLayerExclusive
  ) -> Recommendation {
    let ours = points.filter { $0.task == task }
    let reference = ours.first { $0.method == .full }
    guard let full = reference?.estimate(metric), full.value > 0 else { return .unknown }
    let choices: [Choice] = ours.compactMap { point in
      guard isCandidate(point.method), point.achievedSparsity > 0,
        let measure = point.measures[metric]
      else { return nil }
      return Choice(
        point: point, accuracy: measure.estimate, full: full, minusFull: measure.minusFull,
        minusHeadMixed: measure.minusHeadMixed)
    }
    let ranked = choices.enumerated().map { place, choice in
      (choice, Rank(choice, place: place))
    }
    let good = ranked.filter { $0.0.surelyKeptShare >= share }
    if let best = good.max(by: { $0.1 < $1.1 }) { return .qualified(best.0) }
    let lossless = ranked.filter { $0.0.keptShare >= 1 }
    let closest = (lossless.isEmpty ? ranked : lossless).max {
      ($0.0.surelyKeptShare, $0.1) < ($1.0.surelyKeptShare, $1.1)
    }
    return closest.map { .closest($0.0) } ?? .unknown
  }

  /// Sparsity, then accuracy, then the place among the points.
  private struct Rank: Comparable {
    let sparsity: Double
    let accuracy: Double
    let place: Int

    init(_ choice: Choice, place: Int) {
      sparsity = choice.point.achievedSparsity
      accuracy = choice.accuracy.value
      self.place = place
    }

    static func < (left: Rank, right: Rank) -> Bool {
      (left.sparsity, left.accuracy, right.place) < (right.sparsity, right.accuracy, left.place)
    }
  }
}

/// Which map of a run to use.
public struct RecommendedMap: Sendable, CustomStringConvertible {
  /// How its layers were chosen.
  public let criterion: Criterion
  /// The share of streaming layers asked for.
  public let sparsity: Double
  /// Its accuracy on the first task as a share of full attention's.
  public let keptShare: Double
  /// The same at the lower end of the paired 95 % interval.
  public let surelyKeptShare: Double
  /// Whether that is enough; otherwise no map keeps enough, and this one keeps most.
  public let isEnough: Bool
  /// The deployment that it was judged in, in the words of ``Deployment/name``; nil for a run's only one.
  public let deployment: String?

  /// Samples it was measured on.
  public let samples: Int
  /// Why no map could keep enough on so few samples, if that is so.
  let lackOfSamples: String?

  /// Which map it is and what it was judged for, without what it keeps there.
  public var choice: String {
    let place = deployment.map { " for \($0)" } ?? ""
    return
      (isEnough
      ? "recommended\(place): " : "no layer map surely keeps enough\(place); the closest: ")
      + "layers by \(criterion) at sparsity \(fixed(sparsity, 2))"
  }

  /// One sentence for people.
  public var description: String {
    "\(choice), which keep "
      + "\(fixed(keptShare * 100, 1)) % of full attention's accuracy (at least "
      + "\(fixed(max(0, surelyKeptShare) * 100, 1)) %, paired 95 % interval over "
      + "\(sampleWords([samples])))"
      + (lackOfSamples.map { "; \($0)" } ?? "").replacing("\u{a0}", with: " ")
  }
}

extension RecommendedMap {
  /// The layer-exclusive map of measured points that keeps enough of full attention's accuracy on `task`, or
  /// the closest; nil where there is none.
  ///
  /// - Parameters:
  ///   - points: Of the curves.
  ///   - task: The name of the task that decides.
  ///   - metric: The metric that decides.
  ///   - share: Of full attention's accuracy that is enough, 0…1.
  package init?(
    from points: [CurvePoint], task: String, metric: CurveMetric = .tokens, share: Double
  ) {
    let found = Recommendation.choose(from: points, task: task, metric: metric, share: share)
    guard let choice = found.choice, case .layers(let criterion) = choice.point.method
    else { return nil }
    self.init(
      criterion: criterion, sparsity: choice.point.requestedSparsity, keptShare: choice.keptShare,
      surelyKeptShare: choice.surelyKeptShare, isEnough: found == .qualified(choice),
      deployment: choice.point.deployment, samples: choice.point.samples,
      lackOfSamples: choice.lackOfSamples(toKeep: share))
  }
}
