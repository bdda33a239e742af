import BasicContainers

extension TwoStreamStep {
  /// The loss and its gradient for the student's residual stream after the last layer, (R, C).
  struct Loss: ~Copyable {
    var value: Double
    var gradient: Tensor
  }

  /// Mean squared difference of the final hidden states: teacher and student are the residual
  /// streams after the last layer at the label rows, (R, C).
  func loss(teacher: borrowing Tensor, student: borrowing Tensor) -> Loss {
    let target = decoder.finalNorm(teacher.view)
    let hidden = decoder.finalNorm(student.view)
    let count = Double(hidden.rows * hidden.columns)
    var difference = Tensor(rows: hidden.rows, columns: hidden.columns)
    var total = 0.0
    var gradient = Tensor.zeros(rows: hidden.rows, columns: hidden.columns)
    do {
      var view = difference.mutableView
      for r in 0..<hidden.rows {
        var row = view.row(r)
        VectorMath.blend(hidden.view.row(r), 1, target.view.row(r), -1, into: &row)
        total += Double(VectorMath.dot(row.span, row.span))
        VectorMath.scale(&row, by: Float(2 / count))
      }
      var dx = gradient.mutableView
      rmsNormBackward(
        view.reading(), x: student.view, weight: decoder.weights.finalNorm,
        epsilon: decoder.configuration.rmsNormEpsilon, addingTo: &dx)
    }
    return Loss(value: total / count, gradient: gradient)
  }

  /// Gate gradients (L, K) from the gradient of the last layer's output (R, C).
  ///
  /// The layers of the forward, mirrored; weights are frozen, so that each projection costs one
  /// product.
  func backward(
    _ gradient: consuming Tensor, gates: [[Float]], saved: consuming UniqueArray<StudentLayer>,
    table: borrowing RotaryTable
  ) -> [[Double]] {
    var dy = gradient
    var result: [[Double]] = []
    while let activations = saved.popLast() {
      let layer = saved.count
      let prepared = PreparedLayer(decoder.weights.layers[layer])
      var dh = feedForwardBackward(dy, activations, prepared)
      var dO = outputProjectionBackward(dh, prepared)
      result.append(gateBackward(&dO, activations, gates: gates[layer]))
      // Nothing below the first layer is wanted.
      guard layer > 0 else { break }
      dy = attentionBackward(dO, activations, prepared, table: table)
      addResidual(&dh, to: &dy, activations)
    }
    return result.reversed()
  }

  /// dy (output, C) to dh (output, C), h being the residual stream after attention.
  private func feedForwardBackward(
    _ dy: borrowing Tensor, _ saved: borrowing StudentLayer, _ layer: borrowing PreparedLayer
  ) -> Tensor {
    var dAct = Tensor(rows: dy.rows, columns: saved.gate.columns)
    var dGate = saved.gate.copy()
    var dUp = saved.up.copy()
    var dNormed = Tensor(rows: dy.rows, columns: dy.columns)
    var dh = dy.copy()
    var dActView = dAct.mutableView
    linearBackward(dy.view, layer.wDown, into: &dActView)
    var dGateView = dGate.mutableView
    var dUpView = dUp.mutableView
    swigluBackward(dActView.reading(), gate: &dGateView, up: &dUpView)
    var dNormedView = dNormed.mutableView
    linearBackward(dGateView.reading(), layer.wGate, into: &dNormedView)
    linearBackward(dUpView.reading(), layer.wUp, into: &dNormedView, beta: 1)
    var dhView = dh.mutableView
    rmsNormBackward(
      dNormedView.reading(), x: saved.h.view, weight: layer.weights.mlpNorm,
      epsilon: decoder.configuration.rmsNormEpsilon, addingTo: &dhView)
    return dh
  }

  /// dh (output, C) to dO (output, H·D).
  private func outputProjectionBackward(
    _ dh: borrowing Tensor, _ layer: borrowing PreparedLayer
  ) -> Tensor {
    var dO = Tensor(rows: dh.rows, columns: decoder.shape.queryWidth)
    var view = dO.mutableView
    linearBackward(dh.view, layer.wo, into: &view)
    return dO
  }

