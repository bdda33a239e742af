/// Queries, keys and values of a layer, rotated; and the queries and keys before the per-head norm,
/// empty where the family has none (Qwen3 has).
struct Projections: ~Copyable {
  var rotated: QueryKeyValue
  var beforeNormQ: Tensor
  var beforeNormK: Tensor
}

extension DecoderModel {
  /// q at `output` rows, k and v at `input` rows, of a layer whose input is x (input, C).
  func project(
    _ x: MatrixView, _ layer: LayerWeights, input: RowSet, output: RowSet,
    table: borrowing RotaryTable
  ) -> Projections {
    let normed = rmsNorm(
      x, weight: layer.attentionNorm, epsilon: configuration.rmsNormEpsilon)
    let queries = input.gather(normed.view, output)
    var projected = linear(queries: queries.view, keys: normed.view, layer)
    var beforeNormQ = Tensor(rows: 0, columns: 0)
    var beforeNormK = Tensor(rows: 0, columns: 0)
    if let norms = layer.headNorms {
      swap(&beforeNormQ, &projected.q)
      swap(&beforeNormK, &projected.k)
      projected.q = normHeads(beforeNormQ.view, weight: norms.q)
      projected.k = normHeads(beforeNormK.view, weight: norms.k)
    }
    rotate(&projected.q, rows: output, table: table)
    rotate(&projected.k, rows: input, table: table)
    return Projections(rotated: projected, beforeNormQ: beforeNormQ, beforeNormK: beforeNormK)
  }

  /// Attention of the heads of one layer under a pattern; q at `output`, k and v at `input` rows.
  func attend(
    _ qkv: borrowing QueryKeyValue, isRetrieval: [Bool], window: StreamingWindow, input: RowSet,
    output: RowSet
  ) -> Tensor {
    var o = Tensor(rows: output.count, columns: shape.queryWidth)
    var logSumExp = Tensor(rows: output.count, columns: shape.queryHeads)
    for (heads, visibility) in [
      (isRetrieval.indices.filter { isRetrieval[$0] }, Visibility.causal),
      (isRetrieval.indices.filter { !isRetrieval[$0] }, Visibility.streaming(window)),
    ] where !heads.isEmpty {
      attend(
        qkv, heads: heads, visibility, input: input, output: output, into: &o,
        logSumExp: &logSumExp)
    }
    return o
  }

  /// Attention of some heads, into their columns of o and logSumExp.
  func attend(
    _ qkv: borrowing QueryKeyValue, heads: [Int], _ visibility: Visibility, input: RowSet,
    output: RowSet, into o: inout Tensor, logSumExp: inout Tensor
  ) {
    var oView = o.mutableView
    var logView = logSumExp.mutableView
    attention(
      q: qkv.q.view, k: qkv.k.view, v: qkv.v.view, shape: shape, heads: heads,
      visibility: visibility, queries: output, keys: input, into: &oView, logSumExp: &logView)
  }

  /// The rest of a layer: output projection, residual, feed-forward block, residual.
  ///
  /// x (input, C) is the layer's input, o (output, H·D) the attention's output.
  func finish(
    _ x: MatrixView, o: MatrixView, _ layer: LayerWeights, input: RowSet, output: RowSet
  ) -> Tensor {
    var y = afterAttention(x, o: o, layer, input: input, output: output)
    let normed = feedForwardNorm(y.view, layer)
    let act = gatedUnit(normed.view, gate: layer.wGate, up: layer.wUp)
    addProjection(act.view, layer.wDown, to: &y)
    return y
  }

  /// The residual stream after attention, (output, C).
  func afterAttention(
    _ x: MatrixView, o: MatrixView, _ layer: LayerWeights, input: RowSet, output: RowSet
  ) -> Tensor {
    var h = input.gather(x, output)
    addProjection(o, layer.wo, to: &h)
    return h
  }

  /// The feed-forward block's input: the norm of h (rows, C).
  func feedForwardNorm(_ h: MatrixView, _ layer: LayerWeights) -> Tensor {
    rmsNorm(h, weight: layer.mlpNorm, epsilon: configuration.rmsNormEpsilon)
  }

  /// y += x · Wᵀ.
  func addProjection(_ x: MatrixView, _ weight: WeightMatrix, to y: inout Tensor) {
    var view = y.mutableView
    linear(x, weight, addingTo: &view)
  }

  private func normHeads(_ x: MatrixView, weight: [Float]) -> Tensor {
    let normed = rmsNorm(
      x.split(configuration.headDim), weight: weight, epsilon: configuration.rmsNormEpsilon)
    return normed.copy(rows: x.rows, columns: x.columns)
  }

  private func rotate(
    _ x: inout Tensor, rows: RowSet, table: borrowing RotaryTable, inverse: Bool = false
  ) {
    var view = x.mutableView
    Transformer.rotate(&view, rows: rows, table: table, inverse: inverse)
  }
}
