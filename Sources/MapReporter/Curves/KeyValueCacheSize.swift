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
  ///   - own: The window of each layer that has one of its own, (L) with nil for the others; nil for none.
  ///   - context: Length in tokens.
  ///   - headDim: D.
  ///   - bytesPerValue: 4 for float32, 2 for 16-bit caches.
  /// - Returns: Bytes for one sequence.
  package static func bytes(
    _ heads: HeadSet, _ deployment: Deployment, own: [Int?]? = nil, context: Int, headDim: Int,
    bytesPerValue: Int
  ) -> Int {
    2 * headDim * bytesPerValue * tokens(heads, deployment, own, context: context)
  }

  /// The share of the cache of the model as it was trained that a map saves at `context` tokens, 0…1.
  package static func savedShare(
    _ heads: HeadSet, _ deployment: Deployment, own: [Int?]? = nil, context: Int
  ) -> Double {
    guard heads.count > 0, context > 0 else { return 0 }
    let full = HeadSet(heads.rows.map { $0.map { _ in true } })
    return 1 - Double(tokens(heads, deployment, own, context: context))
      / Double(tokens(full, deployment, own, context: context))
  }

  private static func tokens(
    _ heads: HeadSet, _ deployment: Deployment, _ own: [Int?]?, context: Int
  ) -> Int {
    let window = deployment.window
    let short = deployment.phase == .prompt ? context : min(context, window.sink + window.recent)
    return heads.rows.enumerated().reduce(0) { sum, layer in
      if let own = own?[layer.offset] { return sum + layer.element.count * min(context, own) }
      return sum + layer.element.reduce(0) { $0 + ($1 ? context : short) }
    }
  }
}
