import BasicContainers
import Foundation

/// Keys and values of the tokens so far, for decoding one token at a time.
///
/// A retrieval head keeps all of them, a streaming head only the sink and the last `recent`: its
/// memory does not grow with the context. Where the cache is pruned once, it keeps every later token too; where
/// heads stream in the prompt alone, they keep all.
struct KVCache: ~Copyable {
  /// Tokens seen so far.
  var tokens = 0
  let capacity: Int
  private let shape: AttentionShape
  /// What streaming heads of each layer see, (L).
  private let rules: [StreamingRule]
  /// Head k of layer l is at l·K + k.
  private var heads = UniqueArray<HeadCache>()

  /// A cache for at most `capacity` tokens under `pattern`, of which a prefill brings the first `prompt`.
  init(
    _ configuration: ModelConfiguration, pattern: AttentionPattern, prompt: Int, capacity: Int
  ) {
    self.capacity = capacity
    shape = AttentionShape(configuration)
    let layers = configuration.kinds.enumerated().map {
      $0.element.attention(under: pattern, layer: $0.offset)
    }
    rules = layers.map { $0.streaming ?? pattern.streaming }
    for (layer, rule) in zip(layers, rules) {
      // What does not stream yet, and is decoded, sees all that came before.
      let streams = rule.queries.lowerBound <= prompt && rule.queries.upperBound >= capacity
      for isRetrieval in layer.isRetrieval {
        heads.append(
          isRetrieval
            ? HeadCache(capacity: capacity, isStreaming: false, headDim: shape.headDim)
            : streams
              ? HeadCache(capacity: capacity, rule: rule, headDim: shape.headDim)
              : HeadCache(capacity: capacity, isStreaming: true, headDim: shape.headDim))
      }
    }
  }

  /// Bytes held for keys and values.
  var byteCount: Int {
    var total = 0
    for index in heads.indices { total += heads[index].byteCount }
    return total
  }

  /// Takes over the keys and values (rows, K·D) of a prefill.
  mutating func store(layer: Int, k: MatrixView, v: MatrixView, rows: RowSet) {
    for run in rows.runs {
      for (row, position) in zip(run.rows, run.positions) {
        append(layer: layer, position: position, k: k.row(row), v: v.row(row))
      }
    }
  }

  /// Takes over what heads still see of the keys and values of `other`, a cache of the same model whose heads hold
  /// no less.
  mutating func take(_ other: borrowing KVCache) {
    tokens = other.tokens
    for index in heads.indices { heads[index].take(other.heads[index], tokens: tokens) }
  }

  /// Takes over the key and value (K·D) of the token at `position`.
  mutating func append(layer: Int, position: Int, k: Span<Float>, v: Span<Float>) {
    for head in 0..<shape.keyValueHeads {
      let columns = shape.keyColumns(head)
      heads[layer * shape.keyValueHeads + head].put(
        position: position, k: k.extracting(columns), v: v.extracting(columns))
    }
  }

  /// Attention of one token, q (1, H·D) to (1, H·D), over what the heads of a layer hold.
  ///
  /// The slots are cut into chunks that are attended to on their own and then weighed by their sums
  /// of exponentials, so that few heads keep many cores at work.
  ///
  /// With `sinks`, (H), each query head has a logit more.
  func attend(layer: Int, q: MatrixView, sinks: [Float]? = nil) -> Tensor {
    let first = layer * shape.keyValueHeads
    let tasks = (0..<shape.keyValueHeads).flatMap { head in
      heads[first + head].chunks(seenBy: tokens, rules[layer]).map { (head: head, slots: $0) }
    }
    var parts = Tensor(rows: tasks.count * shape.group, columns: shape.headDim)
    // The largest score and the sum of exponentials under it.
    var weights = Tensor(rows: tasks.count * shape.group, columns: 2)
    do {
      var partView = parts.mutableView
      var weightView = weights.mutableView
      let rows = tasks.indices.map { $0 * shape.group..<($0 + 1) * shape.group }
      parallelTiles(
        &partView, rows.map { Tile(rows: $0, columns: 0..<shape.headDim) }, &weightView,
        rows.map { Tile(rows: $0, columns: 0..<2) }
      ) { index, part, weight in
        let (head, slots) = tasks[index]
        let scaled = stackHeads(
          q.slice(rows: 0..<1, columns: shape.queryColumns(head)), group: shape.group,
          headDim: shape.headDim, scale: shape.scale)
        heads[first + head].attend(scaled.view, slots: slots, into: &part, weights: &weight)
      }
    }
    return merge(parts.view, weights.view, heads: tasks.map(\.head), sinks)
  }

