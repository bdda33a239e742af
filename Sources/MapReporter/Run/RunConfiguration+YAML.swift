import Foundation
import GateOptimizer
import Yams

extension RunConfiguration {
  /// Reads and checks a document; the model is checked against later, once it is open.
  ///
  /// - Throws: ``RunError`` that names the file and line, or the override, of what is wrong.
  public init(_ document: ConfigurationDocument) throws(RunError) {
    self = try document.decode(RunConfiguration.self)
    do {
      try validate()
    } catch {
      throw document.setting(error)
    }
  }

  /// The configuration with every default written out, as it goes into the run folder.
  public func yaml() throws(RunError) -> String {
    do {
      let encoder = YAMLEncoder()
      encoder.options.sequenceStyle = .flow
      return try encoder.encode(self)
    } catch {
      throw .malformed(path: "config.yaml", problem: "cannot be written: \(error)")
    }
  }

  /// The settings the learned gates depend on: dotted names and values.
  package func gateSettings() throws(RunError) -> [String: String] {
    try settings { name in
      ["model", "seed", "window", "task"].contains(where: { name == $0 || name.hasPrefix($0 + ".") })
        || name.hasPrefix("haystack.calibration")
        || (name.hasPrefix("calibration.") && name != "calibration.checkpoint_every")
    }
  }

  /// The settings the accuracies depend on besides the gates.
  package func evaluationSettings() throws(RunError) -> [String: String] {
    try settings { $0.hasPrefix("evaluation") || $0.hasPrefix("haystack.evaluation") }
  }

  private func settings(where wanted: (String) -> Bool) throws(RunError) -> [String: String] {
    let node: Node?
    do {
      node = try Yams.compose(yaml: yaml())
    } catch {
      throw .malformed(path: "config.yaml", problem: "\(error)")
    }
    return (node?.leaves(under: "") ?? [:]).filter { wanted($0.key) }
  }
}

/// What differs between two sets of settings, one readable entry each, in the order of their names.
package func differences(now: [String: String], before: [String: String]) -> [String] {
  Set(now.keys).union(before.keys).sorted().compactMap { name in
    let (new, old) = (now[name], before[name])
    return new == old ? nil : "\(name) is \(new ?? "absent"), there it was \(old ?? "absent")"
  }
}

extension Node {
  /// Every scalar below this node by its dotted name; list positions count from 0.
  fileprivate func leaves(under prefix: String) -> [String: String] {
    func named(_ key: String) -> String { prefix.isEmpty ? key : "\(prefix).\(key)" }
    var found: [String: String] = [:]
    if let mapping {
      for (key, value) in mapping {
        found.merge(value.leaves(under: named(key.string ?? "?"))) { first, _ in first }
      }
    } else if let sequence {
      for (index, value) in sequence.enumerated() {
        found.merge(value.leaves(under: named(String(index)))) { first, _ in first }
      }
    } else {
      found[prefix] = scalar?.string ?? ""
    }
    return found
  }
}
