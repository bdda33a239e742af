/// The settings in which runs differ: a column each, those that always change together as one.
struct SettingColumns {
  struct Column {
    /// Short name, for a heading.
    let title: String
    /// The dotted names it stands for.
    let names: [String]
    /// The value in each run.
    let values: [String]
  }

  let columns: [Column]

  /// The columns of `runs`, each dotted names with values.
  init(_ runs: [[String: String]]) {
    let names = Set(runs.flatMap(\.keys)).sorted()
    var groups: [(names: [String], values: [String])] = []
    for name in names {
      let values = runs.map { Self.value(of: name, in: $0) }
      // What a run has no section for is told by the section.
      let told = zip(runs, values).filter { !Self.lacksSection(of: name, $0.0) }.map(\.1)
      guard Set(told).count > 1 else { continue }
      if let same = groups.firstIndex(where: { $0.values == values }) {
        groups[same].names.append(name)
      } else {
        groups.append(([name], values))
      }
    }
    let all = groups.flatMap(\.names)
    columns = groups.map { group in
      let title = Self.title(group.names.map { Self.short($0, among: all) })
      return Column(title: title, names: group.names, values: group.values)
    }
  }

  /// The value in a run; a section that is one word in another run, such as `calibration: none`, is "given".
  private static func value(of name: String, in run: [String: String]) -> String {
    let isSection = !name.contains(".") && run.keys.contains { $0.hasPrefix("\(name).") }
    return run[name] ?? (isSection ? "given" : "–")
  }

  /// Whether a run has one word in the place of the section that `name` is in.
  private static func lacksSection(of name: String, _ run: [String: String]) -> Bool {
    name.split(separator: ".").first.map { $0 != name && run[String($0)] != nil } ?? false
  }

  /// The columns in which `run` differs from the first one.
  func changes(of run: Int) -> [Column] { columns.filter { $0.values[run] != $0.values[0] } }

  /// What the names have in common up to an underscore, `context` of `context_min` and `context_max`;
  /// else all of them.
  private static func title(_ names: [String]) -> String {
    guard names.count > 1, let first = names.first else { return names.joined() }
    let common = names.dropFirst().reduce(first) { $0.commonPrefix(with: $1) }
    guard let end = common.lastIndex(of: "_"), end > common.startIndex else {
      return names.joined(separator: ", ")
    }
    return String(common[..<end])
  }

  /// The last part of a dotted name where it tells the names apart.
  private static func short(_ name: String, among names: [String]) -> String {
    func last(_ name: String) -> Substring { name.split(separator: ".").last ?? "" }
    return names.count { last($0) == last(name) } > 1 ? name : String(last(name))
  }
}

/// Settings with `a.0` and `a.1` as one setting `a`.
package func joiningLists(_ leaves: [String: String]) -> [String: String] {
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