  /// The position of the key that each query head of q (1, H·D), of the last token taken in, weighs most, (H); the
  /// first of equals.
  func largestKeys(layer: Int, q: MatrixView) -> [Int] {
    (0..<shape.keyValueHeads).flatMap { head in
      let stacked = stackHeads(
        q.slice(rows: 0..<1, columns: shape.queryColumns(head)), group: shape.group,
        headDim: shape.headDim, scale: shape.scale)
      return heads[layer * shape.keyValueHeads + head].largestKeys(
        stacked.view, seenBy: tokens, rules[layer])
    }
  }

  /// o (1, H·D) from the chunks' outputs (chunks·G, D) and weights (chunks·G, 2), in their order.
  private func merge(
    _ parts: MatrixView, _ weights: MatrixView, heads: [Int], _ sinks: [Float]?
  ) -> Tensor {
    let (group, headDim) = (shape.group, shape.headDim)
    var o = Tensor.zeros(rows: 1, columns: shape.queryWidth)
    var view = o.mutableView
    for query in 0..<shape.queryHeads {
      let rows = heads.indices.filter { heads[$0] == query / group }
        .map { $0 * group + query % group }
      let sink = sinks?[query]
      let maximum = (rows.map { weights.row($0)[0] } + [sink].compactMap(\.self)).max() ?? 0
      let total = rows.reduce(sink.map { exp($0 - maximum) } ?? 0) {
        $0 + weights.row($1)[1] * exp(weights.row($1)[0] - maximum)
      }
      var out = view.slice(rows: 0..<1, columns: query * headDim..<(query + 1) * headDim)
      var target = out.row(0)
      for row in rows {
        VectorMath.add(
          parts.row(row), times: exp(weights.row(row)[0] - maximum) / total, to: &target)
      }
    }
    return o
  }
}

/// The keys and values of one key-value head: slots of D floats each.
struct HeadCache: ~Copyable {
  private let slots: Int
  private let sink: Int
  /// No key between the sink and this position is kept.
  private let first: Int
  private let isStreaming: Bool
  private var filled = 0
  private var keys: Tensor
  private var values: Tensor

  /// A cache of all keys, of a retrieval head or of one that does not always stream.
  init(capacity: Int, isStreaming: Bool, headDim: Int) {
    self.init(
      slots: capacity, sink: capacity, first: capacity, isStreaming: isStreaming,
      headDim: headDim)
  }

  /// The cache of a head that streams from now on, which holds what it will still see.
  init(capacity: Int, rule: StreamingRule, headDim: Int) {
    let sink = min(capacity, rule.window.sink)
    let first = min(capacity, max(sink, rule.kept ?? sink))
    let rest = rule.kept == nil ? rule.window.recent : capacity - first
    self.init(
      slots: min(capacity, sink + rest), sink: sink, first: first, isStreaming: true,
      headDim: headDim)
  }

  private init(slots: Int, sink: Int, first: Int, isStreaming: Bool, headDim: Int) {
    self.slots = slots
    self.sink = sink
    self.first = first
    self.isStreaming = isStreaming
    keys = Tensor(rows: slots, columns: headDim)
    values = Tensor(rows: slots, columns: headDim)
  }

  var byteCount: Int { 2 * slots * keys.columns * MemoryLayout<Float>.stride }

