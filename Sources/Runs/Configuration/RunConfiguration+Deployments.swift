import GateOptimizer
import MapReporter
import Transformer

extension RunConfiguration {
  /// How maps are deployed by `window`, which must be one that ``validate()`` accepts.
  package var deployment: Deployment { resolved(window) }

  /// The deployment that gates are learned for.
  package var gateDeployment: Deployment {
    calibration?.deployment.map(resolved) ?? deployment
  }

  /// The deployment that maps are searched for.
  package var searchDeployment: Deployment { search.deployment.map(resolved) ?? deployment }

  /// The deployments that maps are measured in, each once; the first, which is the window's if that is among them,
  /// decides which map is recommended.
  ///
  /// Where none are given: that of the window, and streaming after the prompt alone where the window's is
  /// everywhere.
  package var deployments: [Deployment] {
    var asked = evaluation.deployments ?? [window]
    if evaluation.deployments == nil, deployment.phase == .everywhere {
      asked.append(DeploymentSettings(phase: .decode))
    }
    let own = deployment
    let all = asked.map(resolved)
    return (all.filter { $0 == own } + all.filter { $0 != own }).distinct
  }

  private func resolved(_ settings: DeploymentSettings) -> Deployment {
    let plain = RunConfiguration.plainWindow
    let own = (try? window.deployment(over: plain)) ?? plain
    return (try? settings.deployment(over: own)) ?? own
  }

  /// Refuses deployments whose parts do not go together.
  func validateDeployments() throws(InvalidSetting) {
    if let settings = calibration?.deployment {
      try validate(settings, at: "calibration", "deployment")
    }
    if let settings = search.deployment { try validate(settings, at: "search", "deployment") }
    for (place, settings) in (evaluation.deployments ?? []).enumerated() {
      try validate(settings, at: "evaluation", "deployments", String(place))
    }
  }

  private func validate(
    _ settings: DeploymentSettings, at place: String...
  ) throws(InvalidSetting) {
    do {
      try settings.validate()
      _ = try settings.deployment(over: deployment)
    } catch {
      throw InvalidSetting(place + error.path, error.problem)
    }
  }
}
