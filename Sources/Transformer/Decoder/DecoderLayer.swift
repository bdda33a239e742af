/// One layer of a decoder at work on some rows of a sequence: x (input, C) to y (output, C).
///
/// The layer, pass by pass; attention is the caller's, and the backward goes through them from 8 to 1:
///
///     1. n = rmsNorm(x)                    5. o = attention(q, k, v)
///     2. q, k, v = n·Wᵀ (+ bias)           6. h = x + o·Woᵀ
///     3. q, k normed per head (Qwen3)      7. act = silu(m·Wgᵀ) ∘ (m·Wuᵀ), m = rmsNorm(h)
///     4. q, k rotated (RoPE)               8. y = h + act·Wdᵀ
///
/// q, o, h and y are of the `output` rows, x, k and v of the `input` rows.
package struct DecoderLayer {
  /// Its number, 0 for the first.
  package let index: Int
  /// Rows of its input.
  package let input: RowSet
  /// Rows of its output, a subset.
  package let output: RowSet
  package let shape: AttentionShape
  private let weights: LayerWeights
  private let epsilon: Float

  init(_ decoder: DecoderModel, _ index: Int, input: RowSet, output: RowSet) {
    self.index = index
    self.input = input
    self.output = output
    shape = decoder.shape
    weights = decoder.weights.layers[index]
    epsilon = decoder.configuration.rmsNormEpsilon
  }
}

/// One of several sequences whose rows stand under one another.
struct LayerSequence {
  /// The prompt that it goes on from.
  let prompt: PromptCache
  /// Where its rows are.
  let place: Range<Int>
}

/// What a layer computed on its way, for its backward.
struct LayerActivations: ~Copyable {
  /// Rotated q (output, H·D), k and v (input, K·D).
  var projected: QueryKeyValue
  /// q and k before the per-head norm, where the family has one.
  var beforeNorm: HeadsBeforeNorm?
  /// The residual stream after attention, (output, C).
  var h: Tensor
  /// Gate and up before the activation, (output, F), if they are kept.
  var gatedUnit: GatedUnit?

  /// The residual stream alone; the rest ends.
  consuming func residual() -> Tensor { h }
}

/// q (output, H·D) and k (input, K·D) before the per-head norm.
struct HeadsBeforeNorm: ~Copyable {
  var q: Tensor
  var k: Tensor
}

extension DecoderLayer {
  /// A layer's output, (output, C), and what is kept of its way there.
  struct Output: ~Copyable {
    var y: Tensor
    var activations: LayerActivations?
  }

  /// Passes 1 to 8.
  func forward(
    _ x: MatrixView, table: borrowing RotaryTable, keeping retention: Retention = .nothing,
    attend: (borrowing QueryKeyValue) -> Tensor
  ) -> Output {
    var saved = attention(x, table: table, attend: attend)
    guard retention.keepsActivations else {
      var y = saved.residual()
      _ = addFeedForward(to: &y, keepingUnit: false)
      return Output(y: y, activations: nil)
    }
    var y = saved.h.copy()
    saved.gatedUnit = addFeedForward(to: &y, keepingUnit: retention == .all)
    return Output(y: y, activations: consume saved)
  }

  /// Passes 1 to 8 for the rows of several sequences under one another, x (rows, C).
  ///
  /// - Parameters:
  ///   - x: The rows of all sequences.
  ///   - sequences: The sequences, in their order.
  ///   - branches: For each sequence that leaves the layer the one that it goes on from.
  ///   - attend: The attention's output, (their rows, H·D), of all that leave it.
  /// - Returns: The rows of the sequences that leave the layer under one another, as many as the attention's; rows of
  ///   no sequence are zeros where those of x are.
  func forward(
    _ x: MatrixView, _ sequences: [LayerSequence], branches: [Int],
    attend: (borrowing QueryKeyValue) -> Tensor
  ) -> Tensor {
    let normed = norm(x, weights.attentionNorm)
    var projected = linear(queries: normed.view, keys: normed.view, weights)
    _ = normHeads(&projected)
    rotate(&projected.q, sequences)
    rotate(&projected.k, sequences)
    let o = attend(projected)
    var h = Tensor.zeros(rows: o.rows, columns: x.columns)
    do {
      var view = h.mutableView
      var start = 0
      for branch in branches {
        let source = sequences[branch].place
        var target = view.slice(rows: start..<start + source.count)
        target.copy(x.slice(rows: source))
        start += source.count
      }
    }
    addProjection(o.view, weights.wo, to: &h)
    _ = addFeedForward(to: &h, keepingUnit: false)
    return h
  }

