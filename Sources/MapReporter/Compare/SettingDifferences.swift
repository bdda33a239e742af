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
