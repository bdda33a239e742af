import BasicContainers

/// Prefill once, then one token at a time.
///
/// Computes what ``DecoderModel/finalHidden(_:pattern:rows:)`` does for the longer sequence, with a cache
/// that holds only what the pattern's heads can still see.
///
/// Where a text grows beyond LongRoPE's original context, every position turns otherwise: what was read so far is read
/// once more, as transformers' `Phi3ForCausalLM.prepare_inputs_for_generation` does.
package struct Generation: ~Copyable {
  fileprivate let decoder: DecoderModel
  fileprivate let pattern: AttentionPattern
  /// The tokens read, (T).
  fileprivate private(set) var text: [Int32]
  fileprivate var cache: KVCache
  fileprivate let table: RotaryTable
  /// Final hidden state of the last token, (1, C).
  package fileprivate(set) var hidden: Tensor

  /// Reads `prompt` (at least one token), with room for `capacity` tokens in all.
  ///
  /// LongRoPE takes `length` for the length of the text, until it is longer; all of `capacity` if nil.
  package init(
    _ decoder: DecoderModel, prompt: [Int32], pattern: AttentionPattern, capacity: Int,
    length: Int? = nil
  ) {
    precondition(!prompt.isEmpty && prompt.count <= capacity, "\(prompt.count) of \(capacity)")
    self.decoder = decoder
    self.pattern = pattern
    text = prompt
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

  /// A copy of the cache that keeps what the heads of `pattern` still see.
  fileprivate func pruned(_ pattern: AttentionPattern, capacity: Int) -> KVCache {
    let read = cache.tokens
    precondition(
      read <= capacity && pattern.streaming.queries.lowerBound >= read, "\(read) of \(capacity)")
    var copy = KVCache(decoder.configuration, pattern: pattern, prompt: read, capacity: capacity)
    copy.take(cache)
    return copy
  }

  /// Tokens read.
  package var tokens: Int { cache.tokens }

  /// Bytes the cache holds.
  package var cacheBytes: Int { cache.byteCount }

  /// The most likely next token.
  package var prediction: Int32 { decoder.predictions(hidden)[0] }

  /// Reads one more token; `onLayer` gets of each layer where the largest weight of each query head is, (H).
  package mutating func append(_ token: Int32, onLayer: (([Int]) -> Void)? = nil) {
    let position = cache.tokens
    precondition(position < cache.capacity, "the cache's \(cache.capacity) tokens are used up")
    if !table.holds(position + 1) { readAgain(length: position + 1) }
    text.append(token)
    let x = decoder.decode(token, position: position, cache: &cache, table: table, onLayer: onLayer)
    cache.tokens += 1
    hidden = decoder.finalNorm(x.view)
  }

  /// Reads the text so far with the angles of a text of `length` tokens.
  private mutating func readAgain(length: Int) {
    let (decoder, pattern, text, capacity) = (decoder, pattern, text, cache.capacity)
    // Two caches need not stand beside each other.
    _ = consume self
    self = Generation(decoder, prompt: text, pattern: pattern, capacity: capacity, length: length)
  }
}

/// Texts that maps write after the same prompt, a token each at a time: the weights are read once for all of them.
///
/// Every text is of the same length until it leaves. A text has the same bits alone and among others, where the
/// products are our own kernels'.
package struct GenerationGroup: ~Copyable {
  /// Texts that a group holds at most.
  package static var limit: Int { ProductTiling.few }

  /// Texts of `capacity` tokens whose caches fit into `bytes` if nothing streams, 1…``limit``.
  package static func size(
    _ configuration: ModelConfiguration, capacity: Int, within bytes: Int
  ) -> Int {
    max(1, min(limit, bytes / max(1, PromptCache.bytes(configuration, tokens: capacity))))
  }

  private let decoder: DecoderModel
  private var table: RotaryTable
  private var caches = UniqueArray<KVCache>()
  /// What was read of each text, and under which pattern, (members).
  private var texts: [(tokens: [Int32], pattern: AttentionPattern)]
  /// Whose texts are still written: places among the patterns given, in the order of the caches.
  package private(set) var members: [Int]
  /// Final hidden states of the last tokens, (members, C).
  private var hidden: Tensor

  /// Goes on from `prompt`, which was read with full attention, under each pattern.
  ///
  /// The caches are copies that keep what heads still see: one prefill serves any number of maps that stream after the
  /// prompt.
  ///
  /// - Parameters:
  ///   - prompt: What was read; nothing in it changes.
  ///   - patterns: 1…``limit``; each streams nowhere before the prompt's end.
  ///   - capacity: Tokens there is room for, those of the prompt among them.
  package init(
    continuing prompt: borrowing Generation, patterns: [AttentionPattern], capacity: Int
  ) {
    precondition(!patterns.isEmpty && patterns.count <= Self.limit, "\(patterns.count) patterns")
    decoder = prompt.decoder
    for pattern in patterns {
      caches.append(prompt.pruned(pattern, capacity: capacity))
    }
    table = RotaryTable(decoder.configuration, positions: capacity, length: prompt.table.length)
    members = Array(patterns.indices)
    texts = patterns.map { (prompt.text, $0) }
    hidden = Tensor(rows: patterns.count, columns: decoder.configuration.hidden)
    for row in patterns.indices { hidden.setRows(from: row, prompt.hidden) }
  }

  /// A group of the one text that goes on from `generation`.
  package init(_ generation: consuming Generation) {
    decoder = generation.decoder
    members = [0]
    texts = [(generation.text, generation.pattern)]
    caches.append(generation.cache)
    table = generation.table
    hidden = generation.hidden
  }

  /// Tokens read by each member.
  package var tokens: Int { caches[0].tokens }

  /// Final hidden state of the last token of the member in a row, (C).
  package func hidden(_ row: Int) -> [Float] { hidden.gathering([row]).values }

  /// The most likely next token of each member.
  package var predictions: [Int32] { decoder.predictions(hidden) }

  /// Ends the texts of those that `isLeaving` says it of.
  package mutating func remove(where isLeaving: (Int) -> Bool) {
    let staying = members.indices.filter { !isLeaving(members[$0]) }
    for row in members.indices.reversed() where isLeaving(members[row]) {
      _ = caches.remove(at: row)
    }
    hidden = hidden.gathering(staying)
    members = staying.map { members[$0] }
    texts = staying.map { texts[$0] }
  }

  /// Reads one more token of each member, (members).
  package mutating func append(_ next: [Int32]) {
    precondition(next.count == members.count && !members.isEmpty, "\(next.count) tokens")
    let position = tokens
    precondition(
      position < caches[0].capacity, "the cache's \(caches[0].capacity) tokens are used up")
    if !table.holds(position + 1) { readAgain(length: position + 1) }
    for member in next.indices { texts[member].tokens.append(next[member]) }
    let row = RowSet(sink: 0, tail: position..<position + 1)
    let places = next.indices.map { $0..<$0 + 1 }
    var x = decoder.embed(next, rows: .all(next.count))
    for index in 0..<decoder.configuration.layers {
      let layer = decoder.layer(index, input: .all(x.rows), output: .all(x.rows))
      x = layer.forward(
        x.view, places: places, branches: Array(next.indices),
        rotate: { part, _ in table.rotate(&part, rows: row, layer: index) }
      ) { qkv in
        var o = Tensor(rows: next.count, columns: decoder.shape.queryWidth)
        for member in next.indices {
          caches[member].append(
            layer: index, position: position, k: qkv.k.view.row(member),
            v: qkv.v.view.row(member))
          o.setRows(
            from: member,
            caches[member].attend(
              layer: index, q: qkv.q.view.slice(rows: places[member]), sinks: layer.shape.sinks))
        }
        return o
      }
    }
    for member in next.indices { caches[member].tokens += 1 }
    hidden = decoder.finalNorm(x.view)
  }

  /// Reads each text so far with the angles of a text of `length` tokens.
  ///
  /// Each is read by itself, so that it has the same bits alone and among others.
  private mutating func readAgain(length: Int) {
    let capacity = caches[0].capacity
    caches = UniqueArray()
    table = RotaryTable(decoder.configuration, positions: capacity, length: length)
    for (tokens, pattern) in texts {
      let again = Generation(
        decoder, prompt: tokens, pattern: pattern, capacity: capacity, length: length)
      caches.append(again.cache)
    }
  }
}

extension DecoderModel {
  /// The token at `position` through all layers, (1, C); its keys and values join the cache.
  fileprivate func decode(
    _ token: Int32, position: Int, cache: inout KVCache, table: borrowing RotaryTable,
    onLayer: (([Int]) -> Void)?
  ) -> Tensor {
    let row = RowSet(sink: 0, tail: position..<position + 1)
    let rows = [RowSet](repeating: row, count: configuration.layers + 1)
    return walk(embed([token], rows: .all(1)), rows: rows, table: table) { layer, qkv in
      cache.append(
        layer: layer.index, position: position, k: qkv.k.view.row(0), v: qkv.v.view.row(0))
      if let onLayer { onLayer(cache.largestKeys(layer: layer.index, q: qkv.q.view)) }
      return cache.attend(layer: layer.index, q: qkv.q.view, sinks: layer.shape.sinks)
    }
  }
}
