import Foundation
import GateOptimizer
import ModelLoader
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
      let encoded = try Yams.compose(yaml: YAMLEncoder().encode(self))
      return try Yams.serialize(node: (encoded ?? "").styledForReading, width: -1)
    } catch {
      throw .malformed(path: "config.yaml", problem: "cannot be written: \(error)")
    }
  }

  /// The settings the learned gates depend on: dotted names and values.
  package func gateSettings() throws(RunError) -> [String: String] {
    try settings { name in
      ["model", "seed", "window", "task"].contains(where: { name == $0 || name.hasPrefix($0 + ".") }
      )
        || name.hasPrefix("haystack.calibration")
        || (name.hasPrefix("calibration.") && name != "calibration.checkpoint_every")
    }
  }

  /// The settings that searched maps depend on, besides those of the gates.
  package func searchSettings() throws(RunError) -> [String: String] {
    var resolved = self
    resolved.search.contexts = searchContexts
    resolved.search.sparsities = searchSparsities
    resolved.ranking.criteria.removeAll { $0 == .search }
    return try resolved.settings { name in
      (name.hasPrefix("search.") && !name.hasPrefix("search.units"))
        || name.hasPrefix("ranking.criteria")
    }
  }

  /// For each task, by name, what the score of one map on one sample depends on besides the gates.
  package func sampleSettings() throws(RunError) -> [String: [String: String]] {
    let shared = try settings { name in
      name.hasPrefix("haystack.evaluation.") || name == "evaluation.seed"
    }
    var found: [String: [String: String]] = [:]
    for (position, task) in evaluation.tasks.enumerated() {
      let prefix = "evaluation.tasks.\(position)."
      let own = try settings { name in
        name.hasPrefix(prefix)
          && !["samples", "sparsities"].contains(where: name.dropFirst(prefix.count).hasPrefix)
      }
      let wording = own.map { (String($0.key.dropFirst(prefix.count)), $0.value) }
      found[task.name] = shared.merging(wording) { _, own in own }
      found[task.name]?["context"] = "\(evaluation.context(of: task))"
    }
    return found
  }

  /// One hash of settings and their values, as `choose` picks them.
  ///
  /// What has its default is left out, so that a later version may have more settings.
  package func hash(
    of choose: (RunConfiguration) throws(RunError) -> [String: String]
  ) throws(RunError) -> String {
    let (own, defaults) = try (choose(self), choose(RunConfiguration(name: name, model: "")))
    let others = Set(own.keys).union(defaults.keys).filter { own[$0] != defaults[$0] }
    return settingsHash(others.map { ($0, own[$0]) })
  }

  /// The settings whose dotted names are `wanted`, with their values as text.
  package func settings(where wanted: (String) -> Bool) throws(RunError) -> [String: String] {
    let node: Node?
    do {
      node = try Yams.compose(yaml: yaml())
    } catch {
      throw .malformed(path: "config.yaml", problem: "\(error)")
    }
    return (node?.leaves(under: "") ?? [:]).filter { wanted($0.key) }
  }
}

/// Settings with `a.0` and `a.1` as one setting `a`.
func joiningLists(_ leaves: [String: String]) -> [String: String] {
  var joined: [String: [(place: Int, value: String)]] = [:]
  for (name, value) in leaves {
    let parts = name.split(separator: ".").map(String.init)
    let place = parts.last.flatMap { Int($0) }
    let key = place == nil ? name : parts.dropLast().joined(separator: ".")
    joined[key, default: []].append((place ?? 0, value))
  }
  return joined.mapValues { items in
    items.sorted { $0.place < $1.place }.map(\.value).joined(separator: ", ")
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
  /// The same values as a person would write them: 0.02 rather than 2e-2, lists of single values on one
  /// line, line feeds as \\n.
  fileprivate var styledForReading: Node {
    switch self {
    case .scalar(var scalar):
      let isDecimal = scalar.string.utf8.allSatisfy { "0123456789+-.e".utf8.contains($0) }
      if scalar.style == .plain, isDecimal, scalar.string.contains("e"),
        let number = Double(scalar.string)
      {
        scalar = Scalar("\(number)", scalar.tag, .plain)
      } else if scalar.string.contains("\n") {
        scalar.style = .doubleQuoted
      }
      return .scalar(scalar)
    case .sequence(let items):
      let isFlat = items.allSatisfy { $0.scalar != nil }
      return .sequence(
        Sequence(items.map(\.styledForReading), items.tag, isFlat ? .flow : .block))
    case .mapping(let entries):
      return .mapping(
        Mapping(entries.map { ($0.key, $0.value.styledForReading) }, entries.tag, .block))
    case .alias: return self
    }
  }

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
