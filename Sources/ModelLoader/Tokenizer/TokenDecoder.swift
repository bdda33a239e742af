/// How tokens become text again: `decoder` of a tokenizer.json.
struct TokenDecoder: Sendable {
  private enum Step: Sendable {
    /// Characters of ``ByteAlphabet`` become the bytes they stand for; tokens are joined.
    case byteLevel
    case replace(TextReplacement)
    /// Runs of tokens like `<0x0A>` become the text of these bytes, or U+FFFD for each.
    case byteFallback
    /// All tokens become one.
    case fuse
    /// Takes up to so many of a character off the start and the end of each token.
    case strip(content: [UInt8], start: Int, stop: Int)
    /// SentencePiece's mark becomes a space, or nothing in the first token.
    case metaspace(first: TextReplacement, others: TextReplacement)
    /// A space between tokens: what is done where there is no decoder.
    case joinWithSpaces
  }

  private var steps: [Step] = []

  /// Reads `decoder`, which may be null.
  init(_ node: JSONNode) throws(TokenizerError) {
    if node.isNull { steps = [.joinWithSpaces] } else { try append(node) }
    let growth = steps.reduce(1.0) { growth, step in
      if case .replace(let replacement) = step { growth * replacement.growth } else { growth }
    }
    try TokenizerLimits.check(growth: growth, at: node)
  }

  private mutating func append(_ node: JSONNode) throws(TokenizerError) {
    switch try node.type() {
    case "Sequence":
      for part in try node["decoders"].list() { try append(part) }
      return
    case "ByteLevel": steps.append(.byteLevel)
    case "ByteFallback": steps.append(.byteFallback)
    case "Fuse": steps.append(.fuse)
    case "Replace":
      steps.append(.replace(try node.replacement()))
    case "Strip":
      steps.append(
        .strip(
          content: Array(try node["content"].string().utf8), start: try node["start"].count(),
          stop: try node["stop"].count()))
    case "Metaspace":
      let scheme = try node["prepend_scheme"].isNull ? "always" : node["prepend_scheme"].string()
      let mark = try node.mark()
      let space = TextReplacement(mark, with: [UInt8(ascii: " ")])
      steps.append(
        .metaspace(
          first: scheme == "never" ? space : TextReplacement(mark, with: []), others: space))
    default:
      throw node["type"].unsupported(
        "ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace and Sequence")
    }
    try TokenizerLimits.check(parts: steps.count, at: node)
  }

  /// The text of the tokens; bytes that are not UTF-8 read as U+FFFD.
  func decode(_ tokens: consuming TextList) -> String {
    for step in steps { tokens = Self.applied(step, to: tokens) }
    return String(decoding: tokens.bytes, as: UTF8.self)
  }

  /// The bytes that one token adds to a text; `isFirst` says that it is the first there.
  func bytes(of token: String, isFirst: Bool) -> [UInt8] {
    var bytes = Array(token.utf8)
    var isFused = false
    for step in steps {
      switch step {
      case .byteLevel: bytes = Self.bytes(ofSpelled: bytes)
      case .replace(let replacement): bytes = replacement.applied(to: bytes)
      case .byteFallback: if let byte = Self.byteValue(bytes) { bytes = [byte] }
      case .fuse: isFused = true
      case .strip(let content, let start, let stop):
        // Of what is one text, only the first token has the start.
        if !isFused {
          bytes = Self.stripped(bytes, of: content, start: start, stop: stop)
        } else if isFirst {
          bytes = Self.stripped(bytes, of: content, start: start, stop: 0)
        }
      case .metaspace(let first, let others): bytes = (isFirst ? first : others).applied(to: bytes)
      case .joinWithSpaces: if !isFirst { bytes.insert(UInt8(ascii: " "), at: 0) }
      }
    }
    return bytes
  }

  private static func applied(_ step: Step, to tokens: TextList) -> TextList {
    switch step {
    case .byteLevel:
      let spelled = tokens.map { _, token in bytes(ofSpelled: Array(token)) }
      return TextList(String(decoding: spelled.bytes, as: UTF8.self).utf8)
    case .replace(let replacement):
      return tokens.map { _, token in replacement.applied(to: token) }
    case .byteFallback:
      return joiningByteTokens(tokens)
    case .fuse:
      return TextList(tokens.bytes)
    case .strip(let content, let start, let stop):
      return tokens.map { _, token in stripped(Array(token), of: content, start: start, stop: stop)
      }
    case .metaspace(let first, let others):
      return tokens.map { index, token in (index == 0 ? first : others).applied(to: token) }
    case .joinWithSpaces:
      let space = [UInt8(ascii: " ")]
      return TextList(
        tokens.map { index, token in index == 0 ? Array(token) : space + token }.bytes)
    }
  }

