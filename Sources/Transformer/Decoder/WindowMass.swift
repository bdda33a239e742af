import Foundation

extension DecoderModel {
  /// The share of each key-value head's attention that falls on what a streaming head sees, (L, K) in
  /// 0…1, under full attention: the mean over the queries at `rows` and the heads of a group.
  ///
  /// With s the log-sum-exp of a query's scores over the sink and the window, and f over all keys, the
  /// share is exp(s − f); it is 1 in a layer with a window of its own. (Lazy layers: LightTransfer, arXiv 2410.13846, section 3.)
  ///
  /// - Parameters:
  ///   - tokens: The sample, (T).
  ///   - rows: Positions of the queries.
  ///   - window: What a streaming head sees.
  /// - Returns: A share for each layer and key-value head.
  package func windowMass(
    _ tokens: [Int32], rows: Range<Int>, window: StreamingWindow
  ) -> [[Double]] {
    let all = RowSet.all(rows.upperBound)
    let wanted = RowSet(sink: 0, tail: rows)
    let plan = [RowSet](repeating: all, count: configuration.layers + 1)
    let table = RotaryTable(configuration, positions: all.count)
    var mass: [[Double]] = []
    _ = walk(embed(tokens, rows: all), rows: plan, table: table) { layer, qkv in
      let full = layer.attend(qkv, layer.kind.ownVisibility)
      if layer.kind.window != nil {
        mass.append(Array(repeating: 1, count: shape.keyValueHeads))
        return full.output()
      }
      let seen = streamingLogSumExp(
        qkv, layer.shape, rows: wanted, keys: all, window: window)
      mass.append(shares(of: seen.view, in: full.logSumExp, at: rows))
      return full.output()
    }
    return mass
  }

  /// Log-sum-exp over the sink and the window of the queries at `rows`, (rows, H).
  private func streamingLogSumExp(
    _ qkv: borrowing QueryKeyValue, _ shape: AttentionShape, rows: RowSet, keys: RowSet,
    window: StreamingWindow
  ) -> Tensor {
    var o = Tensor(rows: rows.count, columns: shape.queryWidth)
    var logSumExp = Tensor(rows: rows.count, columns: shape.queryHeads)
    var oView = o.mutableView
    var logView = logSumExp.mutableView
    attention(
      q: qkv.q.view.slice(rows: rows.tail), k: qkv.k.view, v: qkv.v.view, shape: shape,
      heads: Array(0..<shape.keyValueHeads), visibility: .streaming(window), queries: rows,
      keys: keys, into: &oView, logSumExp: &logView)
    return logSumExp
  }

  /// exp(seen − all), seen (rows, H) and all (T, H), as the mean of each key-value head, (K).
  private func shares(
    of seen: MatrixView, in all: borrowing Tensor, at rows: Range<Int>
  ) -> [Double] {
    let all = all.view.slice(rows: rows)
    return (0..<shape.keyValueHeads).map { head in
      var sum = 0.0
      for row in 0..<seen.rows {
        let (part, whole) = (seen.row(row), all.row(row))
        for query in shape.logColumns(head) { sum += exp(Double(part[query] - whole[query])) }
      }
      return sum / Double(max(seen.rows * shape.group, 1))
    }
  }
}
