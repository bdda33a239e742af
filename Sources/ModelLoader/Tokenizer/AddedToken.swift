import Support

/// A token that is cut out of the text before anything else looks at it.
struct AddedToken: Sendable {
  var id: Int32
  var content: String
  /// Left out by `decode` when special tokens are not wanted.
  var special: Bool
  /// Looked for in the normalised text rather than in the text as given.
  var normalized: Bool
  /// Only between characters that are not part of a word.
  var singleWord: Bool
  /// Takes the white space on its left with it.
  var stripsLeft: Bool
  /// Takes the white space on its right with it.
  var stripsRight: Bool

  /// Reads an element of `added_tokens`.
  init(_ node: JSONNode) throws(TokenizerError) {
    id = try node["id"].tokenID()
    content = try node["content"].string()
    special = try node["special"].bool(default: false)
    normalized = try node["normalized"].bool(default: !special)
    singleWord = try node["single_word"].bool(default: false)
    stripsLeft = try node["lstrip"].bool(default: false)
    stripsRight = try node["rstrip"].bool(default: false)
  }
}

/// The added tokens of a tokenizer: the list itself and the search for them in a text.
struct AddedTokens: Sendable {
  /// By id.
  private(set) var tokens: [Int32: AddedToken] = [:]
  private(set) var ids: [TokenBytes: Int32] = [:]
  /// What `decode` reads for a token: its content, normalised where the text is.
  private(set) var spellings: [Int32: String] = [:]
  /// Finds those that are looked for in the text as given.
  private(set) var verbatim = AddedTokenMatcher()
  /// Finds those that are looked for in the normalised text.
  private(set) var normalized = AddedTokenMatcher()

  /// Reads `added_tokens` and checks it against the vocabulary of the model.
  init(
    _ node: JSONNode, vocabulary: Vocabulary, normalizer: TextNormalizer
  ) throws(TokenizerError) {
    if node.isNull { return }
    var verbatim: [(token: AddedToken, pattern: [UInt8])] = []
    var normalized = verbatim
    for element in try node.list() {
      let token = try AddedToken(element)
      try Self.check(token, at: element.path, vocabulary: vocabulary)
      guard tokens.updateValue(token, forKey: token.id) == nil,
        ids.updateValue(token.id, forKey: TokenBytes(token.content)) == nil
      else { throw .inconsistent(place: element.path, problem: "the token or its id occurs twice") }
      if token.normalized {
        let pattern = normalizer.normalize(Array(token.content.utf8))
        normalized.append((token, pattern))
        spellings[token.id] = String(decoding: pattern, as: UTF8.self)
      } else {
        verbatim.append((token, Array(token.content.utf8)))
        spellings[token.id] = token.content
      }
    }
    self.verbatim = AddedTokenMatcher(verbatim)
    self.normalized = AddedTokenMatcher(normalized)
  }

  private static func check(
    _ token: AddedToken, at place: String, vocabulary: Vocabulary
  ) throws(TokenizerError) {
    let name = token.content.quotedForMessage
    guard token.content.utf8.count <= TokenizerLimits.specialTokenBytes else {
      throw .unsupported(
        place: place, found: "a token of \(token.content.utf8.count) bytes",
        supported: "added tokens of at most \(TokenizerLimits.specialTokenBytes) bytes")
    }
    if let id = vocabulary.id(of: token.content) {
      guard id == token.id else {
        throw .inconsistent(
          place: place, problem: "\(name) has id \(token.id) here and \(id) in model.vocab")
      }
    } else if let other = vocabulary.token(token.id) {
      throw .inconsistent(
        place: place,
        problem: "the id \(token.id) of \(name) is that of \(other.quotedForMessage) in model.vocab"
      )
    }
  }
}
