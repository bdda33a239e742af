import Transformer

/// How large the KV cache is under a pattern, at a stated length.
package enum KeyValueCacheSize {
  /// Bytes of keys and values: 2 · D · bytes per value · Σ over heads of the tokens kept.
  ///
  /// A retrieval head keeps all `context` tokens, a streaming head at most sink + recent.
  ///
  /// - Parameters:
  ///   - pattern: Kinds of heads, (L, K), and the window.
  ///   - context: Length in tokens.
  ///   - headDim: D.
  ///   - bytesPerValue: 4 for float32, 2 for 16-bit caches.
  /// - Returns: Bytes for one sequence.
  package static func bytes(
    _ pattern: AttentionPattern, context: Int, headDim: Int, bytesPerValue: Int
  ) -> Int {
    2 * headDim * bytesPerValue * tokens(pattern, context: context)
  }

  /// The share of the full cache that `pattern` saves at `context` tokens, 0…1.
  package static func savedShare(_ pattern: AttentionPattern, context: Int) -> Double {
    let heads = pattern.isRetrieval.reduce(0) { $0 + $1.count }
    guard heads > 0, context > 0 else { return 0 }
    return 1 - Double(tokens(pattern, context: context)) / Double(heads * context)
  }

  private static func tokens(_ pattern: AttentionPattern, context: Int) -> Int {
    let short = min(context, pattern.window.sink + pattern.window.recent)
    return pattern.isRetrieval.reduce(0) { sum, heads in
      sum + heads.reduce(0) { $0 + ($1 ? context : short) }
    }
  }
}
