import GateOptimizer
import Support
import Transformer

/// For each deployment that was measured: how many layers may stream, and what that keeps.
struct DeploymentTable {
  struct Row {
    let name: String
    let runtimes: String
    let answer: String
    let kept: String
    let range: String
    let method: String
    let saved: String
  }

  let rows: [Row]
  let isEmpty: Bool
  let share: String
  let evidence: String

  /// The answers of all deployments; empty where there is one only.
  init(_ input: ReportInput) {
    share = percent(input.keptShare)
    isEmpty = input.deployments.count < 2
    rows = input.deployments.map { Self.row($0, input) }
    let samples = input.points.first { $0.task == input.primaryTask }?.samples ?? 0
    evidence = input.sampleWords(samples)
  }

  /// The answers of all but the first deployment in words.
  var lines: [String] {
    isEmpty
      ? []
      : rows.dropFirst().map { row in
        let runtimes = row.runtimes.isEmpty ? "" : " (\(row.runtimes))"
        return "\(row.name)\(runtimes): "
          + (row.answer == "–" ? "nothing to choose from." : "\(row.answer) may stream.")
      }
  }

  private static func row(_ deployed: ReportInput.Deployed, _ input: ReportInput) -> Row {
    let found = Recommendation.choose(
      from: deployed.points, task: input.primaryTask, metric: input.primaryMetric,
      share: input.keptShare)
    let runtimes = deployed.runtimes.map(\.rawValue).joined(separator: ", ")
    guard let choice = found.choice else {
      return Row(
        name: deployed.title, runtimes: runtimes, answer: "–", kept: "–", range: "", method: "–",
        saved: "–")
    }
    var answer = "no layer"
    if case .qualified = found {
      answer = layers(choice.point, of: input)
    }
    return Row(
      name: deployed.title, runtimes: runtimes, answer: answer,
      kept: percent(choice.keptShare, digits: 1),
      range: "at least \(percent(max(0, choice.surelyKeptShare), digits: 1))"
        + (answer == "no layer" ? ", the closest map" : ""),
      method: choice.point.method.title,
      saved: choice.point.kvShare.map { percent(1 - $0) } ?? "–")
  }

  private static func layers(_ point: CurvePoint, of input: ReportInput) -> String {
    guard let layers = input.space?.globalLayers.count else {
      return shortPercent(point.achievedSparsity)
    }
    return
      "\(Int((point.achievedSparsity * Double(layers)).rounded())) of \(layers) \(input.layerName)"
  }
}
