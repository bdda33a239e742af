import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Yams

/// A YAML configuration with its overrides, which remembers where each setting was written.
///
/// Overrides (`calibration.steps=40`) are merged into the document before anything is decoded, so
/// that they are checked exactly as the file is. Their values are YAML too: `a.b=[1, 2]` is a list.
package struct ConfigurationDocument {
  /// The file the document was read from, as the user named it.
  package let path: String
  /// Everything in the document, overrides merged.
  private(set) var root: Node
  private var overrides: [(keys: [String], place: String)] = []

  /// Reads the file at `path` and merges `overrides`, each `dotted.key=value`, in order.
  ///
  /// - Throws: `FileError` where the file cannot be read, is no YAML mapping or has a key twice, ``RunError``
  ///   where an override cannot be placed.
  package init(contentsOf path: String, overrides: [String] = []) throws {
    let text = try TextFile.text(
      at: path, what: "configuration", limit: FileLimit.configuration)
    try self.init(yaml: text, path: path, overrides: overrides)
  }

  /// The settings in the `run.json` at `path`, with overrides; JSON is YAML.
  ///
  /// - Throws: As ``init(contentsOf:overrides:)``.
  package init(record path: String, overrides: [String] = []) throws {
    let text = try TextFile.text(
      at: path, what: "record of a run", limit: FileLimit.record)
    self.path = path
    root = try Self.compose(text, path: path, limit: FileLimit.record)
    guard let settings = root.child("configuration")?.node, settings.mapping != nil else {
      throw FileError.malformed(
        path: path, line: nil,
        problem: "it does not hold the run's settings; use the config.yaml beside it")
    }
    root = settings
    for override in overrides {
      try apply(override)
    }
  }

  /// Takes the document from `yaml`; `path` is only named in messages.
  package init(yaml: String, path: String, overrides: [String] = []) throws {
    self.path = path
    root = try Self.compose(yaml, path: path)
    spellOutScores()
    for override in overrides {
      try apply(override)
      spellOutScores()
    }
  }

  /// Makes a section of a list of methods, so that overrides find their place in it.
  private mutating func spellOutScores() {
    let section = RunConfiguration.CodingKeys.scores.rawValue
    guard var settings = root.mapping, case .sequence(let methods)? = settings[section] else {
      return
    }
    settings[section] = .mapping(
      Node.Mapping([(Node(ScoreSettings.CodingKeys.methods.rawValue), .sequence(methods))]))
    root = .mapping(settings)
  }

  /// Decodes a settings type from the document.
  ///
  /// - Throws: ``RunError`` that names the file and line, or the override, of what is wrong.
  package func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    do {
      return try YAMLDecoder().decode(type, from: root)
    } catch let problem as InvalidSetting {
      throw setting(problem)
    } catch let problem as DecodingError {
      throw setting(invalidSetting(problem))
    } catch {
      throw FileError.malformed(path: path, line: nil, problem: "\(error)")
    }
  }

  /// `problem` with the place where its setting, or the nearest one above it, was written.
  package func setting(_ problem: InvalidSetting) -> RunError {
    .setting(location: location(of: problem.path), problem: problem.description)
  }

  /// What `body` gives; a problem of a setting that it throws gets the setting's place.
  ///
  /// - Throws: ``RunError/setting(location:problem:)`` for an `InvalidSetting`, and whatever else `body` throws.
  func placing<Value: ~Copyable>(_ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch let problem as InvalidSetting {
      throw setting(problem)
    }
  }

  /// The file and line a setting was written at, or the override that set it.
  private func location(of keys: [String]) -> String {
    if let override = overrides.last(where: { keys.starts(with: $0.keys) }) {
      return override.place
    }
    var node = root
    var line: Int?
    for key in keys {
      guard let found = node.child(key) else { break }
      line = found.line ?? line
      node = found.node
    }
    if let line { return "\(path):\(line)" }
    // Something above the place of an override: it is not in the file at all.
    return overrides.last { $0.keys.starts(with: keys) }?.place ?? path
  }

  private static func compose(
    _ yaml: String, path: String, limit: Int = FileLimit.configuration
  ) throws -> Node {
    guard yaml.utf8.count <= limit else {
      throw FileError.invalid(
        path: path, place: "the text",
        expected: "a configuration of at most "
          + FileLimit.words(limit), found: "\(yaml.utf8.count) bytes")
    }
    do {
      let node = try YAMLText.compose(yaml) ?? Node.mapping(Node.Mapping([]))
      guard node.mapping != nil else {
        throw FileError.malformed(
          path: path, line: 1, problem: "this is not a configuration; write `key: value` lines")
      }
      if let (character, line) = node.unwritable {
        let code = String(character.value, radix: 16, uppercase: true)
        throw FileError.malformed(
          path: path, line: line, problem: "a text has the character U+\(code); leave it out")
      }
      return node
    } catch let error as YamlError {
      let (line, problem) = explanation(error)
      throw FileError.malformed(path: path, line: line, problem: problem)
    } catch let error as YAMLGrowth {
      throw FileError.malformed(path: path, line: error.line, problem: error.problem)
    } catch let error as FileError {
      throw error
    } catch {
      throw FileError.malformed(path: path, line: nil, problem: "\(error)")
    }
  }

  /// Merges an override of the form `dotted.key=value`.
  ///
  /// - Throws: ``RunError/badOverride(_:problem:)``.
  mutating func apply(_ text: String) throws {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty else {
      throw RunError.badOverride(text, problem: "expected key=value, such as calibration.steps=40")
    }
    let keys = parts[0].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    let value: Node
    do {
      value = try YAMLText.compose(String(parts[1])) ?? Node("", .init(.null))
    } catch let error as YAMLGrowth {
      throw RunError.badOverride(text.shown(), problem: error.problem)
    } catch {
      throw RunError.badOverride(text, problem: "the value is not YAML")
    }
    // What a file may not hold cannot come in here either: the run's own file could not be read again.
    if let (character, _) = value.unwritable {
      let code = String(character.value, radix: 16, uppercase: true)
      throw RunError.badOverride(
        text, problem: "the value has the character U+\(code); leave it out")
    }
    guard put(value, at: keys, place: "--set \(text)") else {
      throw RunError.badOverride(text, problem: noPlace(for: keys))
    }
  }

  /// Why nothing can be put at a path of keys, a clause.
  func noPlace(for keys: [String]) -> String {
    for count in keys.indices.dropFirst() {
      let above = Array(keys[..<count])
      let shown = found(at: above)
      guard ![Self.group, Self.list, Self.absent].contains(shown) else { continue }
      return
        "\(above.joined(separator: ".")) is \(shown) in \(path), which has no \(keys[count]); write a "
        + "group of settings there"
    }
    return "there is no such place in \(path)"
  }

  /// Puts `value` at a path of keys, to be named by `place` in messages; false where the path runs
  /// through something that is no group of settings.
  mutating func put(_ value: Node, at keys: [String], place: String) -> Bool {
    guard root.replaceValue(at: keys[...], with: value) else { return false }
    overrides.append((keys, place))
    return true
  }

  /// What a decoding error means, in the words of a configuration.
  private func invalidSetting(_ error: DecodingError) -> InvalidSetting {
    switch error {
    case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
      let keys = context.codingPath.map(settingName)
      return InvalidSetting(keys, "is \(found(at: keys)); it must be \(wanted(type))")
    case .keyNotFound(let key, let context):
      return InvalidSetting(context.codingPath.map(settingName) + [key.stringValue], "is missing")
    case .dataCorrupted(let context):
      return InvalidSetting(
        context.codingPath.map(settingName), "cannot be understood: \(context.debugDescription)")
    @unknown default:
      return InvalidSetting([], "\(error)")
    }
  }

  private func found(at keys: [String]) -> String {
    var node: Node? = root
    for key in keys {
      node = node?.child(key)?.node
    }
    return switch node {
    case .scalar(let scalar): scalar.string.isEmpty ? "empty" : scalar.string.shown()
    case .mapping: Self.group
    case .sequence: Self.list
    default: Self.absent
    }
  }

  private static let (group, list, absent) = ("a group of settings", "a list", "absent")
}

