import ArgumentParser
import Foundation
import GateOptimizer
import Logging
import MapReporter
import ModelLoader
import Support
import Transformer

/// Options of verbs that compute under a map, or with all heads streaming.
struct PatternOptions: ParsableArguments {
  @Option(help: ArgumentHelp("A map that says which heads stream.", valueName: "headmap.json"))
  var map: String?

  @Option(
    help: ArgumentHelp(
      "Every head streams, seeing so many first and so many recent tokens.",
      valueName: "sink,recent"))
  var streaming: String?

  @Option(
    help: ArgumentHelp(
      "Where heads stream, instead of what the map says: everywhere, decode or prompt.",
      valueName: "phase"))
  var phase: Deployment.Phase?

  @Option(
    help: ArgumentHelp(
      "What they see after the prompt, in phase decode: slide or keep.", valueName: "what"))
  var after: Deployment.After?

  /// The heads that see all, and where the others stream.
  func pattern(for loaded: LoadedModel) throws -> (HeadSet, Deployment) {
    let model = loaded.configuration
    guard streaming != nil || map != nil || (phase == nil && after == nil) else {
      throw ToolError.usage(
        "--phase and --after say where heads stream, but none do; name a map or --streaming")
    }
    guard map == nil || streaming == nil else {
      throw ToolError.usage("--map and --streaming say different things; keep one of them")
    }
    if let map {
      let logger = Logger(label: "map")
      let read = try HeadMap.read(from: URL(fileURLWithPath: map))
      do {
        try read.check(
          against: model, identity: loaded.identity, mapName: map, modelName: loaded.path)
        if let question = read.model.openQuestion(of: map, against: loaded.identity) {
          logger.warning("\(question)")
        }
      } catch {
        switch error {
        // Comparing a map on a relative of its model is a use of this verb.
        case .otherWeights, .otherModel: logger.warning("\(error.description)")
        default: throw error
        }
      }
      var deployment = read.window.deployment
      if let phase, phase != deployment.phase {
        (deployment.phase, deployment.after) = (phase, .slide)
      }
      deployment.after = after ?? deployment.after
      try requireKept(deployment)
      return (read.heads, deployment)
    }
    let full = AttentionPattern.full(model)
    guard let streaming else { return (full.heads, Deployment(full.streaming.window)) }
    let sizes = streaming.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    guard sizes.count == 2, let sink = sizes[0], let recent = sizes[1],
      SettingRange.sink.contains(sink), SettingRange.window.contains(recent)
    else {
      throw ToolError.usage(
        "--streaming is \(streaming.shown()); it must be two numbers such as 16,64, the second at least 1, "
          + "both at most \(SettingRange.window.upperBound)")
    }
    let window = StreamingWindow(sink: sink, recent: recent)
    let all = AttentionPattern.streaming(model, window: window)
    let deployment = Deployment(window, phase: phase ?? .everywhere, after: after ?? .slide)
    try requireKept(deployment)
    return (all.heads, deployment)
  }

  private func requireKept(_ deployment: Deployment) throws(ToolError) {
    guard deployment.after != .keep || deployment.phase == .decode else {
      throw .usage(
        "--after keep goes with --phase decode: the cache is pruned once, after the prompt")
    }
  }
}

extension Deployment.Phase: ExpressibleByArgument {}
extension Deployment.After: ExpressibleByArgument {}