  /// The bytes that a token spells; its own where a character of it stands for no byte.
  private static func bytes(ofSpelled token: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    var index = 0
    while index < token.count {
      let (scalar, next) = UTF8Text.scalar(in: token, at: index)
      guard let byte = ByteAlphabet.byte(for: scalar) else { return token }
      bytes.append(byte)
      index = next
    }
    return bytes
  }

  private static func joiningByteTokens(_ tokens: TextList) -> TextList {
    var joined = TextList()
    var pending: [UInt8] = []
    func flush() {
      if pending.isEmpty { return }
      if String(validating: pending, as: UTF8.self) != nil {
        joined.append(pending)
      } else {
        for _ in pending { joined.append("\u{FFFD}".utf8) }
      }
      pending.removeAll()
    }
    for index in 0..<tokens.count {
      let token = tokens[index]
      if let byte = byteValue(token) {
        pending.append(byte)
      } else {
        flush()
        joined.append(token)
      }
    }
    flush()
    return joined
  }

  /// The byte that a token like `<0x0A>` names.
  private static func byteValue(_ token: some Collection<UInt8>) -> UInt8? {
    guard token.count == 6, token.starts(with: "<0x".utf8) else { return nil }
    let end = Array(token.suffix(3))
    guard end[2] == UInt8(ascii: ">") else { return nil }
    return UInt8(String(decoding: end[..<2], as: UTF8.self), radix: 16)
  }

  private static func stripped(
    _ token: [UInt8], of content: [UInt8], start: Int, stop: Int
  ) -> [UInt8] {
    if content.isEmpty { return token }
    var rest = token[...]
    for _ in 0..<start {
      guard rest.starts(with: content) else { break }
      rest = rest.dropFirst(content.count)
    }
    for _ in 0..<stop {
      guard rest.suffix(content.count).elementsEqual(content) else { break }
      rest = rest.dropLast(content.count)
    }
    return Array(rest)
  }
}

/// The special tokens around a text, such as the one that begins a sequence: `post_processor` of a
/// tokenizer.json.
struct SpecialTokenTemplate: Sendable {
  /// Tokens before the text.
  private(set) var prefix: [Int32] = []
  /// Tokens after the text.
  private(set) var suffix: [Int32] = []

  private var parts = 0

  /// Reads `post_processor`, which may be null.
  init(_ node: JSONNode) throws(TokenizerError) {
    if !node.isNull { try append(node) }
  }

  private mutating func append(_ node: JSONNode) throws(TokenizerError) {
    parts += 1
    try TokenizerLimits.check(parts: parts, at: node)
    switch try node.type() {
    case "ByteLevel":
      break  // It moves offsets, which are not kept here.
    case "Sequence":
      for part in try node["processors"].list() { try append(part) }
    case "TemplateProcessing":
      try appendTemplate(node)
    default:
      throw node["type"].unsupported("TemplateProcessing, ByteLevel and Sequence")
    }
  }

  private mutating func appendTemplate(_ node: JSONNode) throws(TokenizerError) {
    var (before, after): ([Int32], [Int32]) = ([], [])
    var seenText = false
    let items = try node["single"].list()
    func check(_ count: Int, _ place: JSONNode) throws(TokenizerError) {
      guard prefix.count + suffix.count + count <= TokenizerLimits.templateTokens else {
        throw .unsupported(
          place: place.path, found: "a template of many tokens",
          supported: "at most \(TokenizerLimits.templateTokens) tokens around a text")
      }
    }
    try check(items.count - 1, node["single"])
    for item in items {
      if item["Sequence"].isNull {
        let name = try item["SpecialToken"]["id"].string()
        let list = try node["special_tokens"][name]["ids"].list()
        try check(before.count + after.count + list.count, item)
        let ids = try list.map { (id) throws(TokenizerError) in try id.tokenID() }
        if seenText { after += ids } else { before += ids }
      } else if seenText {
        throw item.mismatch("the only place of the text")
      } else {
        seenText = true
      }
    }
    guard seenText else { throw node["single"].mismatch("a template with a place for the text") }
    prefix = before + prefix
    suffix += after
  }
}
