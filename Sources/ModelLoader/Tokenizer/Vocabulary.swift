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

/// Texts in one array of bytes, one behind another: very many short ones cost little more than their bytes.
struct TextList {
  /// All texts.
  private(set) var bytes: [UInt8] = []
  /// Where each text ends.
  private var ends: [Int] = []

  /// An empty list.
  init() {}

  /// A list of one text.
  init(_ text: some Collection<UInt8>) { append(text) }

  /// How many texts there are.
  var count: Int { ends.count }

  /// The bytes of a text.
  subscript(index: Int) -> ArraySlice<UInt8> {
    bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
  }

  /// Appends a text.
  mutating func append(_ text: some Collection<UInt8>) {
    bytes += text
    ends.append(bytes.count)
  }

  /// The list of what `transform` makes of each text and its place.
  func map(_ transform: (_ index: Int, _ text: ArraySlice<UInt8>) -> [UInt8]) -> TextList {
    var result = TextList()
    for index in 0..<count { result.append(transform(index, self[index])) }
    return result
  }
}

/// Encodes the pieces of one text, remembering the ids of words it has seen.
struct PieceEncoder {
  /// Longer pieces are rare and not remembered.
  private static let longestRemembered = 48
  /// What is remembered stays within some megabytes.
  private static let mostRemembered = 100_000

  private let model: BytePairModel
  private var workspace = MergeWorkspace()
  /// Where in `rememberedIDs` the ids of a word are.
  private var remembered: [TokenBytes: Range<Int32>] = [:]
  private var rememberedIDs: [Int32] = []
  /// The ids so far.
  var ids: [Int32] = []

  init(_ model: BytePairModel) { self.model = model }

  /// Appends the ids of a piece.
  mutating func encode(_ text: [UInt8], _ range: Range<Int>) {
    guard let mark = model.wordMark else { return encodeWord(text, range) }
    // No merge reaches over the start of a word, so that words can be encoded one by one.
    var start = range.lowerBound
    PreTokenizer.forEachWord(in: text, range, mark: mark) { word in
      let end = word.lowerBound
      guard end > range.lowerBound, !text[..<end].hasSuffix(mark) else { return }
      encodeWord(text, start..<end)
      start = end
    }
    encodeWord(text, start..<range.upperBound)
  }

  private mutating func encodeWord(_ text: [UInt8], _ range: Range<Int>) {
    guard range.count <= Self.longestRemembered else {
      return model.encode(text, range, using: &workspace, into: &ids)
    }
    let word = TokenBytes(text[range])
    if let known = remembered[word] {
      for index in known { ids.append(rememberedIDs[Int(index)]) }
      return
    }
    let start = ids.count
    model.encode(text, range, using: &workspace, into: &ids)
    guard remembered.count < Self.mostRemembered else { return }
    let first = Int32(rememberedIDs.count)
    rememberedIDs += ids[start...]
    remembered[word] = first..<Int32(rememberedIDs.count)
  }
}

extension ArraySlice<UInt8> {
  fileprivate func hasSuffix(_ other: [UInt8]) -> Bool {
    suffix(other.count).elementsEqual(other)
  }
}
