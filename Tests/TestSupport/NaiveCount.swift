import Transformer

/// Operations of a decoder by their definition, in loops over layers, heads, queries and keys.
public struct NaiveCount {
  let c: ModelConfiguration

  /// A count for an architecture.
  public init(_ c: ModelConfiguration) { self.c = c }

  /// Rows at the layers' inputs, and at the last one's output.
  private func rowsThatMatter(_ pattern: AttentionPattern, _ rows: Range<Int>) -> [Set<Int>] {
    var result = [Set(rows)]
    for (layer, heads) in pattern.isRetrieval.enumerated().reversed() {
      var read: Set<Int> = []
      for query in result[0] {
        for key in 0...query where heads.contains(where: { sees(pattern, layer, $0, query, key) }) {
          read.insert(key)
        }
      }
      result.insert(read, at: 0)
    }
    return result
  }

  private func sees(
    _ pattern: AttentionPattern, _ layer: Int, _ isFull: Bool, _ query: Int, _ key: Int
  ) -> Bool {
    if let own = c.kinds[layer].window { return key <= query && query - key < own }
    return isFull ? key <= query : pattern.streaming.sees(query: query, key: key)
  }

  /// Query heads times visible pairs of one layer.
  private func pairs(_ pattern: AttentionPattern, layer: Int, queries: Set<Int>) -> Int {
    var pairs = 0
    for head in 0..<c.queryHeads {
      let isFull = pattern.isRetrieval[layer][head / c.groupSize]
      for query in queries {
        for key in 0...query where sees(pattern, layer, isFull, query, key) { pairs += 1 }
      }
    }
    return pairs
  }

  /// A product of `rows` rows with an (out, in) matrix.
  private func product(_ rows: Int, _ outputs: Int, _ inputs: Int) -> Int {
    2 * rows * outputs * inputs
  }

  /// A prefill for the final hidden states at `rows`.
  public func prefill(_ pattern: AttentionPattern, rows: Range<Int>) -> Int {
    let plan = rowsThatMatter(pattern, rows)
    return (0..<c.layers).reduce(0) { sum, layer in
      let (n, m) = (plan[layer].count, plan[layer + 1].count)
      return sum + layerProducts(layer, n, m)
        + 4 * c.headDim * pairs(pattern, layer: layer, queries: plan[layer + 1])
    }
  }

  /// One more token at `position`, with its logits.
  public func oneToken(_ pattern: AttentionPattern, at position: Int) -> Int {
    let layers = (0..<c.layers).reduce(0) { sum, layer in
      sum + layerProducts(layer, 1, 1) + 4 * c.headDim
        * pairs(pattern, layer: layer, queries: [position])
    }
    return layers + product(1, c.vocabulary, c.hidden)
  }

  /// A product for each of three projections, of every active expert, and the router.
  private func feedForward(_ layer: Int, _ m: Int) -> Int {
    guard let experts = c.kinds[layer].experts else {
      return 2 * product(m, c.feedForward, c.hidden) + product(m, c.hidden, c.feedForward)
    }
    var sum = product(m, experts.count, c.hidden)
    for _ in 0..<experts.active {
      sum += 2 * product(m, experts.width, c.hidden) + product(m, c.hidden, experts.width)
    }
    return sum
  }

  private func layerProducts(_ layer: Int, _ n: Int, _ m: Int) -> Int {
    let (wide, narrow) = (c.queryHeads * c.headDim, c.keyValueHeads * c.headDim)
    let keysAndValues = 2 * product(n, narrow, c.hidden)
    let queryAndOutput = product(m, wide, c.hidden) + product(m, c.hidden, wide)
    return keysAndValues + queryAndOutput + feedForward(layer, m)
  }

  /// A two-stream step from the last layer's output down to the first layer's gates.
  public func backward(_ pattern: AttentionPattern, rows: Range<Int>) -> Int {
    let plan = rowsThatMatter(pattern, rows)
    let (wide, narrow) = (c.queryHeads * c.headDim, c.keyValueHeads * c.headDim)
    var sum = 0
    for layer in (0..<c.layers).reversed() {
      let (n, m) = (plan[layer].count, plan[layer + 1].count)
      sum += feedForward(layer, m)
      sum += product(m, wide, c.hidden)
      if c.kinds[layer].window == nil {
        for _ in 0..<c.queryHeads { sum += 2 * m * c.headDim }
      }
      if layer == 0 { continue }
      sum += 4 * 2 * c.headDim * pairs(pattern, layer: layer, queries: plan[layer + 1])
      sum += 2 * product(n, c.hidden, narrow) + product(m, c.hidden, wide)
    }
    return sum
  }
}