  /// Takes in the key and value of one position.
  ///
  /// The first `sink` positions have slots of their own; later ones take turns in the rest. Softmax
  /// does not mind the order.
  mutating func put(position: Int, k: Span<Float>, v: Span<Float>) {
    guard slots > 0, position < sink || position >= first else { return }
    let slot = slot(of: position)
    filled = max(filled, slot + 1)
    keys.setRow(slot, k)
    values.setRow(slot, v)
  }

  /// Takes in what `other` holds of the first `tokens` positions.
  mutating func take(_ other: borrowing HeadCache, tokens: Int) {
    let sink = min(other.sink, tokens)
    let kept = max(sink, other.first, tokens - (other.slots - other.sink))
    let recent = min(kept, tokens)..<tokens
    for range in [0..<sink, recent] {
      for position in range {
        let slot = other.slot(of: position)
        put(position: position, k: other.keys.view.row(slot), v: other.values.view.row(slot))
      }
    }
  }

  private func slot(of position: Int) -> Int {
    position < sink ? position : sink + (position - first) % (slots - sink)
  }

  /// The slots that the query at `position`, the last one taken in, sees, in pieces of a size that is worth a
  /// task.
  func chunks(seenBy position: Int, _ rule: StreamingRule) -> [Range<Int>] {
    seen(by: position, rule).flatMap { range in
      EqualPieces(range.count, limit: 512).ranges.map { $0.shifted(by: range.lowerBound) }
    }
  }

  /// Where the largest score of each of the queries q (G, D) at `position` is, (G).
  func largestKeys(_ q: MatrixView, seenBy position: Int, _ rule: StreamingRule) -> [Int] {
    var scores = Tensor(rows: q.rows, columns: filled)
    var view = scores.mutableView
    multiplyRows(q, keys.view.slice(rows: 0..<filled), into: &view)
    let ranges = seen(by: position, rule)
    return (0..<q.rows).map { row in
      let line = view.reading().row(row)
      var (best, score) = (position, -Float.infinity)
      for slot in ranges.joined() {
        let key = self.position(in: slot, seenBy: position)
        if line[slot] > score || line[slot] == score && key < best {
          (best, score) = (key, line[slot])
        }
      }
      return best
    }
  }

  /// The position that a slot holds when `last` was the last one taken in.
  private func position(in slot: Int, seenBy last: Int) -> Int {
    if slot < sink { return slot }
    let turns = (last - first - (slot - sink)) / (slots - sink)
    return first + turns * (slots - sink) + slot - sink
  }

  private func seen(by position: Int, _ rule: StreamingRule) -> [Range<Int>] {
    guard isStreaming, rule.queries.contains(position) else { return [0..<filled] }
    let start = max(rule.kept ?? rule.window.start(of: position), rule.window.sink)
    // The slots hold what the window reaches, or more: all keys, or those that its block has left behind.
    let held = sink == slots ? rule.window.sink : max(first, position - (slots - sink) + 1)
    guard held < start, start <= position else { return [0..<filled] }
    let ends = (slot(of: start), slot(of: position) + 1)
    let recent = ends.0 < ends.1 ? [ends.0..<ends.1] : [sink..<ends.1, ends.0..<slots]
    return [0..<min(rule.window.sink, position + 1)] + recent
  }

  /// Attention of q (G, D), scaled, over some slots: exponentials times values, (G, D), not yet divided by
  /// their sum; weights (G, 2) receives the largest score and that sum.
  func attend(
    _ q: MatrixView, slots: Range<Int>, into o: inout MutableMatrixView,
    weights: inout MutableMatrixView
  ) {
    var scores = Tensor(rows: q.rows, columns: slots.count)
    var scoreView = scores.mutableView
    multiplyRows(q, keys.view.slice(rows: slots), into: &scoreView)
    for g in 0..<q.rows {
      var (maximum, sum) = (-Float.infinity, Float(0))
      var line = scoreView.row(g)
      _ = VectorMath.softmaxTile(&line, visible: 0..<slots.count, max: &maximum, sum: &sum)
      var weight = weights.row(g)
      weight[0] = maximum
      weight[1] = sum
    }
    multiply(scoreView.reading(), PanelView(values.view.slice(rows: slots)), into: &o)
  }
}
