import Foundation
import GateOptimizer
import MapReporter
import Yams

/// Runs that differ from a base configuration in a few settings.
///
/// docs/sweeps.md says how the file is written.
package struct Sweep {
  /// The sweep file, as the user named it.
  package let path: String
  /// Names the folder of the runs.
  package let name: String
  /// The runs, in the order in which they are made.
  package let runs: [SweepRun]

  /// More runs than this are a mistake in a grid.
  private static let maximumRuns = 1000

  /// Reads the sweep at `path` and checks the configuration of every run.
  ///
  /// The settings of a run are the base's, then the file's `set`, then `overrides` (each
  /// `dotted.key=value`), then what the run itself changes.
  ///
  /// - Throws: ``RunError`` that names file and line of what is wrong.
  package init(contentsOf path: String, overrides: [String] = []) throws {
    let file = try SweepFile(contentsOf: path)
    var base = try ConfigurationDocument(contentsOf: file.base)
    try base.put(all: file.shared, for: nil)
    for override in overrides {
      guard !override.hasPrefix("name=") else {
        throw RunError.badOverride(
          override, problem: "the sweep names its runs; change the name in \(path)")
      }
      try base.apply(override)
    }
    var runs: [SweepRun] = []
    for plan in try Self.plans(of: file) { runs.append(try SweepRun(plan, base: base)) }
    try Self.requireDifferent(runs)
    self.path = path
    name = file.name
    self.runs = runs
  }

  /// The base and what differs from it one at a time, then the grid.
  private static func plans(of file: SweepFile) throws -> [RunPlan] {
    let count = file.grid.reduce(file.vary.reduce(1) { $0 + $1.choices.count }) {
      let (product, isTooLarge) = $0.multipliedReportingOverflow(by: $1.choices.count)
      return isTooLarge ? .max : product
    }
    guard count <= maximumRuns else {
      throw RunError.setting(
        location: file.path, problem: "there are more than \(maximumRuns) runs; vary less")
    }
    var plans: [RunPlan] = []
    if !file.vary.isEmpty {
      plans.append(RunPlan(name: "base", changes: [], place: file.path))
      plans += file.vary.flatMap { $0.choices.map { RunPlan([$0]) } }
    }
    return plans + combinations(file.grid).map(RunPlan.init)
  }

  /// Each choice with each other, the last axis changing fastest; nothing where there is no axis.
  private static func combinations(_ axes: [SweepAxis]) -> [[SweepChoice]] {
    guard !axes.isEmpty else { return [] }
    return axes.reduce([[]]) { lists, axis in
      lists.flatMap { list in axis.choices.map { list + [$0] } }
    }
  }

  /// Refuses two runs of one name, or of the same settings.
  private static func requireDifferent(_ runs: [SweepRun]) throws {
    var (names, settings): ([String: String], [String: String]) = ([:], [:])
    for run in runs {
      // Names that a file system may take for one.
      if let other = names.updateValue(run.name, forKey: run.name.lowercased()) {
        throw RunError.setting(
          location: run.place, problem: "two runs are named \(other); vary one of them only once")
      }
      var nameless = run.configuration
      nameless.name = "run"
      if let other = settings.updateValue(run.name, forKey: try nameless.yaml()) {
        throw RunError.setting(
          location: run.place,
          problem: "run \(run.name) has the same settings as run \(other); leave it out")
      }
    }
  }
}

/// A run before its settings are put together.
struct RunPlan {
  let name: String
  let changes: [SettingChange]
  let place: String

  init(name: String, changes: [SettingChange], place: String) {
    self.name = name
    self.changes = changes
    self.place = place
  }

  /// The run of these choices, one from each axis.
  init(_ choices: [SweepChoice]) {
    self.init(
      name: choices.map(\.name).joined(separator: "_"), changes: choices.flatMap(\.changes),
      place: choices.first?.place ?? "")
  }
}

/// One run of a sweep.
package struct SweepRun {
  /// Names the run's folder below the sweep's.
  package let name: String
  /// What it changes, in words; empty for the base.
  package let changes: String
  /// All its settings.
  package let configuration: RunConfiguration
  /// Where its settings come from.
  let document: ConfigurationDocument
  /// File and line in the sweep.
  let place: String

  init(_ plan: RunPlan, base: ConfigurationDocument) throws {
    var document = base
    try document.put(all: plan.changes, for: plan.name)
    _ = document.put(Node(plan.name), at: ["name"], place: plan.place)
    do {
      configuration = try RunConfiguration(document)
    } catch RunError.setting(let location, let problem) {
      throw RunError.setting(location: location, problem: "\(problem) (run \(plan.name))")
    }
    name = plan.name
    changes = plan.changes.map { "\($0.name) \($0.shownValue)" }.joined(separator: ", ")
    place = plan.place
    self.document = document
  }
}

extension SettingChange {
  /// The value for a message or a table.
  fileprivate var shownValue: String {
    value.scalar?.string
      ?? value.sequence?.map { $0.scalar?.string ?? "…" }.joined(separator: ", ") ?? "…"
  }
}

extension ConfigurationDocument {
  /// Merges `changes`; `run` names the run they are for.
  fileprivate mutating func put(all changes: [SettingChange], for run: String?) throws {
    for change in changes {
      guard put(change.value, at: change.keys, place: change.place) else {
        throw RunError.setting(
          location: change.place,
          problem: "\(change.name): \(noPlace(for: change.keys))\(run.map { " (run \($0))" } ?? "")"
        )
      }
    }
  }
}
