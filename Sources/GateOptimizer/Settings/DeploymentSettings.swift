import Support
import Transformer

extension Deployment.Phase: SettingChoice {}
extension Deployment.Boundary: SettingChoice {}
extension Deployment.After: SettingChoice {}

/// How a map is deployed: the `window` section of a run configuration, and each place that asks for another
/// deployment than that.
///
/// What is not given is taken from the window, or from the runtime that is named.
package struct DeploymentSettings: SettingSection {
  /// Tokens at the start that stay visible, 0…2³⁰.
  package var sink: Int?
  /// Width of the sliding window with the current token, 1…2³⁰.
  package var recent: Int?
  /// Where streaming heads stream.
  package var phase: Deployment.Phase?
  /// Where the prompt ends.
  package var boundary: Deployment.Boundary?
  /// What streaming heads see after the prompt.
  package var after: Deployment.After?
  /// Tokens of the window that come and go together, 1…2³⁰.
  package var block: Int?
  /// The runtime whose deployment it is.
  package var runtime: Runtime?

  /// Nothing is given.
  package init() {}

  /// A runtime's, or a phase with everything else as the window has it.
  package init(runtime: Runtime? = nil, phase: Deployment.Phase? = nil) {
    (self.runtime, self.phase) = (runtime, phase)
  }

  /// The settings that say what `deployment` is.
  package init(_ deployment: Deployment) {
    sink = deployment.window.sink
    recent = deployment.window.recent
    if deployment.phase != .everywhere { phase = deployment.phase }
    if deployment.boundary != .question { boundary = deployment.boundary }
    if deployment.after != .slide { after = deployment.after }
    if deployment.window.block != 1 { block = deployment.window.block }
  }

  /// Makes what is given as what is meant without it the same as if it were not given; a runtime's settings stay to be
  /// compared with it.
  package mutating func leaveOutDefaults() {
    guard runtime == nil else { return }
    if phase == .everywhere { phase = nil }
    if boundary == .question { boundary = nil }
    if after == .slide { after = nil }
    if block == 1 { block = nil }
  }

  /// The names of the settings in a file.
  package enum CodingKeys: String, SettingKey {
    case sink, recent, phase, boundary, after, block, runtime
  }

  /// Every setting, with what is refused.
  package static var settings: [Setting<Self, CodingKeys>] {
    [
      Setting(.sink, optional: \.sink) { value, key throws(InvalidSetting) in
        try requireRange(value, SettingRange.sink, key)
      },
      Setting(.recent, optional: \.recent) { value, key throws(InvalidSetting) in
        try requireRange(value, SettingRange.window, key)
      },
      Setting(.phase, optional: \.phase),
      Setting(.boundary, optional: \.boundary),
      Setting(.after, optional: \.after),
      Setting(.block, optional: \.block) { value, key throws(InvalidSetting) in
        try requireRange(value, SettingRange.window, key)
      },
      Setting(.runtime, optional: \.runtime),
    ]
  }

  /// Reads a section, or a word: a phase or a runtime.
  package init(from decoder: any Decoder) throws {
    self.init()
    if let word = try? decoder.singleValueContainer().decode(String.self), !word.isEmpty {
      phase = Deployment.Phase(rawValue: word)
      runtime = Runtime(rawValue: word)
      guard phase != nil || runtime != nil else {
        let known = Deployment.Phase.allCases.map(\.rawValue) + Runtime.allCases.map(\.rawValue)
        throw InvalidSetting(
          decoder.codingPath.map(settingName),
          "is \(word.shown()); it must be a group of settings, or one of "
            + known.joined(separator: ", "))
      }
      return
    }
    let given = try decoder.strictContainer(keyedBy: CodingKeys.self)
    for setting in Self.settings { try setting.read(&self, given) }
  }

  /// Refuses what a runtime does otherwise.
  package func validateTogether() throws(InvalidSetting) {
    if let runtime { try validate(with: runtime) }
  }

  private func validate(with runtime: Runtime) throws(InvalidSetting) {
    func refuse(_ key: CodingKeys, _ found: String, _ own: String) -> InvalidSetting {
      InvalidSetting(
        [key.rawValue],
        "is \(found), but runtime is \(runtime.rawValue), which \(own); leave it out")
    }
    if let phase, phase != runtime.phase {
      throw refuse(.phase, phase.rawValue, "streams in phase \(runtime.phase.rawValue)")
    }
    if let after, after != runtime.after {
      throw refuse(.after, after.rawValue, "has after: \(runtime.after.rawValue)")
    }
    if let block, block != runtime.block {
      throw refuse(.block, "\(block)", "has blocks of \(runtime.block)")
    }
    if let sink, sink > 0, !runtime.keepsSink {
      throw refuse(.sink, "\(sink)", "keeps no sink")
    }
  }

  /// The deployment, what is not given being that of `window`.
  ///
  /// - Throws: `InvalidSetting` where the parts do not go together.
  package func deployment(over window: Deployment) throws(InvalidSetting) -> Deployment {
    if let runtime {
      return runtime.deployment(
        sink: sink ?? window.window.sink, recent: recent ?? window.window.recent,
        boundary: boundary ?? window.boundary)
    }
    let phase = phase ?? window.phase
    let deployment = Deployment(
      StreamingWindow(
        sink: sink ?? window.window.sink, recent: recent ?? window.window.recent,
        block: block ?? window.window.block),
      phase: phase,
      boundary: phase == .everywhere ? .question : boundary ?? window.boundary,
      after: phase == .decode ? after ?? window.after : .slide)
    if let after, after != deployment.after {
      throw InvalidSetting(
        [CodingKeys.after.rawValue],
        "is \(after.rawValue), but phase is \(phase.rawValue); a cache that is pruned once goes with "
          + "phase: decode")
    }
    if let boundary, boundary != deployment.boundary {
      throw InvalidSetting(
        [CodingKeys.boundary.rawValue],
        "is \(boundary.rawValue), but phase is everywhere, in which the end of the prompt decides "
          + "nothing; leave it out")
    }
    let (block, recent) = (deployment.window.block, deployment.window.recent)
    guard recent % block == 0 else {
      throw InvalidSetting(
        [CodingKeys.recent.rawValue],
        "is \(recent), which is no multiple of block, \(block); give whole blocks")
    }
    return deployment
  }
}
