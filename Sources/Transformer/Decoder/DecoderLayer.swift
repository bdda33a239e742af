/// One layer of a decoder at work on some rows of a sequence: x (input, C) to y (output, C).
///
/// The layer, pass by pass, with what its ``LayerKind`` may leave out in brackets; attention is the caller's, and
/// the backward goes through them from 8 to 1:
///
///     1. n = [norm](x)                     5. o = attention(q, k, v)
///     2. q, k, v = n·Wᵀ [+ bias]           6. h = x + [s·][norm](o·Woᵀ [+ bias])
///     3. [q, k normed]                     7. act = activation(m·Wgᵀ) ∘ (m·Wuᵀ), m = [norm](h)
///     4. [q, k rotated (RoPE)][, q scaled]  8. y = h + [s·][norm](act·Wdᵀ)
///
/// Where both blocks stand beside each other, m is n.
/// Where there are experts, 7 and 8 are those of each row's experts, weighed by the router.
/// q, o, h and y are of the `output` rows, x, k and v of the `input` rows.
package struct DecoderLayer {
  /// Its number, 0 for the first.
  package let index: Int
  /// Rows of its input.
  package let input: RowSet
  /// Rows of its output, a subset.
  package let output: RowSet
  package private(set) var shape: AttentionShape
  package let kind: LayerKind
  private let weights: LayerWeights
  private let normalization: Normalization

  init(_ decoder: DecoderModel, _ index: Int, input: RowSet, output: RowSet) {
    self.index = index
    self.input = input
    self.output = output
    shape = decoder.shape
    kind = decoder.configuration.kinds[index]
    weights = decoder.weights.layers[index]
    shape.sinks = weights.sinks
    normalization = Normalization(decoder.configuration)
  }
}

/// What a layer computed on its way, for its backward.
struct LayerActivations: ~Copyable {
  /// Rotated q (output, H·D), k and v (input, K·D).
  var projected: QueryKeyValue
  /// q and k before their norm, where there is one.
  var beforeNorm: HeadsBeforeNorm?
  /// Attention's output projection before the norm behind it, (output, C), where there is one.
  var attended: Tensor?
  /// The residual stream after attention, (output, C).
  var h: Tensor
  /// Gate and up before the activation, (output, F), if they are kept.
  var gatedUnit: GatedUnit?
  /// The down projection before the norm behind it, (output, C), where there is one.
  var fed: Tensor?

  /// Whether ``fed`` is kept.
  var keepsFed: Bool {
    switch fed {
    case .some: true
    case .none: false
    }
  }

  /// The residual stream alone; the rest ends.
  consuming func residual() -> Tensor { h }
}

