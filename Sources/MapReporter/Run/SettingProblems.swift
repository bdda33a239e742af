import GateOptimizer

/// Runs a check of the libraries and turns what it refuses into a problem of a setting.
func settingProblem(
  _ check: () throws(GateOptimizerError) -> Void
) throws(InvalidSetting) {
  do {
    try check()
  } catch .option(let name, let expected, let found) {
    throw InvalidSetting(
      name.split(separator: ".").map(String.init), "is \(found); it must be \(expected)")
  } catch {
    throw InvalidSetting([], "\(error)")
  }
}

/// Runs the check of a part of the settings and puts the part's place before what it throws.
func within(
  _ place: String..., check: () throws(InvalidSetting) -> Void
) throws(InvalidSetting) {
  do {
    try check()
  } catch {
    throw InvalidSetting(place + error.path, error.problem)
  }
}

extension KeyedDecodingContainer {
  /// The criteria named in the list at `key`, or nil where there is none.
  ///
  /// - Throws: `InvalidSetting` that lists the names there are.
  func criteria(_ key: Key) throws -> [Criterion]? {
    guard let names = try decodeIfPresent([String].self, forKey: key) else { return nil }
    return try names.enumerated().map { position, name in
      if let criterion = Criterion(name) { return criterion }
      throw InvalidSetting(
        (codingPath + [key]).map { $0.intValue.map(String.init) ?? $0.stringValue }
          + [String(position)],
        "is \(name); it must be one of \(Criterion.names.joined(separator: ", "))")
    }
  }
}
