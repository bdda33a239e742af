import BasicContainers

/// What attention computes: o (output, H·D), and the log-sum-exp of its scores, (output, H), which its
/// backward needs.
package struct AttentionOutput: ~Copyable {
  package var o: Tensor
  package var logSumExp: Tensor

  /// Undefined values.
  init(rows: Int, _ shape: AttentionShape) {
    o = Tensor(rows: rows, columns: shape.queryWidth)
    logSumExp = Tensor(rows: rows, columns: shape.queryHeads)
  }

  /// The output alone.
  package consuming func output() -> Tensor { o }
}

extension DecoderLayer {
  /// Attention under a pattern: (output, H·D).
  package func attend(_ qkv: borrowing QueryKeyValue, _ pattern: AttentionPattern) -> Tensor {
    let seen = kind.attention(under: pattern, layer: index)
    var result = AttentionOutput(rows: output.count, shape)
    let retrieval = seen.isRetrieval.indices.filter { seen.isRetrieval[$0] }
    if !retrieval.isEmpty {
      attend(
        qkv, heads: retrieval, .causal, rows: output, at: 0..<output.count, into: &result.o,
        logSumExp: &result.logSumExp)
    }
    let streaming = seen.isRetrieval.indices.filter { !seen.isRetrieval[$0] }
    for piece in seen.streaming?.pieces(of: output) ?? [] {
      attend(
        qkv, heads: streaming, piece.visibility, rows: piece.set, at: piece.place,
        into: &result.o, logSumExp: &result.logSumExp)
    }
    return result.output()
  }

  /// Attention in which every head sees the same.
  package func attend(
    _ qkv: borrowing QueryKeyValue, _ visibility: Visibility
  ) -> AttentionOutput {
    attend(qkv, visibility, rows: output, at: 0..<output.count)
  }

  /// The gradients of q, k and v from dO (output, H·D), where every head saw the same.
  package func attendBackward(
    _ dO: borrowing Tensor, _ qkv: borrowing QueryKeyValue, _ saved: borrowing AttentionOutput,
    _ visibility: Visibility
  ) -> QueryKeyValue {
    attendBackward(dO, qkv, saved, visibility, rows: output, at: 0..<output.count)
  }

  /// Attention of some heads at some of the output's rows, into their columns.
  private func attend(
    _ qkv: borrowing QueryKeyValue, heads: [Int], _ visibility: Visibility, rows: RowSet,
    at place: Range<Int>, into o: inout Tensor, logSumExp: inout Tensor
  ) {
    var oView = o.mutableView
    var logView = logSumExp.mutableView
    var oPart = oView.slice(rows: place)
    var logPart = logView.slice(rows: place)
    Transformer.attention(
      q: qkv.q.view.slice(rows: place), k: qkv.k.view, v: qkv.v.view, shape: shape, heads: heads,
      visibility: visibility, queries: rows, keys: input, into: &oPart, logSumExp: &logPart)
  }
}

/// Rotated keys and values of some rows of a prompt in one layer, (rows, K·D) each.
package struct PromptRows: ~Copyable, Sendable {
  /// Which rows.
  package let rows: RowSet
  package let k: Tensor
  package let v: Tensor

  /// Takes over keys and values of `rows`.
  package init(rows: RowSet, k: consuming Tensor, v: consuming Tensor) {
    self.rows = rows
    self.k = k
    self.v = v
  }

  /// The rows with those that follow them up to `end`.
  fileprivate func rows(to end: Int) -> RowSet {
    RowSet(sink: rows.sink, tail: rows.tail.lowerBound..<end)
  }

  /// `x` (rows, K·D) with `own` under it.
  fileprivate static func joined(_ x: borrowing Tensor, _ own: borrowing Tensor) -> Tensor {
    var all = Tensor(rows: x.rows + own.rows, columns: x.columns)
    all.setRows(from: 0, x)
    all.setRows(from: x.rows, own)
    return all
  }
}

extension StreamingRule {
  /// The rows of a prompt of `end` tokens that queries after it see.
  package func promptRows(before end: Int) -> RowSet {
    let first = min(max(0, kept ?? window.start(of: end)), end)
    return RowSet(sink: min(window.sink, end), tail: first..<end)
  }

  /// Those of `rows` that stream.
  package func mixed(_ rows: RowSet) -> RowSet { rows.part(of: queries).set }

  /// The rows that stream and those that do not, with their places.
  package func split(
    _ rows: RowSet
  ) -> [(set: RowSet, place: Range<Int>, visibility: Visibility, streams: Bool)] {
    pieces(of: rows).map { piece in
      (piece.set, piece.place, piece.visibility, queries.contains(piece.set.tail.lowerBound))
    }
  }
}

extension DecoderLayer {
  /// Attention in which every head of some rows sees the same.
  package func attend(
    _ qkv: borrowing QueryKeyValue, _ visibility: Visibility, rows: RowSet, at place: Range<Int>
  ) -> AttentionOutput {
    var result = AttentionOutput(rows: rows.count, shape)
    attend(
      qkv.q.view.slice(rows: place), qkv.k, qkv.v, visibility, queries: rows, keys: input,
      into: &result.o, logSumExp: &result.logSumExp)
    return result
  }

