import HeapModule
import Support

/// The byte-pair encoding of one piece of text: `model` of a tokenizer.json.
///
/// A piece starts as single symbols (bytes, or characters) which the merges join, the most important merge
/// first. Source: Sennrich et al. 2016, arXiv 1508.07909; details after Hugging Face's `models/bpe`.
struct BytePairModel: Sendable {
  let vocabulary: Vocabulary
  private let merges: MergeTable
  /// Stands for characters that the vocabulary does not have; without it they are dropped.
  private let unknown: Int32?
  /// Whether a run of unknown characters is one token.
  private let fusesUnknown: Bool
  /// A piece that is in the vocabulary is its token, whatever the merges say.
  private let ignoresMerges: Bool
  private let isByteLevel: Bool
  /// With `isByteLevel` the token of each byte, otherwise that of `<0x00>` … `<0xFF>`, if there is one.
  private let byteTokens: [Int32?]
  /// Whether characters that the vocabulary does not have become the tokens of their bytes.
  private let fallsBackToBytes: Bool
  /// SentencePiece's mark of a space where text can be cut at it with the same result; otherwise nil.
  let wordMark: [UInt8]?

  /// Reads `model`; `isByteLevel` says that the vocabulary spells bytes as ``ByteAlphabet``.
  init(_ node: JSONNode, isByteLevel: Bool) throws(TokenizerError) {
    try Self.checkSupport(node, isByteLevel: isByteLevel)
    let vocabulary = try Vocabulary(node["vocab"])
    self.vocabulary = vocabulary
    self.isByteLevel = isByteLevel
    merges = try MergeTable(node["merges"], vocabulary: vocabulary)
    fusesUnknown = try node["fuse_unk"].bool(default: false)
    fallsBackToBytes = try node["byte_fallback"].bool(default: false)
    ignoresMerges = try node["ignore_merges"].bool(default: false)
    unknown = try Self.unknown(node["unk_token"], vocabulary)
    byteTokens = (0...255).map { (byte: UInt8) in
      if isByteLevel { return vocabulary.ids[TokenBytes(ByteAlphabet.spell([byte]))] }
      let digits = String(byte, radix: 16, uppercase: true)
      return vocabulary.id(of: "<0x" + (byte < 16 ? "0" : "") + digits + ">")
    }
    let mark = Array("▁".utf8)
    let isCut =
      !isByteLevel && !ignoresMerges && vocabulary.ids[TokenBytes(mark)] != nil
      && !merges.crosses(mark, in: vocabulary)
    wordMark = isCut ? mark : nil
  }

  private static func checkSupport(
    _ node: JSONNode, isByteLevel: Bool
  ) throws(TokenizerError) {
    guard case .object = node.value else { throw node.mismatch("an object") }
    if !node["type"].isNull, try node["type"].string() != "BPE" {
      throw node["type"].unsupported("BPE")
    }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] where !node[key].isNull {
      if try !node[key].string().isEmpty { throw node[key].unsupported("none") }
    }
    switch node["dropout"].value {
    case .null, .integer(0), .number(0): break
    default: throw node["dropout"].unsupported("no dropout")
    }
    if isByteLevel, try node["byte_fallback"].bool(default: false) {
      throw node["byte_fallback"].unsupported("false with a ByteLevel pre-tokenizer")
    }
  }

  private static func unknown(
    _ node: JSONNode, _ vocabulary: Vocabulary
  ) throws(TokenizerError) -> Int32? {
    if node.isNull { return nil }
    let token = try node.string()
    guard token.utf8.count <= TokenizerLimits.specialTokenBytes else {
      throw .unsupported(
        place: node.path, found: "a token of \(token.utf8.count) bytes",
        supported: "at most \(TokenizerLimits.specialTokenBytes) bytes")
    }
    guard let id = vocabulary.id(of: token) else {
      throw .inconsistent(
        place: node.path, problem: "\(token.quotedForMessage) is not in model.vocab")
    }
    return id
  }

  /// Appends the tokens of the piece `range` of `text` to `output`.
  func encode(
    _ text: [UInt8], _ range: Range<Int>, using workspace: inout MergeWorkspace,
    into output: inout [Int32]
  ) {
    if ignoresMerges {
      let piece = isByteLevel ? ByteAlphabet.spell(text[range]) : Array(text[range])
      if let id = vocabulary.ids[TokenBytes(piece)] {
        output.append(id)
        return
      }
    }
    workspace.removeAll()
    if isByteLevel {
      appendBytes(text, range, to: &workspace)
    } else {
      appendCharacters(text, range, to: &workspace)
    }
    workspace.merge(with: merges, into: &output)
  }

  private func appendBytes(
    _ text: [UInt8], _ range: Range<Int>, to workspace: inout MergeWorkspace
  ) {
    var afterUnknown = false
    for byte in text[range] {
      if let token = byteTokens[Int(byte)] {
        workspace.append(token)
        afterUnknown = false
      } else if let unknown, !(afterUnknown && fusesUnknown) {
        workspace.append(unknown)
        afterUnknown = true
      }
    }
  }

  private func appendCharacters(
    _ text: [UInt8], _ range: Range<Int>, to workspace: inout MergeWorkspace
  ) {
    // As in the original, byte tokens overtake an unknown token that is still open to grow.
    var hasPendingUnknown = false
    var index = range.lowerBound
    while index < range.upperBound {
      let next = UTF8Text.scalar(in: text, at: index).next
      let character = text[index..<next]
      index = next
      if let token = vocabulary.ids[TokenBytes(character)] {
        if hasPendingUnknown, let unknown { workspace.append(unknown) }
        hasPendingUnknown = false
        workspace.append(token)
      } else if let tokens = fallback(character) {
        for token in tokens { workspace.append(token) }
      } else if let unknown {
        if hasPendingUnknown, !fusesUnknown { workspace.append(unknown) }
        hasPendingUnknown = true
      }
    }
    if hasPendingUnknown, let unknown { workspace.append(unknown) }
  }

  /// The byte tokens of a character, if all of them are in the vocabulary.
  private func fallback(_ character: ArraySlice<UInt8>) -> [Int32]? {
    guard fallsBackToBytes else { return nil }
    let tokens = character.compactMap { byteTokens[Int($0)] }
    return tokens.count == character.count ? tokens : nil
  }
}

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

