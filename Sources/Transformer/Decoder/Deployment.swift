/// The keys that a streaming head sees: the first `sink` tokens and the last `recent`, the current one
/// included.
///
/// Key j is visible to query i iff j ≤ i and (j < sink or i − j < recent): DuoAttention's and
/// Hugging Face's convention, in which `recent` = 8 reaches seven tokens back. Where the window moves by
/// whole blocks of b tokens, the last condition is ⌊j/b⌋ > ⌊i/b⌋ − recent/b.
public struct StreamingWindow: Sendable, Hashable {
  /// Tokens at the start that stay visible, ≥ 0.
  public var sink: Int
  /// Width of the sliding window with the current token, ≥ 1; a multiple of ``block``.
  public var recent: Int
  /// Tokens that come and go together, ≥ 1.
  public var block: Int

  /// A window of `sink` first tokens and `recent` last ones.
  public init(sink: Int, recent: Int, block: Int = 1) {
    self.sink = sink
    self.recent = recent
    self.block = block
  }

  /// Whether key `key` is visible to query `query`, both token positions.
  public func sees(query: Int, key: Int) -> Bool {
    key <= query && (key < sink || key >= start(of: query))
  }

  /// The first key inside the window of `query`; negative where the window reaches past the start.
  package func start(of query: Int) -> Int {
    block == 1 ? query - recent + 1 : (query / block - recent / block + 1) * block
  }
}

extension StreamingWindow: Codable {
  private enum CodingKeys: String, CodingKey { case sink, recent, block }

  /// Reads sink and recent; a block that is not there is 1.
  public init(from decoder: any Decoder) throws {
    let given = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      sink: try given.decode(Int.self, forKey: .sink),
      recent: try given.decode(Int.self, forKey: .recent),
      block: try given.decodeIfPresent(Int.self, forKey: .block) ?? 1)
  }

  /// Writes sink and recent, and a block that is not 1.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(sink, forKey: .sink)
    try container.encode(recent, forKey: .recent)
    if block != 1 { try container.encode(block, forKey: .block) }
  }
}

/// How a runtime applies a map: where its streaming heads stream, and what they see there.
public struct Deployment: Sendable, Hashable {
  /// Where streaming heads stream; elsewhere they see all keys up to the query.
  public enum Phase: String, CaseIterable, Sendable {
    /// In the prompt and after it.
    case everywhere
    /// After the prompt, which is read with full attention: the cache is pruned then.
    case decode
    /// In the prompt alone.
    case prompt
  }

  /// Where the prompt ends.
  public enum Boundary: String, CaseIterable, Sendable {
    /// Before the questions, as for a cache that is pruned before a question is known.
    case question
    /// Before the first answer.
    case answer
  }

  /// What streaming heads see after the prompt.
  public enum After: String, CaseIterable, Sendable {
    /// The sink and a window that slides over all tokens.
    case slide
    /// The sink, the prompt's last `recent` keys and every later token: the cache is pruned once.
    case keep
  }

  /// What streaming heads see where they stream.
  public var window: StreamingWindow
  /// Where they stream.
  public var phase: Phase
  /// Where the prompt ends.
  public var boundary: Boundary
  /// What they see after it.
  public var after: After

  /// A deployment; streaming everywhere if nothing else is said.
  public init(
    _ window: StreamingWindow, phase: Phase = .everywhere, boundary: Boundary = .question,
    after: After = .slide
  ) {
    self.window = window
    self.phase = phase
    self.boundary = boundary
    self.after = after
  }

  /// What is seen of a sample whose prompt ends before position `boundary`.
  package func rule(boundary: Int) -> StreamingRule {
    switch phase {
    case .everywhere: StreamingRule(window)
    case .prompt: StreamingRule(window, queries: 0..<boundary)
    case .decode:
      StreamingRule(
        window, queries: boundary..<Int.max,
        kept: after == .keep ? max(0, boundary - window.recent) : nil)
    }
  }
}

extension Deployment {
  /// Whether streaming heads stream everywhere, to the token: nothing but sink and recent need be said.
  package var isPlain: Bool { self == Deployment(window) && window.block == 1 }