  /// The gradients of q (rows, H·D), k and v (input, K·D) from dO (rows, H·D), where every head of some rows saw
  /// the same.
  package func attendBackward(
    _ dO: borrowing Tensor, _ qkv: borrowing QueryKeyValue, _ saved: borrowing AttentionOutput,
    _ visibility: Visibility, rows: RowSet, at place: Range<Int>
  ) -> QueryKeyValue {
    Transformer.attentionBackward(
      dO: dO.view, q: qkv.q.view.slice(rows: place), k: qkv.k.view, v: qkv.v.view,
      o: saved.o.view, logSumExp: saved.logSumExp.view, shape: shape, visibility: visibility,
      queries: rows, keys: input)
  }

  /// Attention of all rows, which follow `prompt`; `onKeys` gets the keys of both, (keys, K·D), where they are, and what
  /// was computed.
  package func attend(
    _ qkv: borrowing QueryKeyValue, _ visibility: Visibility, after prompt: borrowing PromptRows,
    onKeys: (borrowing Tensor, RowSet, borrowing AttentionOutput) -> Void = { _, _, _ in }
  ) -> AttentionOutput {
    let k = PromptRows.joined(prompt.k, qkv.k)
    let v = PromptRows.joined(prompt.v, qkv.v)
    let keys = prompt.rows(to: input.tail.upperBound)
    var result = AttentionOutput(rows: output.count, shape)
    attend(
      qkv.q.view, k, v, visibility, queries: output, keys: keys, into: &result.o,
      logSumExp: &result.logSumExp)
    onKeys(k, keys, result)
    return result
  }

  /// Attention of all heads, which see the same.
  private func attend(
    _ q: MatrixView, _ k: borrowing Tensor, _ v: borrowing Tensor, _ visibility: Visibility,
    queries: RowSet, keys: RowSet, into o: inout Tensor, logSumExp: inout Tensor
  ) {
    var oView = o.mutableView
    var logView = logSumExp.mutableView
    Transformer.attention(
      q: q, k: k.view, v: v.view, shape: shape, heads: Array(0..<shape.keyValueHeads),
      visibility: visibility, queries: queries, keys: keys, into: &oView, logSumExp: &logView)
  }

  /// The gradients of q, k and v of the rows themselves, where they follow `prompt`.
  package func attendBackward(
    _ dO: borrowing Tensor, _ qkv: borrowing QueryKeyValue, _ saved: borrowing AttentionOutput,
    _ visibility: Visibility, after prompt: borrowing PromptRows
  ) -> QueryKeyValue {
    let k = PromptRows.joined(prompt.k, qkv.k)
    let v = PromptRows.joined(prompt.v, qkv.v)
    let keys = prompt.rows(to: input.tail.upperBound)
    let all = Transformer.attentionBackward(
      dO: dO.view, q: qkv.q.view, k: k.view, v: v.view, o: saved.o.view,
      logSumExp: saved.logSumExp.view, shape: shape, visibility: visibility, queries: output,
      keys: keys)
    let own = Array(prompt.k.rows..<k.rows)
    return QueryKeyValue(q: all.q.copy(), k: all.k.gathering(own), v: all.v.gathering(own))
  }
}

extension QueryKeyValue {
  /// Adds the gradients of some rows' queries, at `place`, and of all keys and values.
  package mutating func add(_ other: borrowing QueryKeyValue, at place: Range<Int>) {
    q.addRows(other.q, from: place.lowerBound)
    k.addRows(other.k, from: 0)
    v.addRows(other.v, from: 0)
  }

  /// Zeros for the queries of `output` and the keys of `input` rows.
  package static func zeros(_ shape: AttentionShape, output: Int, input: Int) -> QueryKeyValue {
    QueryKeyValue(
      q: .zeros(rows: output, columns: shape.queryWidth),
      k: .zeros(rows: input, columns: shape.keyWidth),
      v: .zeros(rows: input, columns: shape.keyWidth))
  }
}

extension Tensor {
  /// The values of a view.
  init(copying source: MatrixView) {
    self.init(rows: source.rows, columns: source.columns)
    var target = mutableView
    target.copy(source)
  }

  /// Adds the rows of `other` to those from `first` on.
  package mutating func addRows(_ other: borrowing Tensor, from first: Int) {
    addRows(other.view, from: first)
  }

  /// Adds the rows of `other`, times `factor`, to those from `first` on.
  mutating func addRows(_ other: MatrixView, from first: Int, times factor: Float = 1) {
    for row in 0..<other.rows {
      var view = mutableView
      var target = view.row(first + row)
      if factor == 1 {
        VectorMath.add(other.row(row), to: &target)
      } else {
        VectorMath.add(other.row(row), times: factor, to: &target)
      }
    }
  }

  /// A copy of the rows `wanted`.
  package func rows(_ wanted: Range<Int>) -> Tensor { Tensor(copying: view.slice(rows: wanted)) }

  /// Multiplies every value by `factor`.
  mutating func scale(by factor: Float) {
    var view = mutableView
    view.parallelRows(rowsPerTask(view.columns)) { _, block in
      for r in 0..<block.rows {
        var row = block.row(r)
        VectorMath.scale(&row, by: factor)
      }
    }
  }
}