  /// Passes 8 to 1: dy (output, C) to dx (input, C), by what the forward kept.
  ///
  /// Weights are frozen, so that each projection costs one product. `attendBackward` turns dO (output, H·D)
  /// into the gradients of q, k and v, or returns nil where nothing below the layer's attention is wanted.
  func backward(
    _ dy: consuming Tensor, x: MatrixView, _ saved: consuming LayerActivations,
    table: borrowing RotaryTable,
    attendBackward: (borrowing QueryKeyValue, consuming Tensor) -> QueryKeyValue?
  ) -> Tensor? {
    let dh = feedForwardBackward(dy, &saved)
    return attentionBackward(dh, x: x, saved, table: table, attendBackward: attendBackward)
  }

  /// Passes 1 to 6, up to the residual sum after attention.
  func attention(
    _ x: MatrixView, table: borrowing RotaryTable, attend: (borrowing QueryKeyValue) -> Tensor
  ) -> LayerActivations {
    let normed = norm(x, weights.attentionNorm)
    let queries = input.gather(normed, output)
    var projected = linear(queries: queries.view, keys: normed.view, weights)
    let beforeNorm = normHeads(&projected)
    rotate(&projected, table: table)
    let o = attend(projected)
    var h = input.gather(x, output)
    addProjection(o.view, weights.wo, to: &h)
    return LayerActivations(projected: projected, beforeNorm: beforeNorm, h: h)
  }

  /// Passes 6 to 1: dh (output, C) to dx (input, C).
  private func attentionBackward(
    _ dh: consuming Tensor, x: MatrixView, _ saved: borrowing LayerActivations,
    table: borrowing RotaryTable,
    attendBackward: (borrowing QueryKeyValue, consuming Tensor) -> QueryKeyValue?
  ) -> Tensor? {
    var dO = Tensor(rows: output.count, columns: shape.queryWidth)
    projectionBackward(dh.view, weights.wo, into: &dO)
    guard var gradients = attendBackward(saved.projected, dO) else { return nil }
    rotate(&gradients, table: table, inverse: true)
    normHeadsBackward(&gradients, saved)
    let dNormed = linearBackward(gradients)
    var dx = Tensor.zeros(rows: input.count, columns: x.columns)
    normBackward(dNormed.view, x: x, weights.attentionNorm, addingTo: &dx)
    input.scatterAdd(dh.view, from: output, to: &dx)
    return dx
  }

  /// Passes 7 and 8: y (output, C), which comes as h.
  private func addFeedForward(to y: inout Tensor, keepingUnit: Bool) -> GatedUnit? {
    let normed = norm(y.view, weights.mlpNorm)
    guard keepingUnit else {
      let act = gatedUnit(normed.view, gate: weights.wGate, up: weights.wUp)
      addProjection(act.view, weights.wDown, to: &y)
      return nil
    }
    var unit = GatedUnit(rows: y.rows, columns: weights.wGate.rows)
    let act = unit.fill(normed.view, gate: weights.wGate, up: weights.wUp)
    addProjection(act.view, weights.wDown, to: &y)
    return unit
  }

  /// Passes 8 and 7: dy (output, C) to dh (output, C); gate and up become their gradients.
  private func feedForwardBackward(
    _ dy: consuming Tensor, _ saved: inout LayerActivations
  ) -> Tensor {
    var unit = takeGatedUnit(&saved)
    gatedUnitBackward(dy.view, down: weights.wDown, gate: &unit.gate, up: &unit.up)
    var dNormed = Tensor(rows: dy.rows, columns: dy.columns)
    projectionBackward(unit.gate.view, weights.wGate, into: &dNormed)
    projectionBackward(unit.up.view, weights.wUp, into: &dNormed, adding: true)
    var dh = dy
    normBackward(dNormed.view, x: saved.h.view, weights.mlpNorm, addingTo: &dh)
    return dh
  }

  /// Gate and up: the kept ones, or computed again.
  private func takeGatedUnit(_ saved: inout LayerActivations) -> GatedUnit {
    if let unit = saved.gatedUnit.take() { return unit }
    let normed = norm(saved.h.view, weights.mlpNorm)
    var unit = GatedUnit(rows: normed.rows, columns: weights.wGate.rows)
    _ = unit.fill(normed.view, gate: weights.wGate, up: weights.wUp)
    return unit
  }
}

