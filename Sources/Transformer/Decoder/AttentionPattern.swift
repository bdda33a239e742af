/// Which key-value heads see the whole context, layer by layer; the others are streaming heads.
public struct AttentionPattern: Sendable, Hashable {
  /// The heads that see the whole context.
  public var heads: HeadSet
  /// What every streaming head sees.
  public var streaming: StreamingRule

  /// A pattern of `heads` that see the whole context, and others that see what `streaming` says.
  package init(_ heads: HeadSet, _ streaming: StreamingRule) {
    self.heads = heads
    self.streaming = streaming
  }

  /// A pattern of `heads` that see the whole context, and others that see `window` everywhere.
  public init(_ heads: HeadSet, window: StreamingWindow) {
    self.init(heads, StreamingRule(window))
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

  /// The model as it was trained: every head of its global layers sees the whole context.
  public static func full(_ configuration: ModelConfiguration) -> AttentionPattern {
    AttentionPattern(
      retrievalLayers: configuration.kinds.map { $0.window == nil },
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
  let streaming: StreamingRule?
}

extension LayerKind {
  /// The layer's own window, which has no sink; nil for a global layer.
  package var ownWindow: StreamingWindow? { window.map { StreamingWindow(sink: 0, recent: $0) } }

  /// What every head sees in the model as it was trained.
  package var ownVisibility: Visibility { ownWindow.map { .streaming($0) } ?? .causal }

  /// What decides the output of layer number `layer`, one of this kind, under `pattern`: its own window alone where it
  /// has one, whatever the pattern says.
  func attention(under pattern: AttentionPattern, layer: Int) -> LayerAttention {
    let heads = pattern.isRetrieval[layer]
    if let ownWindow {
      return LayerAttention(
        isRetrieval: heads.map { _ in false }, streaming: StreamingRule(ownWindow))
    }
    return LayerAttention(
      isRetrieval: heads, streaming: heads.contains(false) ? pattern.streaming : nil)
  }
}
