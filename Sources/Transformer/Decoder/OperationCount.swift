/// Floating-point operations, a multiply-add counted as two.
package struct Operations: Sendable, Equatable {
  /// Products with weight matrices.
  package var projections = 0
  /// Products of queries, keys and values, and of their gradients.
  package var attention = 0

  /// No operations.
  package init() {}

  /// All of them.
  package var total: Int { projections + attention }

  /// The operations of both.
  package static func + (a: Operations, b: Operations) -> Operations {
    var sum = a
    sum.projections += b.projections
    sum.attention += b.attention
    return sum
  }
}

/// Counts what the mathematics asks for, whatever the implementation does.
///
/// Only rows that the wanted rows depend on count, only visible query-key pairs, and no work that is
/// linear in the elements: norms, RoPE, the exponential, SwiGLU, residuals. A layer whose
/// input has n rows, and whose output has m rows that see p pairs (docs/shapes.md for the letters), costs
///
///     k, v          4·n·C·K·D
///     q, o          4·m·C·H·D
///     gate, up, down  6·m·C·F; of experts 6·m·C·F·k, k of them active, and 2·m·C·E for the router
///     attention     4·D per pair and query head: q·kᵀ and P·v
package struct OperationCount: Sendable {
  /// The model's sizes.
  package let c: ModelConfiguration

  /// Counts for a model of these sizes.
  package init(_ configuration: ModelConfiguration) {
    c = configuration
  }

  /// ``DecoderModel/finalHidden(_:pattern:rows:)`` at `rows`.
  ///
  /// For a prefill that only fills the caches, `rows` is the last position.
  package func prefill(_ pattern: AttentionPattern, rows: Range<Int>) -> Operations {
    let plan = c.rowPlan(pattern, output: RowSet(sink: 0, tail: rows))
    return (0..<c.layers).reduce(Operations()) { sum, layer in
      sum + forward(pattern, layer: layer, input: plan[layer], output: plan[layer + 1])
    }
  }

  /// Attention alone, one layer, every position a query; causal if `window` is nil.
  package func attention(tokens: Int, window: StreamingWindow?) -> Operations {
    var result = Operations()
    result.attention = 4 * c.headDim * c.queryHeads * RowSet.all(tokens).visiblePairs(window)
    return result
  }

  private func forward(
    _ pattern: AttentionPattern, layer: Int, input: RowSet, output: RowSet
  ) -> Operations {
    let seen = c.kinds[layer].attention(under: pattern, layer: layer)
    let retrieval = seen.isRetrieval.count { $0 }
    let streamed = seen.streaming.map { output.visiblePairs($0) } ?? 0
    let pairs =
      retrieval * output.visiblePairs(nil) + (c.keyValueHeads - retrieval) * streamed
    var result = Operations()
    result.projections =
      4 * input.count * c.hidden * c.keyValueHeads * c.headDim
      + output.count * c.hidden * 4 * c.queryHeads * c.headDim
      + output.count * c.feedForwardOperations(layer: layer)
    result.attention = 4 * c.headDim * c.groupSize * pairs
    return result
  }
}

extension StreamingRule {
  /// Keys that the query at `position` sees.
  package func visibleKeys(at position: Int) -> Int {
    RowSet(sink: 0, tail: position..<position + 1).visiblePairs(self)
  }
}

extension RowSet {
  /// Query-key pairs of these rows as queries that stream as `rule` says.
  package func visiblePairs(_ rule: StreamingRule) -> Int {
    rule.pieces(of: self).reduce(0) { sum, piece in
      sum + piece.set.visiblePairs(piece.visibility)
    }
  }

  private func visiblePairs(_ visibility: Visibility) -> Int {
    guard visibility.from > 0 || visibility.window.block > 1 else {
      return visiblePairs(visibility.window)
    }
    return runs.flatMap(\.positions).reduce(0) { sum, position in
      let (sink, recent) = visibility.positions(seenBy: position..<position + 1)
      return sum + sink.count + recent.count
    }
  }

  /// Query-key pairs of these rows as queries everywhere; causal attention if `window` is nil.
  package func visiblePairs(_ window: StreamingWindow?) -> Int {
    runs.reduce(0) { sum, run in
      sum + Self.pairs(before: run.positions.upperBound, window)
        - Self.pairs(before: run.positions.lowerBound, window)
    }
  }

  /// Pairs of the first `count` queries: query i of i + 1 = m keys sees min(m, sink) of the sink's and
  /// min(m − sink, recent) of the others.
  private static func pairs(before count: Int, _ window: StreamingWindow?) -> Int {
    guard let window else { return cappedSum(count, cap: count) }
    return cappedSum(count, cap: window.sink) + cappedSum(count - window.sink, cap: window.recent)
  }

  /// Σ min(m, cap) over m = 1 … count; 0 where `count` is negative.
  private static func cappedSum(_ count: Int, cap: Int) -> Int {
    let rising = max(min(count, cap), 0)
    return rising * (rising + 1) / 2 + max(count - cap, 0) * cap
  }
}

extension ModelConfiguration {
  /// Features of the feed-forward block that one row passes, in the layer in which they are most.
  package var activeFeedForward: Int {
    kinds.map { $0.experts.map { $0.width * $0.active } ?? feedForward }.max() ?? feedForward
  }

  /// Operations of the feed-forward block's products for one row.
  package func feedForwardOperations(layer: Int) -> Int {
    guard let experts = kinds[layer].experts else { return 6 * hidden * feedForward }
    return hidden * (6 * experts.width * experts.active + 2 * experts.count)
  }
}