// The passes that work on more than one matrix, each with its gradient.
extension DecoderLayer {
  private func norm(_ x: MatrixView, _ weight: [Float]) -> Tensor {
    rmsNorm(x, weight: weight, epsilon: epsilon)
  }

  private func normBackward(
    _ dy: MatrixView, x: MatrixView, _ weight: [Float], addingTo dx: inout Tensor
  ) {
    var view = dx.mutableView
    rmsNormBackward(dy, x: x, weight: weight, epsilon: epsilon, addingTo: &view)
  }

  /// y += x · Wᵀ.
  private func addProjection(_ x: MatrixView, _ weight: WeightMatrix, to y: inout Tensor) {
    var view = y.mutableView
    linear(x, weight, addingTo: &view)
  }

  private func projectionBackward(
    _ dy: MatrixView, _ weight: WeightMatrix, into dx: inout Tensor, adding: Bool = false
  ) {
    var view = dx.mutableView
    Transformer.linearBackward(dy, weight, into: &view, adding: adding)
  }

  /// dn (input, C) from the gradients of q, k and v.
  private func linearBackward(_ gradients: borrowing QueryKeyValue) -> Tensor {
    var dNormed = Tensor(rows: input.count, columns: weights.wk.columns)
    var dQueries = Tensor(rows: output.count, columns: weights.wq.columns)
    projectionBackward(gradients.k.view, weights.wk, into: &dNormed)
    projectionBackward(gradients.v.view, weights.wv, into: &dNormed, adding: true)
    projectionBackward(gradients.q.view, weights.wq, into: &dQueries)
    input.scatterAdd(dQueries.view, from: output, to: &dNormed)
    return dNormed
  }

  /// Norms q and k in place and returns what they were, where the family has a norm.
  private func normHeads(_ projected: inout QueryKeyValue) -> HeadsBeforeNorm? {
    guard let norms = weights.headNorms else { return nil }
    var heads = HeadsBeforeNorm(
      q: normHeads(projected.q.view, norms.q), k: normHeads(projected.k.view, norms.k))
    swap(&heads.q, &projected.q)
    swap(&heads.k, &projected.k)
    return heads
  }

  private func normHeads(_ x: MatrixView, _ weight: [Float]) -> Tensor {
    norm(x.split(shape.headDim), weight).copy(rows: x.rows, columns: x.columns)
  }

  private func normHeadsBackward(
    _ gradients: inout QueryKeyValue, _ saved: borrowing LayerActivations
  ) {
    guard let norms = weights.headNorms else { return }
    switch saved.beforeNorm {
    case .some(let heads):
      gradients.q = normHeadsBackward(gradients.q.view, x: heads.q.view, norms.q)
      gradients.k = normHeadsBackward(gradients.k.view, x: heads.k.view, norms.k)
    case nil: break
    }
  }

  private func normHeadsBackward(_ dy: MatrixView, x: MatrixView, _ weight: [Float]) -> Tensor {
    var dx = Tensor.zeros(rows: x.rows, columns: x.columns)
    var view = dx.mutableView
    var heads = view.split(shape.headDim)
    rmsNormBackward(
      dy.split(shape.headDim), x: x.split(shape.headDim), weight: weight, epsilon: epsilon,
      addingTo: &heads)
    return dx
  }

  /// Turns the rows of several sequences by their positions.
  private func rotate(_ x: inout Tensor, _ sequences: [LayerSequence]) {
    var view = x.mutableView
    for sequence in sequences {
      var part = view.slice(rows: sequence.place)
      Transformer.rotate(
        &part, rows: RowSet(sink: 0, tail: sequence.prompt.ownRows), table: sequence.prompt.table)
    }
  }

  /// Turns q and k by their positions; `inverse` turns them, or their gradients, back.
  private func rotate(
    _ qkv: inout QueryKeyValue, table: borrowing RotaryTable, inverse: Bool = false
  ) {
    var q = qkv.q.mutableView
    Transformer.rotate(&q, rows: output, table: table, inverse: inverse)
    var k = qkv.k.mutableView
    Transformer.rotate(&k, rows: input, table: table, inverse: inverse)
  }
}
