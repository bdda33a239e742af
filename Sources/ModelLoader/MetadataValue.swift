import Foundation

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
  case object([String: MetadataValue])

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
    case .object: "an object"
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

  /// The value as a list of integers; one integer is a list of one.
  package var integers: [Int]? {
    switch self {
    case .integers(let values): values
    case .integer(let value): [value]
    default: nil
    }
  }
}

extension MetadataValue: Decodable {
  /// Decodes a JSON value; null and lists of mixed or nested values become empty objects.
  package init(from decoder: any Decoder) throws {
    if let keyed = try? decoder.container(keyedBy: JSONKey.self) {
      var object: [String: MetadataValue] = [:]
      for key in keyed.allKeys where try !keyed.decodeNil(forKey: key) {
        object[key.stringValue] = try keyed.decode(MetadataValue.self, forKey: key)
      }
      self = .object(object)
      return
    }
    let single = try decoder.singleValueContainer()
    if let value = try? single.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? single.decode(Int.self) {
      self = .integer(value)
    } else if let value = try? single.decode(Double.self) {
      self = .real(value)
    } else if let value = try? single.decode(String.self) {
      self = .text(value)
    } else if let values = try? single.decode([Int].self) {
      self = .integers(values)
    } else if let values = try? single.decode([Double].self) {
      self = .reals(values)
    } else if let values = try? single.decode([String].self) {
      self = .texts(values)
    } else {
      self = .object([:])
    }
  }

  /// The members of the JSON object in `json`, or nil if it holds none.
  package static func object(json: Data) -> [String: MetadataValue]? {
    guard case .object(let members)? = try? JSONDecoder().decode(MetadataValue.self, from: json)
    else { return nil }
    return members
  }
}

/// Any key of a JSON object.
private struct JSONKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }
  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}