  /// da (K) of the layer; dO becomes the gradient of the streaming output.
  private func gateBackward(
    _ dO: inout Tensor, _ saved: borrowing StudentLayer, gates: [Float]
  ) -> [Double] {
    var view = dO.mutableView
    return mixBackward(
      &view, full: saved.fullOutput.view, stream: saved.streamOutput.view, gates: gates)
  }

  /// dO (output, H·D) to the gradient of the layer's input through attention alone, (input, C).
  private func attentionBackward(
    _ dO: borrowing Tensor, _ saved: borrowing StudentLayer, _ layer: borrowing PreparedLayer,
    table: borrowing RotaryTable
  ) -> Tensor {
    var gradients = streamingAttentionBackward(
      dO: dO.view, q: saved.projections.rotated.q.view, k: saved.projections.rotated.k.view,
      v: saved.projections.rotated.v.view, o: saved.streamOutput.view,
      logSumExp: saved.logSumExp.view, shape: decoder.shape, window: window,
      queries: saved.output, keys: saved.input)
    decoder.rotateBack(&gradients, saved, weights: layer.weights, table: table)
    var dNormed = Tensor(rows: saved.input.count, columns: saved.x.columns)
    var dQueries = Tensor(rows: saved.output.count, columns: saved.x.columns)
    var dx = Tensor.zeros(rows: saved.input.count, columns: saved.x.columns)
    var view = dNormed.mutableView
    linearBackward(gradients.k.view, layer.wk, into: &view)
    linearBackward(gradients.v.view, layer.wv, into: &view, beta: 1)
    var queryView = dQueries.mutableView
    linearBackward(gradients.q.view, layer.wq, into: &queryView)
    saved.input.scatterAdd(queryView.reading(), from: saved.output, to: &view)
    var dxView = dx.mutableView
    rmsNormBackward(
      view.reading(), x: saved.x.view, weight: layer.weights.attentionNorm,
      epsilon: decoder.configuration.rmsNormEpsilon, addingTo: &dxView)
    return dx
  }

  /// dx += dh at the output's rows: the residual around attention.
  private func addResidual(_ dh: inout Tensor, to dx: inout Tensor, _ saved: borrowing StudentLayer)
  {
    var view = dx.mutableView
    saved.input.scatterAdd(dh.view, from: saved.output, to: &view)
  }
}

extension DecoderModel {
  /// Turns dq and dk back by their positions and through the per-head norms.
  func rotateBack(
    _ gradients: inout QueryKeyValue, _ saved: borrowing StudentLayer, weights: LayerWeights,
    table: borrowing RotaryTable
  ) {
    var dq = gradients.q.mutableView
    rotate(&dq, rows: saved.output, table: table, inverse: true)
    var dk = gradients.k.mutableView
    rotate(&dk, rows: saved.input, table: table, inverse: true)
    guard let norms = weights.headNorms else { return }
    gradients.q = normHeadsBackward(
      gradients.q, x: saved.projections.beforeNormQ.view, weight: norms.q)
    gradients.k = normHeadsBackward(
      gradients.k, x: saved.projections.beforeNormK.view, weight: norms.k)
  }

  private func normHeadsBackward(
    _ dy: borrowing Tensor, x: MatrixView, weight: [Float]
  ) -> Tensor {
    var dx = Tensor.zeros(rows: x.rows, columns: x.columns)
    var view = dx.mutableView
    var heads = view.split(configuration.headDim)
    rmsNormBackward(
      dy.view.split(configuration.headDim), x: x.split(configuration.headDim), weight: weight,
      epsilon: configuration.rmsNormEpsilon, addingTo: &heads)
    return dx
  }
}

extension RowSet {
  /// y += x where y holds this set and x holds `part`, a subset.
  func scatterAdd(_ x: MatrixView, from part: RowSet, to y: inout MutableMatrixView) {
    precondition(x.rows == part.count && y.rows == count, "\(part) into \(self)")
    for run in part.runs where !run.positions.isEmpty {
      for (source, target) in zip(run.rows, rows(of: run.positions)) {
        var row = y.row(target)
        VectorMath.add(x.row(source), to: &row)
      }
    }
  }
}
