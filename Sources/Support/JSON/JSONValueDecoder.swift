extension JSONValue {
  /// A settings or record type made from this value, as Foundation's decoder would make it.
  ///
  /// - Throws: `DecodingError`, whose description says what was found, and what the type itself throws.
  package func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try JSONValueDecoder(value: self, codingPath: []).decode(type)
  }
}

/// Makes `Decodable` types from a ``JSONValue``.
///
/// Whole numbers may be written `7.0`; a number that its type does not hold is a type mismatch.
package struct JSONValueDecoder: Decoder {
  package let value: JSONValue
  package let codingPath: [any CodingKey]
  package var userInfo: [CodingUserInfoKey: Any] { [:] }

  package func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<
    Key
  > {
    guard case .object(let members) = value else { throw mismatch([String: JSONValue].self) }
    return KeyedDecodingContainer(JSONKeyedContainer<Key>(members: members, decoder: self))
  }

  package func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    guard case .array(let values) = value else { throw mismatch([JSONValue].self) }
    return JSONUnkeyedContainer(values: values, decoder: self)
  }

  package func singleValueContainer() -> any SingleValueDecodingContainer { self }

  /// A decoder of a part of this value.
  package func part(_ value: JSONValue, _ key: any CodingKey) -> JSONValueDecoder {
    JSONValueDecoder(value: value, codingPath: codingPath + [key])
  }

  package func mismatch(_ type: any Any.Type) -> DecodingError {
    let context = DecodingError.Context(codingPath: codingPath, debugDescription: value.kind)
    if case .null = value { return .valueNotFound(type, context) }
    return .typeMismatch(type, context)
  }
}

extension JSONValueDecoder: SingleValueDecodingContainer {
  package func decodeNil() -> Bool {
    if case .null = value { true } else { false }
  }

  package func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    guard let scalar = type as? any JSONScalar.Type else { return try Value(from: self) }
    guard let found = scalar.init(json: value) as? Value else { throw mismatch(type) }
    return found
  }
}

/// The members of an object.
private struct JSONKeyedContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
  private let members: [JSONValue.Member]
  /// Where each key is, if there are many.
  private let places: [TokenBytes: Int]?
  private let decoder: JSONValueDecoder

  init(members: [JSONValue.Member], decoder: JSONValueDecoder) {
    (self.members, self.decoder) = (members, decoder)
    guard members.count > 16 else {
      places = nil
      return
    }
    places = Dictionary(
      members.enumerated().map { (TokenBytes($1.key), $0) }, uniquingKeysWith: { first, _ in first }
    )
  }

  var codingPath: [any CodingKey] { decoder.codingPath }

  var allKeys: [Key] { members.compactMap { Key(stringValue: $0.key) } }

  private func find(_ key: Key) -> JSONValue? {
    let name = key.stringValue
    if let places { return places[TokenBytes(name)].map { members[$0].value } }
    return members.first { $0.key.utf8.elementsEqual(name.utf8) }?.value
  }

  private func part(_ key: any CodingKey, _ value: JSONValue?) throws -> JSONValueDecoder {
    guard let value else {
      throw DecodingError.keyNotFound(
        key, .init(codingPath: codingPath, debugDescription: "missing"))
    }
    return decoder.part(value, key)
  }

  func contains(_ key: Key) -> Bool { find(key) != nil }

  func decodeNil(forKey key: Key) throws -> Bool { try part(key, find(key)).decodeNil() }

  func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
    try part(key, find(key)).decode(type)
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<Nested> {
    try part(key, find(key)).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try part(key, find(key)).unkeyedContainer()
  }

  func superDecoder(forKey key: Key) throws -> any Decoder { try part(key, find(key)) }

  func superDecoder() throws -> any Decoder {
    let key = JSONPathKey(name: "super", position: nil)
    return try part(key, members.first { $0.key == "super" }?.value)
  }
}

/// The elements of a list, one after the other.
private struct JSONUnkeyedContainer: UnkeyedDecodingContainer {
  let values: [JSONValue]
  let decoder: JSONValueDecoder
  var currentIndex = 0

  init(values: [JSONValue], decoder: JSONValueDecoder) {
    (self.values, self.decoder) = (values, decoder)
  }

  var codingPath: [any CodingKey] { decoder.codingPath }
  var count: Int? { values.count }
  var isAtEnd: Bool { currentIndex == values.count }

  private func part(_ type: any Any.Type) throws -> JSONValueDecoder {
    let key = JSONPathKey(name: "\(currentIndex)", position: currentIndex)
    guard !isAtEnd else {
      throw DecodingError.valueNotFound(
        type, .init(codingPath: codingPath + [key], debugDescription: "the list ends early"))
    }
    return decoder.part(values[currentIndex], key)
  }

  mutating func decodeNil() throws -> Bool {
    guard !isAtEnd, case .null = values[currentIndex] else { return false }
    currentIndex += 1
    return true
  }

  mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    // Numbers are many, and the path of each is made only where it is wrong.
    if !isAtEnd, let scalar = type as? any JSONScalar.Type,
      let found = scalar.init(json: values[currentIndex]) as? Value
    {
      currentIndex += 1
      return found
    }
    let value = try part(type).decode(type)
    currentIndex += 1
    return value
  }

  mutating func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type
  ) throws -> KeyedDecodingContainer<Nested> {
    let container = try part([String: JSONValue].self).container(keyedBy: type)
    currentIndex += 1
    return container
  }

  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
    let container = try part([JSONValue].self).unkeyedContainer()
    currentIndex += 1
    return container
  }

  mutating func superDecoder() throws -> any Decoder {
    let decoder = try part(JSONValue.self)
    currentIndex += 1
    return decoder
  }
}

/// A step of a path: a key or a position in a list.
private struct JSONPathKey: CodingKey {
  let stringValue: String
  let intValue: Int?

  init(name: String, position: Int?) { (stringValue, intValue) = (name, position) }
  init(stringValue: String) { self.init(name: stringValue, position: nil) }
  init(intValue: Int) { self.init(name: "\(intValue)", position: intValue) }
}

/// What JSON has a value of its own for.
private protocol JSONScalar {
  init?(json: JSONValue)
}

extension Bool: JSONScalar {
  fileprivate init?(json: JSONValue) {
    guard case .bool(let flag) = json else { return nil }
    self = flag
  }
}

extension String: JSONScalar {
  fileprivate init?(json: JSONValue) {
    guard case .string(let text) = json else { return nil }
    self = text
  }
}

extension Double: JSONScalar {
  fileprivate init?(json: JSONValue) {
    guard let value = json.real else { return nil }
    self = value
  }
}

extension Float: JSONScalar {
  fileprivate init?(json: JSONValue) {
    guard let value = json.real, Float(value).isFinite else { return nil }
    self = Float(value)
  }
}

extension JSONScalar where Self: FixedWidthInteger {
  fileprivate init?(json: JSONValue) {
    let value: Self? =
      switch json {
      case .integer(let value): Self(exactly: value)
      case .unsigned(let value): Self(exactly: value)
      case .number(let value): Self(exactly: value)
      default: nil
      }
    guard let value else { return nil }
    self = value
  }
}

extension Int: JSONScalar {}
extension Int8: JSONScalar {}
extension Int16: JSONScalar {}
extension Int32: JSONScalar {}
extension Int64: JSONScalar {}
extension UInt: JSONScalar {}
extension UInt8: JSONScalar {}
extension UInt16: JSONScalar {}
extension UInt32: JSONScalar {}
extension UInt64: JSONScalar {}
