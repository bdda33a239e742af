/// What a streaming head of a runtime sees, as that runtime counts.
///
/// From query i a key j is visible iff j ≤ i and (j < sink or ⌊j/block⌋ > ⌊i/block⌋ − recent/block).
/// With blocks of one token the last is i − j < recent: the window counts the current token.
struct VisibilityRule: Hashable, Sendable {
  /// First tokens that stay visible.
  let sink: Int
  /// Width of the window in tokens, a multiple of ``block``.
  let recent: Int
  /// Tokens that come and go together.
  let block: Int

  init(sink: Int, recent: Int, block: Int = 1) {
    self.sink = sink
    self.recent = recent
    self.block = block
  }

  func sees(query: Int, key: Int) -> Bool {
    key <= query && (key < sink || key >= windowStart(query))
  }

  /// The first key inside the window of `query`; negative where the window reaches past the start.
  func windowStart(_ query: Int) -> Int {
    (query / block - recent / block + 1) * block
  }

  /// The rule in one sentence.
  var sentence: String {
    let edge = block == 1 ? "i - j < \(recent)" : "j/\(block) > i/\(block) - \(recent / block)"
    let window = sink > 0 ? "(j < \(sink) or \(edge))" : edge
    let division = block == 1 ? "" : ", / dividing to whole numbers"
    return "a streaming head sees key j from query i when j <= i and \(window)\(division)"
  }
}

/// A small (query × key) mask of each kind of head, to check an implementation of an export with.
///
/// Rows and columns are the positions where something changes, so that a few of them pin down the
/// window in its real size. docs/exports.md says how to use the file.
struct GoldenMask: Encodable {
  let format: String
  let rule: String
  let streaming: Sizes
  let tokens: Int
  let queries: [Int]
  let keys: [Int]
  let masks: Masks
  let fullHeads: [[Int]]

  /// The streaming window as the runtime applies it.
  struct Sizes: Encodable {
    let sink: Int
    let recent: Int
    let block: Int
  }

  /// One line per query, one digit per key: 1 is visible.
  struct Masks: Encodable {
    let full: [String]
    let streaming: [String]
  }

  enum CodingKeys: String, CodingKey {
    case format, rule, streaming, tokens, queries, keys, masks
    case fullHeads = "full_heads"
  }

  /// The masks of a map whose streaming heads follow `rule`; `kept` is the map's own sink.
  init(format: ExportFormat, map: HeadMap, rule: VisibilityRule) {
    let queries = Self.queries(rule, kept: map.window.sink)
    let tokens = (queries.last ?? 0) + 2
    let keys = Self.keys(rule, kept: map.window.sink, queries: queries, tokens: tokens)
    func mask(_ sees: (Int, Int) -> Bool) -> [String] {
      queries.map { query in keys.map { sees(query, $0) ? "1" : "0" }.joined() }
    }
    self.format = format.rawValue
    self.rule = rule.sentence
    self.streaming = Sizes(sink: rule.sink, recent: rule.recent, block: rule.block)
    self.tokens = tokens
    self.queries = queries
    self.keys = keys
    masks = Masks(full: mask { $1 <= $0 }, streaming: mask { rule.sees(query: $0, key: $1) })
    fullHeads = map.heads.rows.map { $0.map { $0 ? 1 : 0 } }
  }

  /// Both sides of every edge: sink, window, both together, and a window further on.
  private static func queries(_ rule: VisibilityRule, kept sink: Int) -> [Int] {
    let edges = [sink, rule.recent, sink + rule.recent, sink + 2 * rule.recent]
    let blocks = edges.map { ($0 / rule.block + 1) * rule.block }
    let places = (edges + blocks).flatMap { [$0 - 1, $0] } + [0]
    return Set(places.filter { $0 >= 0 }).sorted()
  }

  private static func keys(
    _ rule: VisibilityRule, kept sink: Int, queries: [Int], tokens: Int
  ) -> [Int] {
    let edges = queries.flatMap { [rule.windowStart($0), $0 + 1] } + [sink]
    let places = edges.flatMap { [$0 - 1, $0] } + [0]
    return Set(places.filter { (0..<tokens).contains($0) }).sorted()
  }

  /// The file, `path` below the output folder.
  func file(_ path: String) throws -> ExportedFile {
    try ExportedFile(path: path, json: self)
  }
}
