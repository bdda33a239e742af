import ModelLoader
import Support

/// The keys a settings type knows, as they are written in a file.
public typealias SettingKey = CodingKey & CaseIterable

extension Decoder {
  /// The keyed container of a settings type; a key that `Key` does not list is refused, since a
  /// misspelt setting would otherwise silently keep its default.
  ///
  /// - Throws: ``InvalidSetting`` with the nearest known key, or `DecodingError` where this is not a
  ///   mapping.
  public func strictContainer<Key: SettingKey>(
    keyedBy type: Key.Type
  ) throws -> KeyedDecodingContainer<Key> {
    let known = Key.allCases.map(\.stringValue)
    for key in try container(keyedBy: AnySettingKey.self).allKeys
    where !known.contains(key.stringValue) {
      let nearest = nearestName(to: key.stringValue, among: known)
      let advice =
        nearest.map { "did you mean \($0)?" } ?? "known here: \(known.joined(separator: ", "))"
      throw InvalidSetting(
        (codingPath + [key]).map(settingName), "is not a setting; \(advice)")
    }
    return try container(keyedBy: type)
  }
}

extension KeyedDecodingContainer {
  /// The value of `key`, or `fallback` where the key is absent.
  public func value<Value: Decodable>(_ key: Key, default fallback: Value) throws -> Value {
    try decodeIfPresent(Value.self, forKey: key) ?? fallback
  }

  /// The numbers of `key`, which may be written as one number or as a list; none where it is absent.
  func oneOrMore(_ key: Key) throws -> [Int] {
    if (try? nestedUnkeyedContainer(forKey: key)) != nil {
      return try decode([Int].self, forKey: key)
    }
    return try decodeIfPresent(Int.self, forKey: key).map { [$0] } ?? []
  }
}

/// A key of a coding path as a user would write it: list positions count from 0.
package func settingName(_ key: any CodingKey) -> String {
  key.intValue.map(String.init) ?? key.stringValue
}

/// Any key at all, to see which ones are there.
private struct AnySettingKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }
  init?(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}

/// The member of `names` with the fewest edits to `name`, if that is less than half of its letters.
public func nearestName(to name: String, among names: [String]) -> String? {
  // No key of ours is near a text that long, and the comparison takes its length squared.
  guard name.utf8.count <= 100 else { return nil }
  let ranked = names.map { (name: $0, edits: editDistance(name, $0)) }
  guard let best = ranked.min(by: { ($0.edits, $0.name) < ($1.edits, $1.name) }) else { return nil }
  return best.edits * 2 <= max(name.count, best.name.count) ? best.name : nil
}
