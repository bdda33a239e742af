import Support

/// A ``JSONValue`` that knows where it stands in the document, so that errors can name the place.
struct JSONNode {
  let value: JSONValue
  private let parent: String
  /// The position in a list; a path for each of very many elements would cost more than they do.
  private let index: Int?

  init(value: JSONValue, path: String, index: Int? = nil) {
    (self.value, parent, self.index) = (value, path, index)
  }

  var path: String { index.map { "\(parent)[\($0)]" } ?? parent }

  /// The value under `key`; null when the key is missing or this is no object.
  subscript(key: String) -> JSONNode {
    let childPath = path.isEmpty ? key : path + "." + key
    guard case .object(let members) = value,
      let member = members.last(where: { $0.key.utf8.elementsEqual(key.utf8) })
    else { return JSONNode(value: .null, path: childPath) }
    return JSONNode(value: member.value, path: childPath)
  }

  var isNull: Bool {
    if case .null = value { true } else { false }
  }

  func mismatch(_ expected: String) -> TokenizerError {
    .wrongShape(place: path, expected: expected, found: isNull ? "missing" : value.kind)
  }

  func unsupported(_ supported: String) -> TokenizerError {
    .unsupported(place: path, found: value.kind, supported: supported)
  }

  func string() throws(TokenizerError) -> String {
    guard case .string(let text) = value else { throw mismatch("a text") }
    return text
  }

  func bool(default fallback: Bool) throws(TokenizerError) -> Bool {
    if isNull { return fallback }
    guard case .bool(let flag) = value else { throw mismatch("true or false") }
    return flag
  }

  /// A token id: a whole number from 0 to ``Vocabulary/maximumID``.
  func tokenID() throws(TokenizerError) -> Int32 {
    guard case .integer(let number) = value, (0...Vocabulary.maximumID).contains(number) else {
      throw mismatch("a token id from 0 to \(Vocabulary.maximumID)")
    }
    return Int32(number)
  }

  func count() throws(TokenizerError) -> Int {
    guard case .integer(let number) = value, (0...1_000_000).contains(number) else {
      throw mismatch("a small whole number")
    }
    return number
  }

  func list() throws(TokenizerError) -> [JSONNode] {
    guard case .array(let values) = value else { throw mismatch("a list") }
    let path = path
    return values.enumerated().map { JSONNode(value: $1, path: path, index: $0) }
  }

  func members() throws(TokenizerError) -> [JSONValue.Member] {
    guard case .object(let members) = value else { throw mismatch("an object") }
    return members
  }

  /// The `type` of this part.
  func type() throws(TokenizerError) -> String {
    guard case .object = value else { throw mismatch("an object with a type") }
    return try self["type"].string()
  }
}
