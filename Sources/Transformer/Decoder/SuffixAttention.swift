import BasicContainers

extension DecoderModel {
  /// How full attention of suffixes of one prefix falls on every key, reduced over all rows of the suffix, layer by
  /// layer.
  ///
  /// The prefix is computed once. One layer's keys and values are held at a time, and no (T, T) matrix: memory grows
  /// with the tokens.
  ///
  /// - Parameters:
  ///   - prefix: What all suffixes follow, at least one token.
  ///   - suffixes: Each at least one token; they do not see one another. LongRoPE takes the longest text's length.
  ///   - layers: The layers visited are the first so many, all if nil; later ones are not computed.
  ///   - reduction: What becomes of a key's weights from the rows of a suffix.
  ///   - parts: For each suffix the parts of the prefix that share the weight with the suffix itself, ascending and
  ///     apart; all of the prefix if nil. Layers with a window of their own keep to it. What is computed of the model is the same.
  ///   - visit: Gets the layer, the suffix's index and its weights (H, keys): of the parts of the prefix, then of the
  ///     suffix.
  /// - Throws: What `visit` throws, at once.
  package func suffixAttention(
    _ prefix: ResidualInput, _ suffixes: [ResidualInput], layers: Int? = nil,
    reduction: WeightReduction, parts: [[Range<Int>]]? = nil,
    visit: (Int, Int, borrowing Tensor) throws -> Void
  ) rethrows {
    precondition(prefix.count >= 1 && suffixes.allSatisfy { $0.count >= 1 }, "no tokens")
    let start = prefix.count
    let length = suffixes.map { $0.length(behind: start) }.reduce(prefix.length(behind: 0), max)
    let table = RotaryTable(configuration, of: prefix, first: 0, length: length)
    let (all, last) = (RowSet.all(start), RowSet(sink: 0, tail: start - 1..<start))
    var x = prefix.x.copy()
    var own = UniqueArray<Tensor>()
    var tables = UniqueArray<RotaryTable>()
    for suffix in suffixes {
      own.append(suffix.x.copy())
      tables.append(RotaryTable(configuration, of: suffix, first: start, length: length))
    }
    let end = layers ?? configuration.layers
    for index in 0..<end {
      // Nothing of the prefix goes on from the last layer but its keys and values.
      let layer = self.layer(index, input: all, output: index + 1 == end ? last : all)
      var rows: PromptRows?
      let output = layer.forward(x.view, table: table) { qkv in
        rows = PromptRows(rows: all, k: qkv.k.copy(), v: qkv.v.copy())
        return layer.attend(qkv, layer.kind.ownVisibility).output()
      }
      x = output.y
      if index + 1 < end { prefix.add(behind: index, to: &x) }
      guard let prompt = rows.take() else { preconditionFailure("a layer without attention") }
      for suffix in suffixes.indices {
        let set = RowSet(sink: 0, tail: start..<start + own[suffix].rows)
        let step = self.layer(index, input: set, output: set)
        var columns = Tensor(rows: 0, columns: 0)
        let passed = step.forward(own[suffix].view, table: tables[suffix]) { qkv in
          let visibility = step.kind.ownVisibility
          let attended = step.attend(qkv, visibility, after: prompt) { k, keys, result in
            let kept = parts.map { $0[suffix] + [start..<keys.count] }
            if let kept, step.kind.window == nil {
              columns = step.columns(of: qkv.q, k, among: kept, reduction)
              return
            }
            let whole = attentionColumns(
              q: qkv.q.view, k: k.view, logSumExp: result.logSumExp.view, shape: step.shape,
              visibility: visibility.over(keys), queries: set, keys: keys, reduction: reduction)
            if let kept { columns = whole.columns(kept) } else { columns = whole }
          }
          return attended.output()
        }
        own[suffix] = passed.y
        suffixes[suffix].add(behind: index, to: &own[suffix])
        try visit(index, suffix, columns)
      }
    }
  }
}

extension DecoderLayer {
  /// The weights of queries on some of the keys, which stand at the end, where no other key is there: (H, keys).
  ///
  /// - Parameters:
  ///   - q: Rotated queries, those of the last rows of `k`.
  ///   - k: Rotated keys, (keys, K·D).
  ///   - kept: Rows of `k`, the last part with the queries' own.
  ///   - reduction: What becomes of a key's weights.
  /// - Returns: The reduced weights on the rows that are kept.
  fileprivate func columns(
    of q: borrowing Tensor, _ k: borrowing Tensor, among kept: [Range<Int>],
    _ reduction: WeightReduction
  ) -> Tensor {
    let count = kept.reduce(0) { $0 + $1.count }
    let own = k.gathering(Array(kept.joined()))
    // Positions tell who sees whom alone: keys and queries are turned already.
    let (keys, queries) = (
      RowSet.all(count), RowSet(sink: 0, tail: count - q.rows..<count)
    )
    var o = Tensor(rows: q.rows, columns: shape.queryWidth)
    var logSumExp = Tensor(rows: q.rows, columns: shape.queryHeads)
    do {
      var oView = o.mutableView
      var logView = logSumExp.mutableView
      Transformer.attention(
        q: q.view, k: own.view, v: own.view, shape: shape, heads: Array(0..<shape.keyValueHeads),
        visibility: .causal, queries: queries, keys: keys, into: &oView, logSumExp: &logView)
    }
    return attentionColumns(
      q: q.view, k: own.view, logSumExp: logSumExp.view, shape: shape, visibility: .causal,
      queries: queries, keys: keys, reduction: reduction)
  }
}

extension Tensor {
  /// Some ranges of columns beside each other.
  fileprivate func columns(_ kept: [Range<Int>]) -> Tensor {
    var result = Tensor(rows: rows, columns: kept.reduce(0) { $0 + $1.count })
    var view = result.mutableView
    for row in 0..<rows {
      var line = view.row(row)
      let source = self.view.row(row)
      var place = 0
      for column in kept.joined() {
        line[place] = source[column]
        place += 1
      }
    }
    return result
  }
}
