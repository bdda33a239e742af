import Support

/// The tokens of a BPE model and their ids: `model.vocab` of a tokenizer.json.
struct Vocabulary: Sendable {
  /// The largest id accepted; no published vocabulary is near it.
  static let maximumID = 4_194_303
  /// How many ids a file may leave out: the table of tokens is as long as the largest id.
  private static let largestGap = 65_536

  private(set) var ids: [TokenBytes: Int32] = [:]
  /// Token by id, nil where the file leaves an id out.
  private(set) var tokens: [String?] = []

  /// Reads `model.vocab`, an object of tokens and ids.
  init(_ node: JSONNode) throws(TokenizerError) {
    let members = try node.members()
    ids.reserveCapacity(members.count)
    for member in members {
      let place = "\(node.path)[\(member.key.quotedForMessage)]"
      let id = try JSONNode(value: member.value, path: place).tokenID()
      guard Int(id) < members.count + Self.largestGap else {
        throw .inconsistent(
          place: place, problem: "the id \(id) is far beyond the \(members.count) tokens there are")
      }
      try insert(member.key, id: id, place: place)
    }
    guard !members.isEmpty else {
      throw .wrongShape(place: node.path, expected: "tokens and ids", found: "empty")
    }
  }

  private mutating func insert(
    _ token: String, id: Int32, place: String
  ) throws(TokenizerError) {
    guard token.utf8.count <= TokenizerLimits.tokenBytes else {
      throw .unsupported(
        place: place, found: "a token of \(token.utf8.count) bytes",
        supported: "tokens of at most \(TokenizerLimits.tokenBytes) bytes")
    }
    if let other = ids.updateValue(id, forKey: TokenBytes(token)) {
      throw .inconsistent(
        place: place, problem: "the token occurs twice, with the ids \(other) and \(id)")
    }
    let index = Int(id)
    if index >= tokens.count {
      tokens.append(contentsOf: repeatElement(nil, count: index + 1 - tokens.count))
    }
    if let other = tokens[index] {
      throw .inconsistent(
        place: place, problem: "its id \(id) is also that of \(other.quotedForMessage)")
    }
    tokens[index] = token
  }

  func id(of token: String) -> Int32? { ids[TokenBytes(token)] }

  func token(_ id: Int32) -> String? {
    tokens.indices.contains(Int(id)) ? tokens[Int(id)] : nil
  }
}
