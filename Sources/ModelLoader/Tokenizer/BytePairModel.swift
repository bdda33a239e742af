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
