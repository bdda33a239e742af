/// What is done to the text between added tokens before it is split: `normalizer` of a tokenizer.json.
struct TextNormalizer: Sendable {
  private enum Step: Sendable {
    /// Unicode normalisation form C.
    case composed
    /// Puts a text before a text that is not empty.
    case prepend([UInt8])
    /// Replaces every occurrence of a text.
    case replace(pattern: [UInt8], content: [UInt8])
  }

  private var steps: [Step] = []

  /// How many times longer the steps may make a text, each replacement by its own ratio.
  private static let largestGrowth = 64.0

  /// Reads `normalizer`, which may be null.
  init(_ node: JSONNode) throws(TokenizerError) {
    if !node.isNull { try append(node) }
    let growth = steps.reduce(1.0) { growth, step in
      guard case .replace(let pattern, let content) = step else { return growth }
      return growth * max(1, Double(content.count) / Double(pattern.count))
    }
    guard growth <= Self.largestGrowth else {
      throw .unsupported(
        place: node.path, found: "a chain of replacements that lengthens texts \(growth) times",
        supported: "replacements that lengthen them at most \(Int(Self.largestGrowth)) times")
    }
  }

  private mutating func append(_ node: JSONNode) throws(TokenizerError) {
    switch try node.type() {
    case "NFC":
      steps.append(.composed)
    case "Prepend":
      steps.append(.prepend(Array(try node["prepend"].string().utf8)))
    case "Replace":
      let (pattern, content) = try node.replacement()
      steps.append(.replace(pattern: pattern, content: content))
    case "Sequence":
      for part in try node["normalizers"].list() { try append(part) }
    default:
      throw node["type"].unsupported("NFC, Prepend, Replace and Sequence")
    }
  }

  /// The normalised text.
  func normalize(_ text: [UInt8]) -> [UInt8] {
    var text = text
    for step in steps {
      switch step {
      case .composed: text = CanonicalComposition.composed(text)
      case .prepend(let prefix): if !text.isEmpty { text = prefix + text }
      case .replace(let pattern, let content):
        text = UTF8Text.replacing(pattern, with: content, in: text)
      }
    }
    return text
  }
}

extension JSONNode {
  /// The pattern and the content of a `Replace` part; the pattern must be a plain text.
  func replacement() throws(TokenizerError) -> (pattern: [UInt8], content: [UInt8]) {
    let pattern = self["pattern"]
    guard pattern["Regex"].isNull else {
      throw pattern["Regex"].unsupported("plain texts to replace")
    }
    let text = try pattern["String"].string()
    guard !text.isEmpty else { throw pattern["String"].mismatch("a text that is not empty") }
    return (Array(text.utf8), Array(try self["content"].string().utf8))
  }
}
