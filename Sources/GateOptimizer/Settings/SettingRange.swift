/// The ranges of settings; docs/configuration.md lists each setting's.
///
/// Every number in a configuration has one, so that no product of settings leaves what an `Int` can hold
/// and a slip of the pen is refused before anything is computed.
package enum SettingRange {
  /// Lengths in tokens: sixteen times the longest contexts that models are made for.
  package static let tokens = 1...1 << 24
  /// Widths of a window; ``sink`` is one that may be missing.
  package static let window = 1...1_000_000_000
  /// First tokens that stay visible.
  package static let sink = 0...1_000_000_000
  /// Lengths that a cache is stated for, which nothing is computed at.
  package static let statedTokens = 1...1_000_000_000
  /// Steps, and samples that are made one after the other.
  package static let count = 1...1_000_000_000
  /// Samples and trials of which something is kept.
  package static let many = 1...1_000_000
  /// What is made as one list before anything begins, resamples included.
  package static let intervals = 1...100_000
  /// Entries of a list in a configuration.
  package static let entries = 1000
  /// Learning rates; 0 is none.
  package static let rate = 0.0...1000
  /// Weights of parts of a loss or of a criterion.
  package static let weight = 0.0...1_000_000
  /// Bytes of UTF-8 in a name that becomes part of a file's name; a file system takes 255 in all.
  package static let nameBytes = 1...200
}

/// Refuses a value outside `range`, and one that is not a number.
package func requireRange<Value: Comparable>(
  _ value: Value, _ range: ClosedRange<Value>, _ key: some CodingKey
) throws(InvalidSetting) {
  guard !range.contains(value) else { return }
  let low = "\(range.lowerBound)"
  let limit =
    value < range.lowerBound
    ? ["0", "0.0"].contains(low) ? "0 or more" : "at least \(low)"
    : value > range.upperBound ? "at most \(range.upperBound)" : "a number"
  throw InvalidSetting([key.stringValue], "is \(value); it must be \(limit)")
}

/// Refuses a list of more than ``SettingRange/entries`` entries.
package func requireShort(_ list: [some Any], _ key: some CodingKey) throws(InvalidSetting) {
  try requireSetting(
    list.count <= SettingRange.entries, key,
    "has \(list.count) entries; it must have at most \(SettingRange.entries)")
}

/// Refuses a value outside [0, 1].
package func requireShare(_ value: Double, _ key: some CodingKey) throws(InvalidSetting) {
  try requireSetting((0...1).contains(value), key, "is \(value); it must lie between 0 and 1")
}

/// Refuses a list that has one entry twice.
///
/// - Parameters:
///   - list: The entries.
///   - key: The setting.
///   - identity: What makes two of them one; the entry itself, as it is printed, unless something else does.
/// - Throws: ``InvalidSetting`` that names the first two.
package func requireDistinct<Entry>(
  _ list: [Entry], _ key: some CodingKey, by identity: (Entry) -> String = { "\($0)" }
) throws(InvalidSetting) {
  var seen: [String: Entry] = [:]
  for entry in list {
    guard let first = seen.updateValue(entry, forKey: identity(entry)) else { continue }
    let (one, other) = ("\(first)", "\(entry)")
    throw InvalidSetting(
      [key.stringValue],
      one == other
        ? "has \(one) twice; keep one of them"
        : "has \(one) and \(other), which tables do not tell apart; keep one of them")
  }
}

/// Refuses sparsities that are none, and two that tables, which have six decimals, do not tell apart.
package func requireSparsities(
  _ sparsities: [Double], _ key: some CodingKey
) throws(InvalidSetting) {
  try requireShort(sparsities, key)
  for sparsity in sparsities {
    try requireShare(sparsity, key)
    try requireSetting(sparsity.sign == .plus, key, "has \(sparsity); write 0")
  }
  try requireDistinct(sparsities, key) { "\(Int(($0 * 1e6).rounded()))" }
}
