import GateOptimizer
import Support

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

  /// One sentence for people.
  public var description: String {
    (isEnough ? "recommended: " : "no layer map surely keeps enough; the closest: ")
      + "layers by \(criterion) at sparsity \(fixed(sparsity, 2)), which keep "
      + "\(fixed(keptShare * 100, 1)) % of full attention's accuracy (at least "
      + "\(fixed(surelyKeptShare * 100, 1)) %, paired 95 % interval)"
  }
}

extension RecommendedMap {
  /// The layer-exclusive map of measured points that keeps enough of full attention's accuracy on `task`, or
  /// the closest; nil where there is none.
  ///
  /// - Parameters:
  ///   - points: Of the curves.
  ///   - task: The name of the task that decides.
  ///   - share: Of full attention's accuracy that is enough, 0…1.
  package init?(from points: [CurvePoint], task: String, share: Double) {
    let found = Recommendation.choose(from: points, task: task, share: share)
    guard let choice = found.choice, case .layers(let criterion) = choice.point.method
    else { return nil }
    self.init(
      criterion: criterion, sparsity: choice.point.requestedSparsity, keptShare: choice.keptShare,
      surelyKeptShare: choice.surelyKeptShare, isEnough: found == .qualified(choice))
  }
}
