import Transformer

/// How large the KV cache is under a map, at a stated length.
package enum KeyValueCacheSize {
  /// Bytes of keys and values: 2 · D · bytes per value · Σ over heads of the tokens kept.
  ///
  /// A retrieval head keeps all `context` tokens, a streaming head at most sink + recent; one that streams in the
  /// prompt alone keeps all.
  ///
  /// - Parameters:
  ///   - heads: Kinds of heads, (L, K).
  ///   - deployment: What streaming heads see, and where.
  ///   - context: Length in tokens.
  ///   - headDim: D.
  ///   - bytesPerValue: 4 for float32, 2 for 16-bit caches.
  /// - Returns: Bytes for one sequence.
  package static func bytes(
    _ heads: HeadSet, _ deployment: Deployment, context: Int, headDim: Int, bytesPerValue: Int
  ) -> Int {
    2 * headDim * bytesPerValue * tokens(heads, deployment, context: context)
  }

  /// The share of the full cache that a map saves at `context` tokens, 0…1.
  package static func savedShare(
    _ heads: HeadSet, _ deployment: Deployment, context: Int
  ) -> Double {
    guard heads.count > 0, context > 0 else { return 0 }
    return 1 - Double(tokens(heads, deployment, context: context)) / Double(heads.count * context)
  }

  private static func tokens(_ heads: HeadSet, _ deployment: Deployment, context: Int) -> Int {
    let window = deployment.window
    let short = deployment.phase == .prompt ? context : min(context, window.sink + window.recent)
    return heads.rows.reduce(0) { sum, heads in
      sum + heads.reduce(0) { $0 + ($1 ? context : short) }
    }
  }
}
