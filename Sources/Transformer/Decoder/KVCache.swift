import BasicContainers

/// Keys and values of the tokens so far, for decoding one token at a time.
///
/// A retrieval head keeps all of them, a streaming head only the sink and the last `recent`: its
/// memory does not grow with the context.
struct KVCache: ~Copyable {
  /// Tokens seen so far.
  var tokens = 0
  let capacity: Int
  private let shape: AttentionShape
  /// Head k of layer l is at l·K + k.
  private var heads = UniqueArray<HeadCache>()

  /// A cache for at most `capacity` tokens under `pattern`.
  init(_ configuration: ModelConfiguration, pattern: AttentionPattern, capacity: Int) {
    self.capacity = capacity
    shape = AttentionShape(configuration)
    let window = pattern.window
    for isRetrieval in pattern.isRetrieval.joined() {
      heads.append(
        HeadCache(
          slots: isRetrieval ? capacity : min(capacity, window.sink + window.recent),
          sink: isRetrieval ? capacity : window.sink, headDim: shape.headDim))
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

  /// Takes over the key and value (K·D) of the token at `position`.
  mutating func append(layer: Int, position: Int, k: Span<Float>, v: Span<Float>) {
    for head in 0..<shape.keyValueHeads {
      let columns = shape.keyColumns(head)
      heads[layer * shape.keyValueHeads + head].put(
        position: position, k: k.extracting(columns), v: v.extracting(columns))
    }
  }

  /// Attention of one token: q (H·D) to o (H·D), over what the heads of a layer hold.
  func attend(layer: Int, q: MatrixView, into o: inout MutableMatrixView) {
    let (group, headDim) = (shape.group, shape.headDim)
    let widths = EqualPieces(shape.queryWidth, limit: group * headDim)
    let first = layer * shape.keyValueHeads
    o.parallelTiles(rows: EqualPieces(1, limit: 1), columns: widths) { _, columns, tile in
      let head = first + columns.lowerBound / (group * headDim)
      let scaled = stackHeads(
        q.slice(rows: 0..<1, columns: columns), group: group, headDim: headDim, scale: shape.scale)
      heads[head].attend(scaled.view, into: &tile)
    }
  }
}

/// The keys and values of one key-value head: slots of D floats each.
struct HeadCache: ~Copyable {
  private let slots: Int
  private let sink: Int
  private var filled = 0
  private var keys: Tensor
  private var values: Tensor

  init(slots: Int, sink: Int, headDim: Int) {
    self.slots = slots
    self.sink = min(sink, slots)
    keys = Tensor(rows: slots, columns: headDim)
    values = Tensor(rows: slots, columns: headDim)
  }

  var byteCount: Int { 2 * slots * keys.columns * MemoryLayout<Float>.stride }

  /// Takes in the key and value of one position.
  ///
  /// The first `sink` positions have slots of their own; later ones take turns in the rest. Softmax
  /// does not mind the order.
  mutating func put(position: Int, k: Span<Float>, v: Span<Float>) {
    guard slots > 0 else { return }
    let slot = position < sink ? position : sink + (position - sink) % (slots - sink)
    filled = max(filled, slot + 1)
    keys.setRow(slot, k)
    values.setRow(slot, v)
  }

  /// q (G, D), scaled, to o (1, G·D).
  func attend(_ q: MatrixView, into o: inout MutableMatrixView) {
    let (group, headDim) = (q.rows, q.columns)
    var weights = Tensor(rows: group, columns: filled)
    var sums = [Float](repeating: 0, count: group)
    var output = Tensor(rows: group, columns: headDim)
    do {
      var scores = weights.mutableView
      multiplyRows(q, keys.view.slice(rows: 0..<filled), into: &scores)
      for g in 0..<group {
        var maximum = -Float.infinity
        var line = scores.row(g)
        _ = VectorMath.softmaxTile(&line, visible: 0..<filled, max: &maximum, sum: &sums[g])
      }
      var result = output.mutableView
      multiply(scores.reading(), PanelView(values.view.slice(rows: 0..<filled)), into: &result)
    }
    for g in 0..<group {
      var part = o.slice(rows: 0..<1, columns: g * headDim..<(g + 1) * headDim)
      var row = part.row(0)
      VectorMath.scale(output.view.row(g), by: 1 / sums[g], into: &row)
    }
  }
}
