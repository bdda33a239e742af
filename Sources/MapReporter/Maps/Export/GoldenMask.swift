import Transformer

/// A small (query × key) mask of each kind of head, to check an implementation of an export with.
///
/// Rows and columns are the positions where something changes, so that a few of them pin down the
/// window in its real size. docs/exports.md says how to use the file.
struct GoldenMask: Encodable {
  let format: String
  let rule: String
  let streaming: Sizes
  /// Where streaming heads stream, where that is not everywhere.
  let phase: String?
  /// The first position after the prompt, where not everything streams.
  let boundary: Int?
  /// What streaming heads see after the prompt, where they stream there alone.
  let after: String?
  let tokens: Int
  let queries: [Int]
  let keys: [Int]
  let masks: Masks
  let fullHeads: [[Int]]
  /// The window of each layer that has one of its own, for which neither mask stands; nil where there is none.
  let ownWindows: [Int?]?

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
    case format, rule, streaming, phase, boundary, after, tokens, queries, keys, masks
    case fullHeads = "full_heads"
    case ownWindows = "own_windows"
  }

  /// The masks of a map whose streaming heads are deployed as `deployment` says.
  init(format: ExportFormat, map: HeadMap, deployment: Deployment) {
    let window = deployment.window
    let (queries, boundary) = Self.queries(deployment, kept: map.window.sink)
    let rule = deployment.rule(boundary: boundary ?? 0)
    let tokens = (queries.last ?? 0) + 2
    let keys = Self.keys(rule, kept: map.window.sink, queries: queries, tokens: tokens)
    func mask(_ sees: (Int, Int) -> Bool) -> [String] {
      queries.map { query in keys.map { sees(query, $0) ? "1" : "0" }.joined() }
    }
    self.format = format.rawValue
    self.rule = rule.sentence
    self.streaming = Sizes(sink: window.sink, recent: window.recent, block: window.block)
    self.phase = boundary.map { _ in deployment.phase.rawValue }
    self.boundary = boundary
    self.after = deployment.phase == .decode ? deployment.after.rawValue : nil
    self.tokens = tokens
    self.queries = queries
    self.keys = keys
    masks = Masks(full: mask { $1 <= $0 }, streaming: mask { rule.sees(query: $0, key: $1) })
    ownWindows = map.model.ownWindows
    fullHeads = map.heads.rows.map { $0.map { $0 ? 1 : 0 } }
  }

  /// Both sides of every edge: sink, window, both together, and a window further on.
  ///
  /// Where the end of the prompt matters, it follows these, and after it come the first two queries, and those
  /// on both sides of the place that a sliding window of the last prompt token leaves.
  private static func queries(
    _ deployment: Deployment, kept sink: Int
  ) -> (queries: [Int], boundary: Int?) {
    let (recent, block) = (deployment.window.recent, deployment.window.block)
    let edges = [sink, recent, sink + recent, sink + 2 * recent]
    let blocks = edges.map { ($0 / block + 1) * block }
    let places = (edges + blocks).flatMap { [$0 - 1, $0] } + [0]
    let queries = Set(places.filter { $0 >= 0 }).sorted()
    guard deployment.phase != .everywhere, let last = queries.last else { return (queries, nil) }
    let boundary = last + 1
    let after = Set([0, 1, recent - 1, recent].map { boundary + $0 }).sorted()
    return (queries + after, boundary)
  }

  private static func keys(
    _ rule: StreamingRule, kept sink: Int, queries: [Int], tokens: Int
  ) -> [Int] {
    let starts = queries.flatMap { [rule.window.start(of: $0), $0 + 1] }
    let edges = starts + [sink] + [rule.kept].compactMap(\.self)
    let places = edges.flatMap { [$0 - 1, $0] } + [0]
    return Set(places.filter { (0..<tokens).contains($0) }).sorted()
  }

  /// The file, `path` below the output folder.
  func file(_ path: String) throws -> ExportedFile {
    try ExportedFile(path: path, json: self)
  }
}
