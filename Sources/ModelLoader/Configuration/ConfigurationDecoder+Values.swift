import Support

extension ConfigurationDecoder {
  /// The value of `key`, nil where it is absent or null.
  func present(_ key: String) -> MetadataValue? {
    guard let value = values[key], value != .null else { return nil }
    return value
  }

  func text(_ key: String) throws(FileError) -> String {
    guard let value = present(key) else { throw invalid(key, "text", "nothing") }
    guard let text = value.text else { throw invalid(key, "text", value.quoted) }
    return text
  }

  func flag(_ key: String) throws(FileError) -> Bool? {
    guard let value = present(key) else { return nil }
    guard let flag = value.bool else { throw invalid(key, "true or false", value.quoted) }
    return flag
  }

  /// A size that the file states, or the family's default.
  func size(
    _ key: String, _ defaults: FamilyDefaults, atMost limit: Int = largestSize
  ) throws(FileError) -> Int {
    if let size = try optionalSize(key, atMost: limit) { return size }
    guard values[key] == nil, let size = defaults.sizes[key] else {
      throw invalid(key, "a whole number", values[key] == nil ? "nothing" : "null")
    }
    return size
  }

  func optionalSize(
    _ key: String, atMost limit: Int = largestSize
  ) throws(FileError) -> Int? {
    guard let value = present(key) else { return nil }
    guard let size = value.integer, size >= 1, size <= limit else {
      throw invalid(key, "a whole number from 1 to \(limit)", value.quoted)
    }
    return size
  }

  func positive(_ key: String, below limit: Double) throws(FileError) -> Double? {
    guard let value = present(key) else { return nil }
    guard let number = value.real, number > 0, number < limit else {
      throw invalid(key, "a number above 0 and below \(limit)", value.quoted)
    }
    return number
  }

  func invalid(
    _ key: String, _ expected: String, _ found: String,
    fix: String = "correct the configuration or fetch the model again"
  ) -> FileError {
    .invalid(path: path, place: place(key), expected: expected, found: found, fix: fix)
  }

  func unsupported(_ key: String, _ found: String, _ supported: String) -> FileError {
    .unsupported(path: path, place: place(key), found: found, supported: supported)
  }
}
