import Foundation
import Support

/// A value of a key, whether it comes from JSON, an HDF5 attribute or GGUF metadata.
package enum MetadataValue: Sendable, Equatable {
  case bool(Bool)
  case integer(Int)
  case real(Double)
  case text(String)
  case bools([Bool])
  case integers([Int])
  case reals([Double])
  case texts([String])
  /// A list of mixed or nested values, as JSON may have.
  case list([MetadataValue])
  case object([String: MetadataValue])
  /// JSON's null; in an object it mostly is as if the key were not there.
  case null

  /// How a message quotes the value, long ones shortened.
  package var quoted: String {
    switch self {
    case .bool(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .real(let value): "\(value)"
    case .text(let value): value.count > 60 ? "\"\(value.prefix(60))…\"" : "\"\(value)\""
    case .bools(let values): "an array of \(values.count) booleans"
    case .integers(let values): values.count > 8 ? "\(values.count) integers" : "\(values)"
    case .reals(let values): values.count > 8 ? "\(values.count) numbers" : "\(values)"
    case .texts(let values): "an array of \(values.count) strings"
    case .list(let values): "a list of \(values.count) values of several types"
    case .object: "an object"
    case .null: "null"
    }
  }

  /// The value as an integer, if it is a whole number.
  package var integer: Int? {
    switch self {
    case .integer(let value): value
    case .real(let value): Int(exactly: value)
    default: nil
    }
  }

  /// The value as a number.
  package var real: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .real(let value): value
    default: nil
    }
  }

  /// The value as a truth value; 0 and 1 count, since some writers have no booleans.
  package var bool: Bool? {
    switch self {
    case .bool(let value): value
    case .integer(0): false
    case .integer(1): true
    default: nil
    }
  }

  /// The value as text.
  package var text: String? {
    if case .text(let value) = self { value } else { nil }
  }

  /// The value as a list of numbers.
  package var numbers: [Double]? {
    switch self {
    case .integers(let values): return values.map(Double.init)
    case .reals(let values): return values
    case .list(let values):
      let numbers = values.compactMap(\.real)
      return numbers.count == values.count ? numbers : nil
    default: return nil
    }
  }

  /// The value as a list of integers; one integer is a list of one.
  package var integers: [Int]? {
    switch self {
    case .integers(let values): values
    case .integer(let value): [value]
    default: nil
    }
  }
}

extension MetadataValue {
  /// A JSON value; an object within it keeps its nulls.
  ///
  /// - Throws: ``UnclearKeys`` for two keys of an object that Swift takes for one text.
  private init(_ json: JSONValue) throws(UnclearKeys) {
    switch json {
    case .null: self = .null
    case .bool(let value): self = .bool(value)
    case .string(let value): self = .text(value)
    case .integer, .unsigned, .number:
      self = json.integer.map(MetadataValue.integer) ?? .real(json.real ?? .nan)
    case .array(let values): self = try .list(of: values)
    case .object(let members): self = .object(try Self.object(members, keepsNulls: true))
    }
  }

  private static func object(
    _ members: [JSONValue.Member], keepsNulls: Bool = false
  ) throws(UnclearKeys) -> [String: MetadataValue] {
    var object: [String: MetadataValue] = [:]
    object.reserveCapacity(members.count)
    for member in members {
      if case .null = member.value, !keepsNulls { continue }
      guard object.updateValue(try MetadataValue(member.value), forKey: member.key) == nil else {
        throw UnclearKeys(key: member.key)
      }
    }
    return object
  }

  /// A list of one type where all elements have it, a list of anything otherwise.
  private static func list(of values: [JSONValue]) throws(UnclearKeys) -> MetadataValue {
    let integers = values.compactMap(\.integer)
    if integers.count == values.count { return .integers(integers) }
    let reals = values.compactMap(\.real)
    if reals.count == values.count { return .reals(reals) }
    let texts = values.compactMap { if case .string(let text) = $0 { text } else { nil } }
    if texts.count == values.count { return .texts(texts) }
    let bools = values.compactMap { if case .bool(let flag) = $0 { flag } else { nil } }
    if bools.count == values.count { return .bools(bools) }
    return .list(try values.map { value throws(UnclearKeys) in try MetadataValue(value) })
  }

  /// The members of the JSON object in `json`.
  ///
  /// - Parameters:
  ///   - json: The text, in UTF-8.
  ///   - path: The file, for messages.
  ///   - budget: What reading the file may still cost; nil stands for one of these bytes' own.
  ///   - keepsNulls: Whether the result has the members that are null.
  /// - Returns: The members by key; those of objects within are without nulls.
  /// - Throws: `FileError.invalid` with the line of what is not JSON or of a key that is there twice.
  package static func object(
    json: some Sequence<UInt8>, path: String, budget: ReadingBudget? = nil,
    keepsNulls: Bool = false
  ) throws(FileError) -> [String: MetadataValue] {
    let value: JSONValue
    do {
      value = try JSONReader.read(json, budget: budget)
    } catch {
      throw error.inFile(path)
    }
    return try object(value, path: path, keepsNulls: keepsNulls)
  }

  /// The members by key of a JSON object that has been read, as ``object(json:path:budget:keepsNulls:)`` gives them.
  ///
  /// - Throws: `FileError.invalid` for another value, or a key that is there twice.
  static func object(
    _ value: JSONValue, path: String, keepsNulls: Bool = false
  ) throws(FileError) -> [String: MetadataValue] {
    guard case .object(let members) = value else {
      throw .invalid(
        path: path, place: "the file", expected: "a JSON object", found: value.kind,
        fix: "correct the file or fetch it again")
    }
    do throws(UnclearKeys) {
      return try object(members, keepsNulls: keepsNulls)
    } catch {
      throw .invalid(
        path: path, place: "key \(error.key)", expected: "each key once",
        found: "a second one that differs in nothing but how its letters are composed",
        fix: "keep one of them")
    }
  }
}

/// Two keys that differ as bytes and are canonically equivalent.
private struct UnclearKeys: Error {
  let key: String
}
