/// What is done to the text between added tokens before it is split: `normalizer` of a tokenizer.json.
struct TextNormalizer: Sendable {
  private enum Step: Sendable {
    /// Unicode normalisation form C.
    case composed
    /// Puts a text before a text that is not empty.
    case prepend([UInt8])
    case replace(TextReplacement)
  }

  private var steps: [Step] = []

  /// Reads `normalizer`, which may be null.
  init(_ node: JSONNode) throws(TokenizerError) {
    if !node.isNull { try append(node) }
    // A text of n ≥ 1 bytes becomes at most `factor` · n + `added` bytes.
    var (factor, added) = (1.0, 0.0)
    for step in steps {
      switch step {
      case .composed: break
      case .prepend(let prefix): added += Double(prefix.count)
      case .replace(let replacement):
        factor *= replacement.growth
        added *= replacement.growth
      }
      try TokenizerLimits.check(growth: factor + added, at: node)
    }
  }

  private mutating func append(_ node: JSONNode) throws(TokenizerError) {
    switch try node.type() {
    case "NFC":
      steps.append(.composed)
    case "Prepend":
      steps.append(.prepend(Array(try node["prepend"].string().utf8)))
    case "Replace":
      steps.append(.replace(try node.replacement()))
    case "Sequence":
      for part in try node["normalizers"].list() { try append(part) }
      return
    default:
      throw node["type"].unsupported("NFC, Prepend, Replace and Sequence")
    }
    try TokenizerLimits.check(parts: steps.count, at: node)
  }

  /// The normalised text.
  func normalize(_ text: [UInt8]) -> [UInt8] {
    var text = text
    for step in steps {
      switch step {
      case .composed: text = CanonicalComposition.composed(text)
      case .prepend(let prefix): if !text.isEmpty { text = prefix + text }
      case .replace(let replacement): text = replacement.applied(to: text)
      }
    }
    return text
  }
}

extension JSONNode {
  /// What a `Replace` part replaces; the pattern must be a plain text.
  func replacement() throws(TokenizerError) -> TextReplacement {
    let pattern = self["pattern"]
    guard pattern["Regex"].isNull else {
      throw pattern["Regex"].unsupported("plain texts to replace")
    }
    let text = try pattern["String"].string()
    guard !text.isEmpty else { throw pattern["String"].mismatch("a text that is not empty") }
    return TextReplacement(Array(text.utf8), with: Array(try self["content"].string().utf8))
  }
}

/// The replacement of every occurrence of a text, from left to right, in time linear in the text.
///
/// The search is Knuth, Morris and Pratt's: a long pattern that almost occurs everywhere costs no more.
struct TextReplacement: Sendable {
  private let pattern: [UInt8]
  private let content: [UInt8]
  /// For each beginning of the pattern the length of the longest beginning that also ends it.
  private let borders: [Int]

  /// Replaces `pattern`, which is not empty, by `content`.
  init(_ pattern: [UInt8], with content: [UInt8]) {
    (self.pattern, self.content) = (pattern, content)
    var borders = [0]
    var border = 0
    for byte in pattern.dropFirst() {
      while border > 0, byte != pattern[border] { border = borders[border - 1] }
      if byte == pattern[border] { border += 1 }
      borders.append(border)
    }
    self.borders = borders
  }

  /// How many times longer a text can become, at least 1.
  var growth: Double { max(1, Double(content.count) / Double(max(pattern.count, 1))) }

  /// `bytes` with every occurrence replaced.
  func applied(to bytes: some Collection<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    guard let first = pattern.first else { return Array(bytes) }
    if pattern.count == 1 {
      for byte in bytes {
        if byte == first { result += content } else { result.append(byte) }
      }
      return result
    }
    var matched = 0
    for byte in bytes {
      while matched > 0, byte != pattern[matched] { matched = borders[matched - 1] }
      if byte == pattern[matched] { matched += 1 }
      result.append(byte)
      if matched == pattern.count {
        result.removeLast(matched)
        result += content
        matched = 0
      }
    }
    return result
  }
}
