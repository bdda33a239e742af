/// The keys a streaming head sees: the first `sink` tokens and the last `recent`, the current one
/// included.
///
/// Key j is visible to query i iff j ≤ i and (j < sink or i − j < recent): DuoAttention's and
/// Hugging Face's convention, in which `recent` = 8 reaches seven tokens back.
public struct StreamingWindow: Sendable, Hashable, Codable {
  /// Tokens at the start that stay visible, ≥ 0.
  public var sink: Int
  /// Width of the sliding window with the current token, ≥ 1.
  public var recent: Int

  /// A window of `sink` first tokens and `recent` last ones.
  public init(sink: Int, recent: Int) {
    self.sink = sink
    self.recent = recent
  }

  /// Whether key `key` is visible to query `query`, both token positions.
  public func sees(query: Int, key: Int) -> Bool {
    key <= query && (key < sink || query - key < recent)
  }
}

/// Which key-value heads see the whole context, layer by layer; the others are streaming heads.
public struct AttentionPattern: Sendable, Hashable {
  /// The heads that see the whole context.
  public var heads: HeadSet
  /// What every streaming head sees.
  public var window: StreamingWindow

  /// A pattern of `heads` that see the whole context, and others that see `window`.
  public init(_ heads: HeadSet, window: StreamingWindow) {
    self.heads = heads
    self.window = window
  }

  /// A pattern from one flag per layer and key-value head, (L, K).
  public init(isRetrieval: [[Bool]], window: StreamingWindow) {
    self.init(HeadSet(isRetrieval), window: window)
  }

  /// `isRetrieval[layer][head]`, (L, K): true for a retrieval head (full attention).
  public var isRetrieval: [[Bool]] {
    get { heads.rows }
    set { heads.rows = newValue }
  }

  /// A layer-exclusive pattern: layer l is retrieval in all its heads, or streaming in all.
  public init(retrievalLayers: [Bool], keyValueHeads: Int, window: StreamingWindow) {
    self.init(HeadSet(retrievalLayers: retrievalLayers, heads: keyValueHeads), window: window)
  }

  /// Every head sees the whole context.
  public static func full(_ configuration: ModelConfiguration) -> AttentionPattern {
    AttentionPattern(
      retrievalLayers: Array(repeating: true, count: configuration.layers),
      keyValueHeads: configuration.keyValueHeads, window: StreamingWindow(sink: 0, recent: 1))
  }

  /// Every head is a streaming head.
  public static func streaming(
    _ configuration: ModelConfiguration, window: StreamingWindow
  ) -> AttentionPattern {
    AttentionPattern(
      retrievalLayers: Array(repeating: false, count: configuration.layers),
      keyValueHeads: configuration.keyValueHeads, window: window)
  }
}

/// What of a pattern decides the output of one layer.
struct LayerAttention: Hashable {
  /// Which key-value heads see the whole context, (K).
  let isRetrieval: [Bool]
  /// What the others see; nil where there are none.
  let window: StreamingWindow?
}

extension AttentionPattern {
  /// What decides the output of `layer`.
  func attention(of layer: Int) -> LayerAttention {
    let heads = isRetrieval[layer]
    return LayerAttention(isRetrieval: heads, window: heads.contains(false) ? window : nil)
  }
}
