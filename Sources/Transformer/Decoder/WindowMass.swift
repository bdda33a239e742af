import Foundation

extension DecoderModel {
  /// The share of each key-value head's attention that falls on what a streaming head sees, (L, K) in
  /// 0…1, under full attention: the mean over the queries at `rows` and the heads of a group.
  ///
  /// With s the log-sum-exp of a query's scores over the sink and the window, and f over all keys, the
  /// share is exp(s − f). (Lazy layers: LightTransfer, arXiv 2410.13846, section 3.)
  ///
  /// - Parameters:
  ///   - tokens: The sample, (T).
  ///   - rows: Positions of the queries.
  ///   - window: What a streaming head sees.
  /// - Returns: A share for each layer and key-value head.
  public func windowMass(
    _ tokens: [Int32], rows: Range<Int>, window: StreamingWindow
  ) -> [[Double]] {
    let all = RowSet.all(rows.upperBound)
    let wanted = RowSet(sink: 0, tail: rows)
    let heads = Array(0..<configuration.keyValueHeads)
    let table = RotaryTable(configuration, positions: all.count)
    var x = embed(tokens, rows: all)
    var mass: [[Double]] = []
    for layer in 0..<configuration.layers {
      let projected = project(x.view, weights.layers[layer], input: all, output: all, table: table)
      var o = Tensor(rows: all.count, columns: shape.queryWidth)
      var full = Tensor(rows: all.count, columns: shape.queryHeads)
      attend(
        projected.rotated, heads: heads, .causal, input: all, output: all, into: &o,
        logSumExp: &full)
      let seen = streamingLogSumExp(projected.rotated, rows: wanted, keys: all, window: window)
      mass.append(shares(of: seen.view, in: full.view.slice(rows: rows)))
      x = finish(x.view, o: o.view, weights.layers[layer], input: all, output: all)
    }
    return mass
  }

  /// Log-sum-exp over the sink and the window of the queries at `rows`, (rows, H).
  private func streamingLogSumExp(
    _ qkv: borrowing QueryKeyValue, rows: RowSet, keys: RowSet, window: StreamingWindow
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

  /// exp(seen − all), (rows, H) each, as the mean of each key-value head, (K).
  private func shares(of seen: MatrixView, in all: MatrixView) -> [Double] {
    (0..<shape.keyValueHeads).map { head in
      var sum = 0.0
      for row in 0..<seen.rows {
        let (part, whole) = (seen.row(row), all.row(row))
        for query in shape.logColumns(head) { sum += exp(Double(part[query] - whole[query])) }
      }
      return sum / Double(max(seen.rows * shape.group, 1))
    }
  }
}