private func wanted(_ type: any Any.Type) -> String {
  switch type {
  case is any BinaryInteger.Type: "a whole number"
  case is any BinaryFloatingPoint.Type: "a number"
  case is Bool.Type: "true or false"
  case is String.Type, is Node.Scalar.Type: "a single value"
  case is Node.Sequence.Type: "a list"
  default: "a group of settings"
  }
}

/// The line (from 1) and the meaning of an error of the YAML library.
private func explanation(_ error: YamlError) -> (line: Int?, problem: String) {
  switch error {
  case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
    .composer(_, let problem, let mark, _):
    (
      mark.line,
      "not valid YAML: \(problem); check the quotes, brackets and indentation on this line and the one before"
    )
  case .duplicatedKeysInMapping(let duplicates, let context):
    (
      context.mark.line,
      "the key \(duplicates.sorted().joined(separator: ", ")) is there twice; keep one of them"
    )
  default: (nil, "not valid YAML: \(error)")
  }
}

extension Node {
  /// The first character that YAML does not give back as it was written, and its line: line ends but
  /// for line feeds, and control characters but for tabs.
  fileprivate var unwritable: (character: Unicode.Scalar, line: Int?)? {
    switch self {
    case .scalar(let scalar):
      let found = scalar.string.unicodeScalars.first { character in
        switch character.properties.generalCategory {
        case .control: character != "\n" && character != "\t"
        case .lineSeparator, .paragraphSeparator: true
        default: character == "\u{FEFF}"
        }
      }
      return found.map { ($0, scalar.mark?.line) }
    case .sequence(let items): return items.lazy.compactMap(\.unwritable).first
    case .mapping(let entries):
      return entries.lazy.compactMap { $0.key.unwritable ?? $0.value.unwritable }.first
    case .alias: return nil
    }
  }

  /// The value under a mapping's key or at a list's position, with the line it starts on.
  fileprivate func child(_ key: String) -> (node: Node, line: Int?)? {
    if let entry = mapping?.first(where: { $0.key.string == key }) {
      return (entry.value, entry.key.mark?.line)
    }
    guard let items = sequence, let index = Int(key), items.indices.contains(index) else {
      return nil
    }
    return (items[index], items[index].mark?.line)
  }

  /// Puts `value` at the end of a path of keys, creating mappings on the way; false where the path
  /// runs through something else.
  fileprivate mutating func replaceValue(at keys: ArraySlice<String>, with value: Node) -> Bool {
    guard let key = keys.first else {
      self = value
      return true
    }
    guard !key.isEmpty else { return false }
    if var items = sequence {
      guard let index = Int(key), items.indices.contains(index) else { return false }
      let done = items[index].replaceValue(at: keys.dropFirst(), with: value)
      self = .sequence(items)
      return done
    }
    guard var entries = mapping else { return false }
    var child = entries[key] ?? Node.mapping(Node.Mapping([]))
    guard child.replaceValue(at: keys.dropFirst(), with: value) else { return false }
    entries[Node(key)] = child
    self = .mapping(entries)
    return true
  }
}