/// Merges the symbols of one piece; its memory is used again for the next.
///
/// Symbols are a linked list and possible merges a heap, so that n symbols take O(n log n) steps. The
/// order is that of Hugging Face's `Word::merge_all`: lowest rank first, leftmost first among equals.
struct MergeWorkspace {
  private static let none = Int32(-1)

  private var tokens: [Int32] = []
  private var previous: [Int32] = []
  private var next: [Int32] = []
  /// rank << 32 | position of the left symbol.
  private var candidates = Heap<UInt64>()

  /// Forgets the symbols of the last piece.
  mutating func removeAll() {
    tokens.removeAll(keepingCapacity: true)
    previous.removeAll(keepingCapacity: true)
    next.removeAll(keepingCapacity: true)
  }

  /// Appends a symbol.
  mutating func append(_ token: Int32) {
    let position = Int32(truncatingIfNeeded: tokens.count)
    if position > 0 { next[Int(position) - 1] = position }
    tokens.append(token)
    previous.append(position - 1)
    next.append(Self.none)
  }

  /// Does all merges and appends what is left to `output`.
  mutating func merge(with table: MergeTable, into output: inout [Int32]) {
    if tokens.isEmpty { return }
    for position in tokens.indices { addCandidate(Int32(position), table) }
    while let candidate = candidates.popMin() { apply(candidate, table) }
    var position: Int32 = 0
    while position != Self.none {
      output.append(tokens[Int(position)])
      position = next[Int(position)]
    }
  }

  /// Notes the merge of the symbol at `position` with the one behind it, if there is one.
  private mutating func addCandidate(_ position: Int32, _ table: MergeTable) {
    guard position != Self.none else { return }
    let right = next[Int(position)]
    guard right != Self.none,
      let merge = table.merge(tokens[Int(position)], tokens[Int(right)])
    else { return }
    candidates.insert(UInt64(merge.rank) << 32 | UInt64(UInt32(bitPattern: position)))
  }

  /// Does the merge that a candidate stands for, unless its symbols have changed since.
  private mutating func apply(_ candidate: UInt64, _ table: MergeTable) {
    let left = Int(candidate & 0xFFFF_FFFF)
    let right = next[left]
    // A symbol that was merged into the one on its left holds no token.
    guard tokens[left] != Self.none, right != Self.none,
      let merge = table.merge(tokens[left], tokens[Int(right)]),
      UInt64(merge.rank) == candidate >> 32
    else { return }
    let behind = next[Int(right)]
    tokens[left] = merge.token
    tokens[Int(right)] = Self.none
    next[left] = behind
    if behind != Self.none { previous[Int(behind)] = Int32(left) }
    addCandidate(previous[left], table)
    addCandidate(Int32(left), table)
  }
}