/// q (output, H·D) and k (input, K·D) before their norm.
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
      let normed = feedForwardInput(x, h: y.view)
      _ = addFeedForward(normed, to: &y, keepingUnit: false)
      return Output(y: y, activations: nil)
    }
    var y = saved.h.copy()
    let normed = feedForwardInput(x, h: y.view)
    let block = addFeedForward(normed, to: &y, keepingUnit: retention == .all)
    saved.gatedUnit = block.unit
    saved.fed = block.fed
    return Output(y: y, activations: consume saved)
  }

  /// Passes 1 to 8 for the rows of several sequences under one another, x (rows, C).
  ///
  /// - Parameters:
  ///   - x: The rows of all sequences.
  ///   - places: Where the rows of each sequence are.
  ///   - branches: For each sequence that leaves the layer the one that it goes on from.
  ///   - rotate: Turns the rows, of q or of k, of the sequence with an index by their positions.
  ///   - attend: The attention's output, (their rows, H·D), of all that leave it.
  /// - Returns: The rows of the sequences that leave the layer under one another, as many as the attention's; rows of
  ///   no sequence are zeros where those of x are.
  func forward(
    _ x: MatrixView, places: [Range<Int>], branches: [Int],
    rotate: (inout MutableMatrixView, Int) -> Void,
    attend: (borrowing QueryKeyValue) -> Tensor
  ) -> Tensor {
    let normed = blockInput(x, weights.attentionNorm)
    var projected = linear(queries: normed.view, keys: normed.view, weights)
    _ = normHeads(&projected)
    for (index, place) in places.enumerated() {
      do {
        var view = projected.q.mutableView
        var queries = view.slice(rows: place)
        rotate(&queries, index)
      }
      var view = projected.k.mutableView
      var keys = view.slice(rows: place)
      rotate(&keys, index)
    }
    scaleQueries(&projected)
    let o = attend(projected)
    var h = Tensor.zeros(rows: o.rows, columns: x.columns)
    do {
      var view = h.mutableView
      var start = 0
      for branch in branches {
        let source = places[branch]
        var target = view.slice(rows: start..<start + source.count)
        target.copy(x.slice(rows: source))
        start += source.count
      }
    }
    let beside = kind.norms == .beside ? blockInput(h.view, weights.attentionNorm) : nil
    _ = join(o.view, weights.wo, weights.outputBias, weights.attentionOutputNorm, to: &h)
    switch consume beside {
    case .some(let normed): _ = addFeedForward(normed, to: &h, keepingUnit: false)
    case .none:
      let normed = blockInput(h.view, weights.mlpNorm)
      _ = addFeedForward(normed, to: &h, keepingUnit: false)
    }
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
    var dBeside: Tensor?
    let dh = feedForwardBackward(dy, x: x, &saved, beside: &dBeside)
    return attentionBackward(
      dh, x: x, saved, beside: dBeside, table: table, attendBackward: attendBackward)
  }

  /// Passes 1 to 6, up to the residual sum after attention.
  func attention(
    _ x: MatrixView, table: borrowing RotaryTable, attend: (borrowing QueryKeyValue) -> Tensor
  ) -> LayerActivations {
    let normed = blockInput(x, weights.attentionNorm)
    let queries = input.gather(normed, output)
    var projected = linear(queries: queries.view, keys: normed.view, weights)
    let beforeNorm = normHeads(&projected)
    rotate(&projected, table: table)
    scaleQueries(&projected)
    let o = attend(projected)
    var h = input.gather(x, output)
    let attended = join(
      o.view, weights.wo, weights.outputBias, weights.attentionOutputNorm, to: &h)
    return LayerActivations(
      projected: projected, beforeNorm: beforeNorm, attended: attended, h: h)
  }

  /// Passes 6 to 1: dh (output, C) to dx (input, C), with what a feed-forward block beside them adds to the gradient of
  /// n, (output, C).
  private func attentionBackward(
    _ dh: consuming Tensor, x: MatrixView, _ saved: borrowing LayerActivations,
    beside dBeside: consuming Tensor?, table: borrowing RotaryTable,
    attendBackward: (borrowing QueryKeyValue, consuming Tensor) -> QueryKeyValue?
  ) -> Tensor? {
    var dO = Tensor(rows: output.count, columns: shape.queryWidth)
    switch joinBackward(dh.view, saved.attended, weights.attentionOutputNorm) {
    case .some(let dAttended): projectionBackward(dAttended.view, weights.wo, into: &dO)
    case .none: projectionBackward(dh.view, weights.wo, into: &dO)
    }
    guard var gradients = attendBackward(saved.projected, dO) else { return nil }
    scaleQueries(&gradients)
    rotate(&gradients, table: table, inverse: true)
    normHeadsBackward(&gradients, saved)
    var dNormed = linearBackward(gradients)
    if let dBeside { input.scatterAdd(dBeside.view, from: output, to: &dNormed) }
    var dx = Tensor.zeros(rows: input.count, columns: x.columns)
    blockInputBackward(dNormed.view, x: x, weights.attentionNorm, addingTo: &dx)
    input.scatterAdd(dh.view, from: output, to: &dx)
    return dx
  }

  /// What the feed-forward block keeps for its backward.
  private struct FeedForward: ~Copyable {
    var unit: GatedUnit?
    var fed: Tensor?
  }

  /// What goes into the feed-forward block, (output, C): of h or, where the blocks stand beside each other, of the
  /// layer's input x (input, C).
  private func feedForwardInput(_ x: MatrixView, h: MatrixView) -> Tensor {
    guard kind.norms == .beside else { return blockInput(h, weights.mlpNorm) }
    let own = input.gather(x, output)
    return blockInput(own.view, weights.attentionNorm)
  }

  /// Passes 7 and 8: y (output, C), which comes as h, by the block's input.
  private func addFeedForward(
    _ normed: borrowing Tensor, to y: inout Tensor, keepingUnit: Bool
  ) -> FeedForward {
    if let routed {
      // What is kept is the sum of the experts at most: the rest is computed again.
      let fed = join(routed.forward(normed.view), nil, weights.mlpOutputNorm, to: &y)
      return FeedForward(unit: nil, fed: fed)
    }
    guard keepingUnit else {
      let act = gatedUnit(
        normed.view, gate: weights.wGate, up: weights.wUp, kind.activation)
      let fed = join(act.view, weights.wDown, nil, weights.mlpOutputNorm, to: &y)
      return FeedForward(unit: nil, fed: fed)
    }
    var unit = GatedUnit(rows: y.rows, columns: weights.wGate.rows)
    let act = unit.fill(normed.view, gate: weights.wGate, up: weights.wUp, kind.activation)
    let fed = join(act.view, weights.wDown, nil, weights.mlpOutputNorm, to: &y)
    return FeedForward(unit: unit, fed: fed)
  }

  /// Passes 8 and 7: dy (output, C) to dh (output, C); gate and up become their gradients.
  ///
  /// Where the blocks stand beside each other, the block's part goes to `dBeside`, the gradient of n.
  private func feedForwardBackward(
    _ dy: consuming Tensor, x: MatrixView, _ saved: inout LayerActivations,
    beside dBeside: inout Tensor?
  ) -> Tensor {
    if let routed { return routedBackward(dy, x: x, &saved, routed, beside: &dBeside) }
    var unit = takeGatedUnit(x, &saved)
    switch joinBackward(dy.view, saved.fed, weights.mlpOutputNorm) {
    case .some(let dFed): activationBackward(dFed.view, &unit)
    case .none: activationBackward(dy.view, &unit)
    }
    var dNormed = Tensor(rows: dy.rows, columns: dy.columns)
    projectionBackward(unit.gate.view, weights.wGate, into: &dNormed)
    projectionBackward(unit.up.view, weights.wUp, into: &dNormed, adding: true)
    return feedForwardInputBackward(dNormed, dy, saved, beside: &dBeside)
  }

  /// dh from dy and the gradient of the feed-forward block's input, (output, C) each.
  private func feedForwardInputBackward(
    _ dNormed: borrowing Tensor, _ dy: consuming Tensor, _ saved: borrowing LayerActivations,
    beside dBeside: inout Tensor?
  ) -> Tensor {
    if kind.norms == .beside {
      dBeside = dNormed.copy()
      return dy
    }
    var dh = dy
    blockInputBackward(dNormed.view, x: saved.h.view, weights.mlpNorm, addingTo: &dh)
    return dh
  }

  /// The layer's experts; nil where the feed-forward block is dense.
  private var routed: RoutedExperts? {
    guard let experts = kind.experts, let router = weights.router else { return nil }
    return RoutedExperts(
      experts: experts, activation: kind.activation, router: router, gate: weights.wGate,
      up: weights.wUp, down: weights.wDown, biases: weights.expertBiases)
  }

  /// Passes 8 and 7 through experts.
  private func routedBackward(
    _ dy: consuming Tensor, x: MatrixView, _ saved: inout LayerActivations,
    _ routed: RoutedExperts, beside dBeside: inout Tensor?
  ) -> Tensor {
    let normed = feedForwardInput(x, h: saved.h.view)
    if weights.mlpOutputNorm != nil, !saved.keepsFed { saved.fed = routed.forward(normed.view) }
    let dNormed: Tensor
    switch joinBackward(dy.view, saved.fed, weights.mlpOutputNorm) {
    case .some(let dFed): dNormed = routed.backward(dFed.view, x: normed.view)
    case .none: dNormed = routed.backward(dy.view, x: normed.view)
    }
    return feedForwardInputBackward(dNormed, dy, saved, beside: &dBeside)
  }

  /// The gradients of gate and up, in their places, from that of the down projection's output.
  private func activationBackward(_ dy: MatrixView, _ unit: inout GatedUnit) {
    gatedUnitBackward(
      dy, down: weights.wDown, gate: &unit.gate, up: &unit.up, kind.activation)
  }

  /// Gate and up, and the product behind them where it is normed: the kept ones, or computed again.
  private func takeGatedUnit(_ x: MatrixView, _ saved: inout LayerActivations) -> GatedUnit {
    if let unit = saved.gatedUnit.take() { return unit }
    let normed = feedForwardInput(x, h: saved.h.view)
    var unit = GatedUnit(rows: normed.rows, columns: weights.wGate.rows)
    let act = unit.fill(normed.view, gate: weights.wGate, up: weights.wUp, kind.activation)
    if weights.mlpOutputNorm != nil { saved.fed = linear(act.view, weights.wDown) }
    return unit
  }
}

