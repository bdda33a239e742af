import Support

/// A section of a configuration: properties with defaults, and one ``Setting`` for each.
///
/// How a section is read, and which values are refused, follows from ``settings``; what is not given keeps the
/// default that `init()` gives it, and a key that is not listed is refused.
public protocol SettingSection: Codable, Sendable, Equatable {
  /// The names of the settings in a file.
  associatedtype CodingKeys: SettingKey
  /// The defaults.
  init()
  /// Every setting, in the order in which problems are told.
  static var settings: [Setting<Self, CodingKeys>] { get }
  /// Refuses values that do not go together, each of which is in its range.
  ///
  /// - Throws: ``InvalidSetting`` for the first thing that is wrong.
  func validateTogether() throws(InvalidSetting)
}

extension SettingSection {
  /// Reads the settings that are given and keeps the defaults of the others.
  ///
  /// - Throws: ``InvalidSetting`` for a key that is no setting, `DecodingError` for a value of another kind.
  public init(from decoder: any Decoder) throws {
    self.init()
    let given = try decoder.strictContainer(keyedBy: CodingKeys.self)
    for setting in Self.settings { try setting.read(&self, given) }
  }

  /// Refuses values that nothing can be computed with.
  ///
  /// - Throws: ``InvalidSetting`` for the first of them.
  public func validate() throws(InvalidSetting) {
    for setting in Self.settings { try setting.check(self) }
    try validateTogether()
  }

  /// All values go together.
  public func validateTogether() throws(InvalidSetting) {}
}

/// One setting of a section: its key, the property it is kept in, and which values are refused.
public struct Setting<Section, Key: SettingKey> {
  /// Its name in a file.
  public let key: Key
  let read: (inout Section, KeyedDecodingContainer<Key>) throws -> Void
  let check: (Section) throws(InvalidSetting) -> Void

  /// A setting whose values `check` refuses, if any.
  public init<Value: Decodable>(
    _ key: Key, _ place: WritableKeyPath<Section, Value>,
    check: @escaping (Value, Key) throws(InvalidSetting) -> Void = { _, _ in }
  ) {
    self.key = key
    read = { section, given in
      if let value = try given.decodeIfPresent(Value.self, forKey: key) {
        section[keyPath: place] = value
      }
    }
    self.check = { section throws(InvalidSetting) in try check(section[keyPath: place], key) }
  }

  /// A setting that may be absent; `check` is not called then.
  public init<Value: Decodable>(
    _ key: Key, optional place: WritableKeyPath<Section, Value?>,
    check: @escaping (Value, Key) throws(InvalidSetting) -> Void = { _, _ in }
  ) {
    self.key = key
    read = { section, given in
      section[keyPath: place] = try given.decodeIfPresent(Value.self, forKey: key)
    }
    self.check = { section throws(InvalidSetting) in
      if let value = section[keyPath: place] { try check(value, key) }
    }
  }

  /// A number in `range`.
  public init<Value: Decodable & Comparable>(
    _ key: Key, _ place: WritableKeyPath<Section, Value>, _ range: ClosedRange<Value>
  ) {
    self.init(key, place) { value, key throws(InvalidSetting) in
      try requireRange(value, range, key)
    }
  }

  /// Values that are written as one or as a list; the default where the key is absent.
  public init<Value: Decodable>(
    _ key: Key, oneOrMore place: WritableKeyPath<Section, [Value]>,
    check: @escaping ([Value], Key) throws(InvalidSetting) -> Void
  ) {
    self.key = key
    read = { section, given in
      if given.contains(key) { section[keyPath: place] = try given.oneOrMore(key) }
    }
    self.check = { section throws(InvalidSetting) in try check(section[keyPath: place], key) }
  }

  /// Whole numbers in `range`, written as one number or as a list.
  public init(
    _ key: Key, oneOrMore place: WritableKeyPath<Section, [Int]>, _ range: ClosedRange<Int>
  ) {
    self.init(key, oneOrMore: place) { values, key throws(InvalidSetting) in
      try requireRange(values.count, 0...SettingRange.entries, key)
      for value in values { try requireRange(value, range, key) }
    }
  }
}
