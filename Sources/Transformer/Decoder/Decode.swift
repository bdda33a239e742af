/// Prefill once, then one token at a time.
///
/// Computes what ``DecoderModel/finalHidden(_:pattern:rows:)`` does for the longer sequence, with a cache
/// that holds only what the pattern's heads can still see.
package struct Generation: ~Copyable {
  private let decoder: DecoderModel
  private var cache: KVCache
  private let table: RotaryTable
  /// Final hidden state of the last token, (1, C).
  package private(set) var hidden: Tensor

  /// Reads `prompt` (at least one token), with room for `capacity` tokens in all.
  ///
  /// LongRoPE takes `length` for the length of the text; all of `capacity` if nil.
  package init(
    _ decoder: DecoderModel, prompt: [Int32], pattern: AttentionPattern, capacity: Int,
    length: Int? = nil
  ) {
    precondition(!prompt.isEmpty && prompt.count <= capacity, "\(prompt.count) of \(capacity)")
    self.decoder = decoder
    var cache = KVCache(
      decoder.configuration, pattern: pattern, prompt: prompt.count, capacity: capacity)
    let table = RotaryTable(decoder.configuration, positions: capacity, length: length)
    let last = RowSet(sink: 0, tail: prompt.count - 1..<prompt.count)
    var plan = decoder.rowPlan(pattern, output: last)
    if pattern.streaming.queries.upperBound < capacity {
      // Tokens to come see all keys of the prompt, and not only those that its last token depends on.
      let all = RowSet.all(prompt.count)
      plan = [RowSet](repeating: all, count: decoder.configuration.layers) + [last]
    }
    let x = decoder.walk(decoder.embed(prompt, rows: plan[0]), rows: plan, table: table) {
      layer, qkv in
      cache.store(layer: layer.index, k: qkv.k.view, v: qkv.v.view, rows: layer.input)
      return layer.attend(qkv, pattern)
    }
    cache.tokens = prompt.count
    self.cache = cache
    self.table = table
    hidden = decoder.finalNorm(x.view)
  }

  /// Goes on from `prompt`, which was read with full attention, as the heads of `pattern` see the tokens to come.
  ///
  /// The cache is a copy that keeps what they still see: one prefill serves any number of maps that stream after
  /// the prompt.
  ///
  /// - Parameters:
  ///   - prompt: What was read; nothing in it changes.
  ///   - pattern: Streams nowhere before the prompt's end.
  ///   - capacity: Tokens there is room for, those of the prompt among them.
  package init(
    continuing prompt: borrowing Generation, pattern: AttentionPattern, capacity: Int
  ) {
    let read = prompt.cache.tokens
    precondition(
      read <= capacity && pattern.streaming.queries.lowerBound >= read, "\(read) of \(capacity)")
    decoder = prompt.decoder
    cache = KVCache(decoder.configuration, pattern: pattern, prompt: read, capacity: capacity)
    cache.take(prompt.cache)
    table = RotaryTable(
      decoder.configuration, positions: capacity, length: prompt.table.length)
    hidden = Tensor(
      rows: 1, columns: decoder.configuration.hidden, values: prompt.hidden.values)
  }

  /// Tokens read.
  package var tokens: Int { cache.tokens }

  /// Bytes the cache holds.
  package var cacheBytes: Int { cache.byteCount }

  /// The most likely next token.
  package var prediction: Int32 { decoder.predictions(hidden)[0] }

  /// Reads one more token.
  package mutating func append(_ token: Int32) {
    let position = cache.tokens
    precondition(position < cache.capacity, "the cache's \(cache.capacity) tokens are used up")
    let x = decoder.decode(token, position: position, cache: &cache, table: table)
    cache.tokens += 1
    hidden = decoder.finalNorm(x.view)
  }
}

extension DecoderModel {
  /// The token at `position` through all layers, (1, C); its keys and values join the cache.
  fileprivate func decode(
    _ token: Int32, position: Int, cache: inout KVCache, table: borrowing RotaryTable
  ) -> Tensor {
    let row = RowSet(sink: 0, tail: position..<position + 1)
    let rows = [RowSet](repeating: row, count: configuration.layers + 1)
    return walk(embed([token], rows: .all(1)), rows: rows, table: table) { layer, qkv in
      cache.append(
        layer: layer.index, position: position, k: qkv.k.view.row(0), v: qkv.v.view.row(0))
      return cache.attend(layer: layer.index, q: qkv.q.view, sinks: layer.shape.sinks)
    }
  }
}
