/// The special tokens around a text, such as the one that begins a sequence: `post_processor` of a
/// tokenizer.json.
struct SpecialTokenTemplate: Sendable {
  /// Tokens before the text.
  private(set) var prefix: [Int32] = []
  /// Tokens after the text.
  private(set) var suffix: [Int32] = []

  /// Reads `post_processor`, which may be null.
  init(_ node: JSONNode) throws(TokenizerError) {
    if !node.isNull { try append(node) }
  }

  private mutating func append(_ node: JSONNode) throws(TokenizerError) {
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
    for item in try node["single"].list() {
      if item["Sequence"].isNull {
        let name = try item["SpecialToken"]["id"].string()
        let ids = try node["special_tokens"][name]["ids"].list()
          .map { (id) throws(TokenizerError) in try id.tokenID() }
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
