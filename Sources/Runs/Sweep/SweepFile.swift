import Foundation
import GateOptimizer
import MapReporter
import Yams

/// A sweep file as it is written: which runs it stands for is up to ``Sweep``.
struct SweepFile {
  /// Where it is, as the user named it.
  let path: String
  /// Names the folder of the sweep's runs.
  let name: String
  /// Path of the base configuration; in the file it is relative to the file's folder.
  let base: String
  /// What every run has in common, besides the base.
  let shared: [SettingChange]
  /// What is changed one at a time.
  let vary: [SweepAxis]
  /// What is combined, each choice with each other.
  let grid: [SweepAxis]

  private enum Key: String, CaseIterable {
    case name, base, set, vary, grid
  }

  /// Reads the file at `path`.
  ///
  /// - Throws: ``RunError`` that names the line of what is wrong.
  init(contentsOf path: String) throws {
    let root = try ConfigurationDocument(contentsOf: path).root
    let parser = SweepParser(path: path)
    let entries = try parser.entries(of: root)
    for entry in entries where Key(rawValue: entry.key) == nil {
      let known = Key.allCases.map(\.rawValue)
      let advice =
        nearestName(to: entry.key, among: known).map { "did you mean \($0)?" }
        ?? "known here: \(known.joined(separator: ", "))"
      throw parser.refusal(entry.key, "is not a part of a sweep; \(advice)", line: entry.line)
    }
    func entry(_ key: Key) -> SweepParser.Entry? { entries.first { $0.key == key.rawValue } }
    self.path = path
    name = try parser.folderName(entry(.name))
    base = Self.resolve(try parser.text(entry(.base), Key.base.rawValue), beside: path)
    shared = try entry(.set).map { given throws in try parser.changes(given.value) } ?? []
    let labels = AxisLabels(entry(.vary)?.value, entry(.grid)?.value)
    vary = try parser.axes(entry(.vary), labels: labels)
    grid = try parser.axes(entry(.grid), labels: labels)
    if vary.isEmpty && grid.isEmpty {
      throw RunError.setting(location: path, problem: "there is nothing to vary; add vary or grid")
    }
  }

  /// `file` in the folder of the sweep file, unless it says where it is itself.
  private static func resolve(_ file: String, beside path: String) -> String {
    guard !file.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return file }
    return path[...slash] + file
  }
}

/// One setting with the value it is given.
struct SettingChange {
  /// Keys from the root of the configuration down to the setting.
  let keys: [String]
  /// The value as it is written.
  let value: Node
  /// File and line.
  let place: String

  /// The setting's dotted name.
  var name: String { keys.joined(separator: ".") }
}

/// One thing that varies: a setting, or several that change together.
struct SweepAxis {
  /// What it can be, at least one.
  let choices: [SweepChoice]
}

/// One value of what varies.
struct SweepChoice {
  /// The part of a run's name that stands for it, such as `recent-32`.
  let name: String
  /// What it changes.
  let changes: [SettingChange]
  /// File and line.
  let place: String
}

/// The short names of what varies: the last part of a dotted name where that tells them apart.
struct AxisLabels {
  private let keys: Set<String>

  init(_ groups: Node?...) {
    keys = Set(groups.compactMap { $0?.mapping }.flatMap { $0.keys.compactMap(\.string) })
  }

  /// The short name of an axis.
  subscript(key: String) -> String {
    let last = Self.last(key)
    return keys.count { Self.last($0) == last } > 1 ? key : last
  }

  private static func last(_ key: String) -> String {
    key.split(separator: ".").last.map(String.init) ?? key
  }
}