// What stands before and behind the blocks, each with its gradient.
extension DecoderLayer {
  /// x, the input of a block, normed where a norm stands before it.
  private func blockInput(_ x: MatrixView, _ weight: [Float]?) -> Tensor {
    if let weight { return norm(x, weight) }
    return Tensor(copying: x)
  }

  private func blockInputBackward(
    _ dy: MatrixView, x: MatrixView, _ weight: [Float]?, addingTo dx: inout Tensor
  ) {
    if let weight {
      normBackward(dy, x: x, weight, addingTo: &dx)
    } else {
      dx.addRows(dy, from: 0)
    }
  }

  /// y += s·norm(x·Wᵀ + bias), with the scale and the norm that the layer has.
  ///
  /// - Returns: The product before the norm, where there is one.
  private func join(
    _ x: MatrixView, _ weight: WeightMatrix, _ bias: [Float]?, _ norm: [Float]?,
    to y: inout Tensor
  ) -> Tensor? {
    if bias == nil, norm == nil, kind.residualScale == 1 {
      addProjection(x, weight, to: &y)
      return nil
    }
    return join(linear(x, weight), bias, norm, to: &y)
  }

  /// y += s·norm(x + bias), with the scale and the norm that the layer has.
  ///
  /// - Returns: x + bias, where there is a norm.
  private func join(
    _ x: consuming Tensor, _ bias: [Float]?, _ norm: [Float]?, to y: inout Tensor
  ) -> Tensor? {
    var product = x
    if let bias {
      var view = product.mutableView
      addBias(bias, to: &view)
    }
    guard let norm else {
      y.addRows(product.view, from: 0, times: kind.residualScale)
      return nil
    }
    y.addRows(self.norm(product.view, norm).view, from: 0, times: kind.residualScale)
    return product
  }

