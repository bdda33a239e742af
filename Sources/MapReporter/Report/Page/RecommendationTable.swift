import Support

/// For each way to choose a map: the highest sparsity that keeps enough, and what it costs.
struct RecommendationTable {
  struct Row {
    let name: String
    let sparsity: String
    let accuracy: String
    let range: String
    let kept: String
    let minusFull: Cell
    let minusHeadMixed: Cell
    let saved: String
  }

  struct Cell {
    let value: String
    let range: String
  }

  let rows: [Row]
  let isEmpty: Bool
  let share: String
  /// How many samples the intervals are over, in words.
  let samples: String

  /// The recommendations of every layer criterion and of the head-mixed cut.
  init(_ input: ReportInput) {
    share = percent(input.keptShare)
    let points = input.points.filter { $0.task == input.primaryTask }
    samples = points.samples
    let methods = points.map(\.method).distinct
      .filter { $0.isLayerExclusive || $0 == .headMixed }
    rows = methods.map { Self.row($0, input) }
    isEmpty = rows.isEmpty
  }

  private static func row(_ method: CurveMethod, _ input: ReportInput) -> Row {
    let found = Recommendation.choose(
      from: input.points, task: input.primaryTask, metric: input.primaryMetric,
      share: input.keptShare, among: { $0 == method })
    guard case .qualified(let choice) = found else {
      let none = Cell(value: "–", range: "")
      return Row(
        name: method.title, sparsity: "none", accuracy: "–", range: "", kept: "–",
        minusFull: none, minusHeadMixed: none, saved: "–")
    }
    return Row(
      name: method.title, sparsity: shortPercent(choice.point.achievedSparsity),
      accuracy: fixed(choice.accuracy.value * 100, 1),
      range: choice.accuracy.range { fixed($0 * 100, 1) },
      kept: percent(choice.keptShare, digits: 1), minusFull: difference(choice.minusFull),
      minusHeadMixed: method == .headMixed
        ? Cell(value: "–", range: "") : difference(choice.minusHeadMixed),
      saved: choice.point.kvShare.map { percent(1 - $0) } ?? "–")
  }

  private static func difference(_ estimate: Estimate?) -> Cell {
    guard let estimate else { return Cell(value: "–", range: "") }
    return Cell(value: signed(estimate.value), range: estimate.range(by: " to ", signed))
  }
}

/// A difference of shares in points, with its sign: "+1.2", "−3.4", "0.0".
func signed(_ difference: Double) -> String {
  let text = fixed(abs(difference) * 100, 1)
  guard text.contains(where: { "123456789".contains($0) }) else { return text }
  return (difference < 0 ? "\u{2212}" : "+") + text
}