  /// Short words that tell one deployment from every other: `everywhere 16+64`, `decode 16+64 keep`.
  public var name: String {
    var words = [phase.rawValue, "\(window.sink)+\(window.recent)"]
    if window.block > 1 { words.append("blocks of \(window.block)") }
    if after == .keep { words.append(after.rawValue) }
    if boundary == .answer { words.append("answer") }
    return words.joined(separator: " ")
  }

  /// The same as a phrase for people.
  package var title: String {
    let place =
      switch phase {
      case .everywhere: "streaming everywhere"
      case .decode:
        after == .keep ? "cache pruned once after the prompt" : "streaming in decoding only"
      case .prompt: "streaming in the prompt only"
      }
    let sink = window.sink == 0 ? "no sink" : "sink \(window.sink)"
    let block = window.block > 1 ? ", blocks of \(window.block)" : ""
    let end = boundary == .answer ? ", the question in the prompt" : ""
    return "\(place), \(sink), recent \(window.recent)\(block)\(end)"
  }
}

/// What streaming heads see of one sample: the rule of visibility that every computation goes by.
///
/// Query i sees key j iff j ≤ i and one of these holds: i is not among ``queries``; j < sink; j is in the window
/// of i; or, where the cache was pruned once, j ≥ ``kept``.
public struct StreamingRule: Sendable, Hashable {
  /// The sink and the window.
  public var window: StreamingWindow
  /// The positions whose queries stream; the others see all keys.
  package var queries: Range<Int>
  /// The first key after the sink that all of these queries see, where the window does not slide.
  package var kept: Int?

  /// The rule of `window` for the positions in `queries`.
  package init(_ window: StreamingWindow, queries: Range<Int> = 0..<Int.max, kept: Int? = nil) {
    self.window = window
    self.queries = queries
    self.kept = kept
  }

  /// Whether key `key` is visible to query `query`, both token positions.
  package func sees(query: Int, key: Int) -> Bool {
    guard key <= query, queries.contains(query), key >= window.sink else { return key <= query }
    return key >= (kept ?? window.start(of: query))
  }

  /// The rule in one sentence: i is the query's position, j the key's.
  package var sentence: String {
    let (sink, recent, block) = (window.sink, window.recent, window.block)
    let slides = block == 1 ? "i - j < \(recent)" : "j/\(block) > i/\(block) - \(recent / block)"
    let conditions = [
      queries.lowerBound > 0 ? "i < \(queries.lowerBound)" : nil,
      queries.upperBound < Int.max ? "i >= \(queries.upperBound)" : nil,
      sink > 0 ? "j < \(sink)" : nil, kept.map { "j >= \($0)" } ?? slides,
    ].compactMap(\.self)
    let all = conditions.joined(separator: " or ")
    let division = kept == nil && block > 1 ? ", / dividing to whole numbers" : ""
    return "a streaming head sees key j from query i when j <= i and "
      + (conditions.count > 1 ? "(\(all))" : all) + division
  }

  /// What the queries that stream see.
  package var visibility: Visibility {
    kept.map { .kept(sink: window.sink, from: $0) } ?? .streaming(window)
  }

  /// The rows in pieces that see alike, each with its place among the rows.
  func pieces(of rows: RowSet) -> [(set: RowSet, place: Range<Int>, visibility: Visibility)] {
    let (start, end) = (queries.lowerBound, queries.upperBound)
    return [
      (rows.part(of: 0..<start), Visibility.causal), (rows.part(of: start..<end), visibility),
      (rows.part(of: end..<Int.max), .causal),
    ].compactMap { part, visibility in
      part.place.isEmpty ? nil : (part.set, part.place, visibility)
    }
  }

  /// Whether all of `rows` stream.
  package func covers(_ rows: RowSet) -> Bool {
    let first = rows.sink > 0 ? 0 : rows.tail.lowerBound
    return queries.lowerBound <= first && rows.tail.upperBound <= queries.upperBound
  }
}