  /// The gradient of the product in ``join``; nil where it is dy itself.
  private func joinBackward(
    _ dy: MatrixView, _ product: borrowing Tensor?, _ norm: [Float]?
  ) -> Tensor? {
    if norm == nil, kind.residualScale == 1 { return nil }
    var scaled = Tensor.zeros(rows: dy.rows, columns: dy.columns)
    scaled.addRows(dy, from: 0, times: kind.residualScale)
    guard let norm else { return scaled }
    var dx = Tensor.zeros(rows: dy.rows, columns: dy.columns)
    switch product {
    case .some(let product): normBackward(scaled.view, x: product.view, norm, addingTo: &dx)
    case .none: preconditionFailure("a norm behind a block whose product was not kept")
    }
    return dx
  }

  /// q times what the layer's scale of scores is beside 1/√D, which the attention applies; or its gradient.
  private func scaleQueries(_ qkv: inout QueryKeyValue) {
    guard let scale = kind.attentionScale else { return }
    qkv.q.scale(by: scale * Float(shape.headDim).squareRoot())
  }
}

// The passes that work on more than one matrix, each with its gradient.
extension DecoderLayer {
  private func norm(_ x: MatrixView, _ weight: [Float]) -> Tensor {
    normalization.apply(x, weight)
  }

  private func normBackward(
    _ dy: MatrixView, x: MatrixView, _ weight: [Float], addingTo dx: inout Tensor
  ) {
    var view = dx.mutableView
    normalization.backward(dy, x: x, weight, addingTo: &view)
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

  /// Norms q and k in place and returns what they were, where the layer norms them: each head by a weight of its
  /// width, or all of them by one of theirs.
  private func normHeads(_ projected: inout QueryKeyValue) -> HeadsBeforeNorm? {
    guard let norms = weights.headNorms else { return nil }
    var heads = HeadsBeforeNorm(
      q: normHeads(projected.q.view, norms.q), k: normHeads(projected.k.view, norms.k))
    swap(&heads.q, &projected.q)
    swap(&heads.k, &projected.k)
    return heads
  }

  private func normHeads(_ x: MatrixView, _ weight: [Float]) -> Tensor {
    norm(x.split(weight.count), weight).copy(rows: x.rows, columns: x.columns)
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
    var heads = view.split(weight.count)
    normalization.backward(
      dy.split(weight.count), x: x.split(weight.count), weight, addingTo: &heads)
    return dx
  }

  /// Turns q and k by their positions; `inverse` turns them, or their gradients, back.
  private func rotate(
    _ qkv: inout QueryKeyValue, table: borrowing RotaryTable, inverse: Bool = false
  ) {
    var q = qkv.q.mutableView
    table.rotate(&q, rows: output, layer: index, inverse: inverse)
    var k = qkv.k.mutableView
    table.rotate(&k, rows: input, layer: index, inverse: inverse)
  }
}
