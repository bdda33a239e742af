import Support

/// Which pairs of tokens merge, in which order: `model.merges` of a tokenizer.json.
struct MergeTable: Sendable {
  /// The place of a merge in the list, the first being done first, and the token it gives.
  struct Merge: Sendable {
    var rank: UInt32
    var token: Int32
  }

  private var merges: [UInt64: Merge] = [:]

  /// Reads `model.merges`: a list of "left right" texts or of [left, right] pairs.
  init(_ node: JSONNode, vocabulary: Vocabulary) throws(TokenizerError) {
    guard case .array(let values) = node.value else { throw node.mismatch("a list of merges") }
    merges.reserveCapacity(values.count)
    for (rank, value) in values.enumerated() {
      let place = JSONNode(value: value, path: node.path, index: rank)
      let (left, right) = try Self.pair(place)
      let ids = try [left, right, left + right].map { (token) throws(TokenizerError) in
        guard let id = vocabulary.id(of: token) else {
          throw .inconsistent(
            place: place.path, problem: "\(token.quotedForMessage) is not in model.vocab")
        }
        return id
      }
      merges[Self.key(ids[0], ids[1])] = Merge(rank: UInt32(rank), token: ids[2])
    }
  }

  private static func pair(_ node: JSONNode) throws(TokenizerError) -> (String, String) {
    let parts: [String]
    switch node.value {
    case .string(let text):
      parts = text.unicodeScalars.split(separator: " ", omittingEmptySubsequences: false)
        .map(String.init)
    case .array:
      parts = try node.list().map { (part) throws(TokenizerError) in try part.string() }
    default:
      parts = []
    }
    guard parts.count == 2 else { throw node.mismatch("two tokens, as \"left right\" or a pair") }
    return (parts[0], parts[1])
  }

  @inline(__always)
  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// The merge of two neighbours, if there is one.
  @inline(__always)
  func merge(_ left: Int32, _ right: Int32) -> Merge? { merges[Self.key(left, right)] }

  /// Whether some merge gives a token in which `mark` stands behind something else.
  ///
  /// If none does, text can be cut where a mark begins behind another character without changing the result.
  func crosses(_ mark: [UInt8], in vocabulary: Vocabulary) -> Bool {
    merges.values.contains { merge in
      guard let token = vocabulary.token(merge.token) else { return false }
      let text = Array(token.utf8)
      return text.indices.dropFirst().contains {
        text[$0...].starts(with: mark) && !text[..<$0].reversed().starts(with: mark.reversed())
      }
    }
  }
}
