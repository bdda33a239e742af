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
    shared = try entry(.set).map { try parser.changes($0.value) } ?? []
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

/// Reads the parts of a sweep file, and refuses what they cannot mean.
struct SweepParser {
  /// One `key: value` of a mapping with the line it stands on.
  struct Entry {
    let key: String
    let line: Int?
    let value: Node
  }

  /// The file, for messages.
  let path: String

  /// A refusal of the setting `name`.
  func refusal(_ name: String, _ problem: String, line: Int?) -> RunError {
    .setting(location: place(line), problem: "\(name) \(problem)")
  }

  /// The entries of a mapping, in the order of the file.
  func entries(of node: Node, under name: String = "") throws -> [Entry] {
    guard let mapping = node.mapping else {
      throw refusal(name, "must be a group of settings", line: node.mark?.line)
    }
    return mapping.map { Entry(key: $0.key.string ?? "", line: $0.key.mark?.line, value: $0.value) }
  }

  /// The text of a part that must be there.
  func text(_ entry: Entry?, _ name: String) throws -> String {
    guard let entry else { throw RunError.setting(location: path, problem: "\(name) is missing") }
    guard let text = entry.value.scalar?.string, !text.isEmpty else {
      throw refusal(name, "must be a single value", line: entry.line)
    }
    return text
  }

  /// The sweep's own name.
  func folderName(_ entry: Entry?) throws -> String {
    let name = try text(entry, "name")
    guard RunConfiguration.isFolderName(name) else {
      throw refusal(
        "name", "is \(name); it names a folder, so use letters, digits, '.', '_' and '-'",
        line: entry?.line)
    }
    return name
  }

  /// Every setting of a group, whether its name is dotted or nested; `line` is for those that the
  /// file does not have in this form.
  func changes(
    _ node: Node, under keys: [String] = [], line: Int? = nil
  ) throws -> [SettingChange] {
    var found: [SettingChange] = []
    for entry in try entries(of: node, under: keys.isEmpty ? "set" : dotted(keys)) {
      let line = entry.line ?? line
      let all = keys + entry.key.components(separatedBy: ".")
      guard all.allSatisfy({ !$0.isEmpty }) else {
        throw refusal("\"\(entry.key)\"", "is not the name of a setting", line: line)
      }
      guard all != ["name"] else {
        throw refusal("name", "cannot be set: the sweep names its runs", line: line)
      }
      if entry.value.mapping != nil {
        found += try changes(entry.value, under: all, line: line)
      } else {
        found.append(SettingChange(keys: all, value: entry.value, place: place(line)))
      }
    }
    return found
  }

  /// What varies, in the order of the file.
  func axes(_ group: Entry?, labels: AxisLabels) throws -> [SweepAxis] {
    guard let group else { return [] }
    var axes: [SweepAxis] = []
    for entry in try entries(of: group.value, under: group.key) {
      let choices =
        entry.value.mapping == nil
        ? try values(entry, label: labels[entry.key])
        : try namedChoices(entry, label: labels[entry.key])
      guard !choices.isEmpty else {
        throw refusal(entry.key, "is empty; list at least one value", line: entry.line)
      }
      try requireDifferent(choices.map(\.name), of: entry)
      axes.append(SweepAxis(choices: choices))
    }
    return axes
  }

  /// A setting with a list of its values.
  private func values(_ entry: Entry, label: String) throws -> [SweepChoice] {
    guard let items = entry.value.sequence else {
      throw refusal(entry.key, "must be a list of values", line: entry.line)
    }
    var choices: [SweepChoice] = []
    for item in items {
      guard let text = Self.text(of: item), !text.isEmpty else {
        throw refusal(
          entry.key,
          "has a value that cannot name a run; to change several settings together write "
            + "\(label): {one: {…}, other: {…}}", line: item.mark?.line ?? entry.line)
      }
      let line = item.mark?.line ?? entry.line
      let alone = Node([(Node(entry.key, .implicit, .plain, nil), item)])
      choices.append(
        SweepChoice(
          name: Self.runName(label, text), changes: try changes(alone, line: line),
          place: place(line)))
    }
    return choices
  }

  /// Choices with names of their own, each of which changes the settings below it.
  private func namedChoices(_ entry: Entry, label: String) throws -> [SweepChoice] {
    var choices: [SweepChoice] = []
    for choice in try entries(of: entry.value) {
      guard choice.value.mapping != nil else {
        throw refusal(
          "\(entry.key).\(choice.key)",
          "must be a group of settings; for values of one setting write a list below its whole "
            + "dotted name", line: choice.line)
      }
      let changes = try changes(choice.value)
      guard !changes.isEmpty, !choice.key.isEmpty else {
        throw refusal("\(entry.key).\(choice.key)", "changes nothing", line: choice.line)
      }
      choices.append(
        SweepChoice(
          name: Self.runName(label, choice.key), changes: changes, place: place(choice.line)))
    }
    return choices
  }

  private func requireDifferent(_ names: [String], of entry: Entry) throws {
    for (position, name) in names.enumerated() where names[..<position].contains(name) {
      throw refusal(entry.key, "has two values named \(name); keep one of them", line: entry.line)
    }
  }

  private func place(_ line: Int?) -> String { line.map { "\(path):\($0)" } ?? path }

  private func dotted(_ keys: [String]) -> String { keys.joined(separator: ".") }

  /// A value as a run's name has it: lists joined, nil for a group.
  private static func text(of node: Node) -> String? {
    if let scalar = node.scalar { return scalar.string }
    let parts = node.sequence?.map { $0.scalar?.string }
    guard let parts, parts.allSatisfy({ $0 != nil }) else { return nil }
    return parts.compactMap { $0 }.joined(separator: "-")
  }

  /// Label and value, with a hyphen for what no folder name may have.
  private static func runName(_ label: String, _ value: String) -> String {
    let name = "\(label)-\(value)"
    return String(name.map { RunConfiguration.isFolderName("a\($0)") ? $0 : "-" })
  }
}
