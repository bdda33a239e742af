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
