/// Prefill once, then one token at a time.
///
/// Computes what ``DecoderModel/finalHidden(_:pattern:rows:)`` does for the longer sequence, with a cache
/// that holds only what the pattern's heads can still see.
public struct Generation: ~Copyable {
  private let decoder: DecoderModel
  private var cache: KVCache
  private let table: RotaryTable
  /// Final hidden state of the last token, (1, C).
  public private(set) var hidden: Tensor

  /// Reads `prompt` (at least one token), with room for `capacity` tokens in all.
  public init(_ decoder: DecoderModel, prompt: [Int32], pattern: AttentionPattern, capacity: Int) {
    precondition(!prompt.isEmpty && prompt.count <= capacity, "\(prompt.count) of \(capacity)")
    self.decoder = decoder
    var cache = KVCache(decoder.configuration, pattern: pattern, capacity: capacity)
    let table = RotaryTable(decoder.configuration, positions: capacity)
    let last = RowSet(sink: 0, tail: prompt.count - 1..<prompt.count)
    let plan = decoder.rowPlan(pattern, output: last)
    var x = decoder.embed(prompt, rows: plan[0])
    for layer in 0..<decoder.configuration.layers {
      x = decoder.prefillLayer(
        x.view, layer: layer, pattern: pattern, input: plan[layer], output: plan[layer + 1],
        table: table
      ) { k, v in
        cache.store(layer: layer, k: k, v: v, rows: plan[layer])
      }
    }
    cache.tokens = prompt.count
    self.cache = cache
    self.table = table
    hidden = decoder.finalNorm(x.view)
  }

  /// Bytes the cache holds.
  public var cacheBytes: Int { cache.byteCount }

  /// The most likely next token.
  public var prediction: Int32 { decoder.predictions(hidden)[0] }

  /// Reads one more token.
  public mutating func append(_ token: Int32) {
    let position = cache.tokens
    precondition(position < cache.capacity, "the cache's \(cache.capacity) tokens are used up")
    var x = Tensor(rows: 1, columns: decoder.configuration.hidden)
    do {
      var view = x.mutableView
      var out = view.row(0)
      decoder.weights.embedding.widen(row: Int(token), into: &out)
    }
    for layer in 0..<decoder.configuration.layers {
      x = decoder.decodeLayer(
        x.view, layer: layer, position: position, cache: &cache, table: table)
    }
    cache.tokens += 1
    hidden = decoder.finalNorm(x.view)
  }
}

extension DecoderModel {
  /// One layer for the token at `position`: x (1, C) to (1, C).
  fileprivate func decodeLayer(
    _ x: MatrixView, layer: Int, position: Int, cache: inout KVCache, table: borrowing RotaryTable
  ) -> Tensor {
    let weights = weights.layers[layer]
    let row = RowSet(sink: 0, tail: position..<position + 1)
    let projected = project(x, weights, input: row, output: row, table: table)
    cache.append(
      layer: layer, position: position, k: projected.rotated.k.view.row(0),
      v: projected.rotated.v.view.row(0))
    let o = cache.attend(layer: layer, q: projected.rotated.q.view)
    return finish(x, o: o.view, weights, input: row, output: row)
  }
}
