import ModelLoader
import Support
import Transformer

/// A value of the configuration that cannot be meant, or a key that does not exist.
///
/// Settings types throw it without knowing the file they came from; whoever read the file adds its
/// path and the line of ``path``.
public struct InvalidSetting: ZigzagError, Equatable {
  /// Keys from the root of the configuration down to the setting, such as `calibration`, `steps`.
  public var path: [String]
  /// What is wrong with it and what it may be, to be read after the setting's name.
  public var problem: String

  /// A problem of the setting at `path`.
  public init(_ path: [String], _ problem: String) {
    self.path = path
    self.problem = problem
  }

  /// Always a mistake in what was asked for.
  public var category: ErrorCategory { .usage }

  /// The setting's dotted name, then the problem.
  public var description: String {
    path.isEmpty ? problem : "\(path.joined(separator: ".").shown()) \(problem)"
  }
}

/// Throws an ``InvalidSetting`` for `key` unless `condition` holds.
package func requireSetting(
  _ condition: Bool, _ key: some CodingKey, _ problem: @autoclosure () -> String
) throws(InvalidSetting) {
  guard condition else { throw InvalidSetting([key.stringValue], problem()) }
}

/// Runs a check of the libraries and turns what it refuses into a problem of a setting.
package func settingProblem(
  _ check: () throws(GateOptimizerError) -> Void
) throws(InvalidSetting) {
  do {
    try check()
  } catch .option(let name, let expected, let found) {
    throw InvalidSetting(
      name.split(separator: ".").map(String.init), "is \(found.shown()); it must be \(expected)")
  } catch {
    throw InvalidSetting([], "\(error)")
  }
}

/// Runs the check of a part of the settings and puts the part's place before what it throws.
package func within(
  _ place: String..., check: () throws(InvalidSetting) -> Void
) throws(InvalidSetting) {
  do {
    try check()
  } catch {
    throw InvalidSetting(place + error.path, error.problem)
  }
}

/// The keys a settings type knows, as they are written in a file.
public typealias SettingKey = CodingKey & CaseIterable

extension Decoder {
  /// The keyed container of a settings type; a key that `Key` does not list is refused, since a
  /// misspelt setting would otherwise silently keep its default.
  ///
  /// - Throws: ``InvalidSetting`` with the nearest known key, or `DecodingError` where this is not a
  ///   mapping.
  package func strictContainer<Key: SettingKey>(
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
  package func value<Value: Decodable>(_ key: Key, default fallback: Value) throws -> Value {
    try decodeIfPresent(Value.self, forKey: key) ?? fallback
  }

  /// The values of `key`, which may be written as one or as a list; none where it is absent.
  func oneOrMore<Value: Decodable>(_ key: Key) throws -> [Value] {
    if (try? nestedUnkeyedContainer(forKey: key)) != nil {
      return try decode([Value].self, forKey: key)
    }
    return try decodeIfPresent(Value.self, forKey: key).map { [$0] } ?? []
  }
}

/// A key of a coding path as a user would write it: list positions count from 0.
package func settingName(_ key: any CodingKey) -> String {
  key.intValue.map(String.init) ?? key.stringValue
}

/// Any key at all, to see which ones are there.
struct AnySettingKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }
  init?(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}

/// The member of `names` with the fewest edits to `name`, if that is less than half of its letters.
package func nearestName(to name: String, among names: [String]) -> String? {
  // No key of ours is near a text that long, and the comparison takes its length squared.
  guard name.utf8.count <= 100 else { return nil }
  let ranked = names.map { (name: $0, edits: editDistance(name, $0)) }
  guard let best = ranked.min(by: { ($0.edits, $0.name) < ($1.edits, $1.name) }) else { return nil }
  return best.edits * 2 <= max(name.count, best.name.count) ? best.name : nil
}

/// A setting that is one of a few names.
public protocol SettingChoice: Codable, CaseIterable, RawRepresentable, Sendable
where RawValue == String {}

extension SettingChoice {
  /// Reads one of the names.
  ///
  /// - Throws: ``InvalidSetting`` that lists them.
  public init(from decoder: any Decoder) throws {
    let name = try decoder.singleValueContainer().decode(String.self)
    guard let choice = Self(rawValue: name) else {
      let known = Self.allCases.map(\.rawValue).joined(separator: ", ")
      throw InvalidSetting(
        decoder.codingPath.map(settingName), "is \(name.shown()); it must be one of \(known)")
    }
    self = choice
  }
}

extension RetrievalSource: SettingChoice {}
extension ProductLibrary: SettingChoice {}
extension PromptStorage: SettingChoice {}

/// What has a gate of its own while gates are learned, and what a search moves between retrieval and
/// streaming.
public enum MapUnit: String, SettingChoice {
  /// Whole layers, their heads sharing one gate (LoZA, LongCat ZigZag Attention, arXiv 2512.23966).
  case layers
  /// Single key-value heads (DuoAttention).
  case heads

  /// Units in a layer of so many key-value heads.
  package func perLayer(heads: Int) -> Int { self == .layers ? 1 : heads }

  /// How many units there are of the heads that maps decide on.
  package func count(in space: MapSpace) -> Int {
    space.globalLayers.count * perLayer(heads: space.heads)
  }

  /// The heads of the units that are true in `kept`; units are those of the global layers, in their order.
  package func heads(of kept: [Bool], in space: MapSpace) -> HeadSet {
    switch self {
    case .layers: space.layers(kept)
    case .heads:
      HeadSet(
        places: kept.indices.filter { kept[$0] }.map { place($0, in: space) },
        layers: space.layers, heads: space.heads)
    }
  }

  /// The place of a unit of the global layers among those of all layers.
  package func place(_ unit: Int, in space: MapSpace) -> Int {
    let width = perLayer(heads: space.heads)
    return space.globalLayers[unit / width] * width + unit % width
  }

  /// The units of the global layers that a head set keeps: the inverse of ``heads(of:in:)``.
  package func kept(of heads: HeadSet, in space: MapSpace) -> [Bool] {
    let rows = space.globalLayers.map { heads.rows[$0] }
    return self == .layers ? rows.map { $0.contains(true) } : Array(rows.joined())
  }
}
