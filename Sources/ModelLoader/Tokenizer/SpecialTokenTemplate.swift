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
