import BasicContainers

extension TwoStreamStep {
  /// The loss and its gradient for the student's residual stream after the last layer, (R, C).
  struct Loss: ~Copyable {
    var value: Double
    var gradient: Tensor
  }

  /// Mean squared difference of the final hidden states at the label rows: `target` is the teacher's,
  /// `student` the residual stream after the last layer, (R, C) each.
  func loss(target: MatrixView, student: borrowing Tensor) -> Loss {
    let hidden = decoder.finalNorm(student.view)
    let count = Double(hidden.rows * hidden.columns)
    var difference = Tensor(rows: hidden.rows, columns: hidden.columns)
    var total = 0.0
    var gradient = Tensor.zeros(rows: hidden.rows, columns: hidden.columns)
    do {
      var view = difference.mutableView
      for r in 0..<hidden.rows {
        var row = view.row(r)
        VectorMath.blend(hidden.view.row(r), 1, target.row(r), -1, into: &row)
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
  /// product. What a layer did not keep is computed again.
  func backward(
    _ gradient: consuming Tensor, teacher: borrowing TeacherOutputs,
    saved: consuming UniqueArray<StudentLayer>, table: borrowing RotaryTable
  ) -> [[Double]] {
    var dy = gradient
    var result: [[Double]] = []
    while let saved = saved.popLast() {
      let place = saved.place
      let layer = decoder.weights.layers[place.layer]
      let x = saved.x
      var attended: StudentAttention
      switch consume saved.attended {
      case .some(let kept): attended = kept
      case .none:
        attended = studentAttention(x.view, full: teacher.attention, place, table: table)
      }
      var dh = feedForwardBackward(dy, &attended, layer)
      var dO = outputProjectionBackward(dh, layer)
      // The own full attention's share of the gradient, before the mix takes the streaming one's.
      var dFull = Tensor(rows: 0, columns: 0)
      if retrieval == .student { dFull = scaled(dO.view, gates: place.gates) }
      result.append(gateBackward(&dO, teacher: teacher, attended, place))
      // Nothing below the first layer is wanted.
      guard place.layer > 0 else { break }
      dy = attentionBackward(
        dO, dFull: dFull, x: x.view, attended, layer, place, table: table)
      addResidual(&dh, to: &dy, place)
    }
    return result.reversed()
  }

  /// dy (output, C) to dh (output, C), h being the residual stream after attention.
  private func feedForwardBackward(
    _ dy: borrowing Tensor, _ saved: inout StudentAttention, _ layer: LayerWeights
  ) -> Tensor {
    var unit = takeGatedUnit(&saved, layer)
    gatedUnitBackward(dy.view, down: layer.wDown, gate: &unit.gate, up: &unit.up)
    var dNormed = Tensor(rows: dy.rows, columns: dy.columns)
    var dh = dy.copy()
    var dNormedView = dNormed.mutableView
    linearBackward(unit.gate.view, layer.wGate, into: &dNormedView)
    linearBackward(unit.up.view, layer.wUp, into: &dNormedView, adding: true)
    var dhView = dh.mutableView
    rmsNormBackward(
      dNormedView.reading(), x: saved.h.view, weight: layer.mlpNorm,
      epsilon: decoder.configuration.rmsNormEpsilon, addingTo: &dhView)
    return dh
  }

  /// Gate and up: the kept ones, or computed again.
  private func takeGatedUnit(
    _ saved: inout StudentAttention, _ layer: LayerWeights
  ) -> GatedUnit {
    if let unit = saved.gatedUnit.take() { return unit }
    let normed = decoder.feedForwardNorm(saved.h.view, layer)
    var unit = GatedUnit(rows: normed.rows, columns: layer.wGate.rows)
    _ = unit.fill(normed.view, layer)
    return unit
  }

  /// dh (output, C) to dO (output, H·D).
  private func outputProjectionBackward(
    _ dh: borrowing Tensor, _ layer: LayerWeights
  ) -> Tensor {
    var dO = Tensor(rows: dh.rows, columns: decoder.shape.queryWidth)
    var view = dO.mutableView
    linearBackward(dh.view, layer.wo, into: &view)
    return dO
  }

  /// da (K) of the layer; dO becomes the gradient of the streaming output.
  private func gateBackward(
    _ dO: inout Tensor, teacher: borrowing TeacherOutputs, _ saved: borrowing StudentAttention,
    _ place: StudentPlace
  ) -> [Double] {
    var view = dO.mutableView
    let (stream, gates) = (saved.streamOutput.view, place.gates)
    switch retrieval {
    case .teacher:
      let full = teacher.attention[place.layer].view
      return mixBackward(&view, full: full, stream: stream, gates: gates)
    case .student:
      return mixBackward(&view, full: saved.fullOutput.view, stream: stream, gates: gates)
    }
  }

  /// a·dO, each gate a for the columns of its group.
  private func scaled(_ dO: MatrixView, gates: [Float]) -> Tensor {
    let nothing = Tensor.zeros(rows: dO.rows, columns: dO.columns)
    return mix(full: dO, stream: nothing.view, gates: gates)
  }

  /// dO (output, H·D), and the own full attention's dFull, to the gradient of the layer's input through
  /// attention alone, (input, C).
  private func attentionBackward(
    _ dO: borrowing Tensor, dFull: borrowing Tensor, x: MatrixView,
    _ saved: borrowing StudentAttention,
    _ layer: LayerWeights, _ place: StudentPlace, table: borrowing RotaryTable
  ) -> Tensor {
    let (input, output) = (place.input, place.output)
    var gradients = Transformer.attentionBackward(
      dO: dO.view, q: saved.projections.rotated.q.view, k: saved.projections.rotated.k.view,
      v: saved.projections.rotated.v.view, o: saved.streamOutput.view,
      logSumExp: saved.logSumExp.view, shape: decoder.shape, visibility: .streaming(window),
      queries: output, keys: input)
    if retrieval == .student {
      let more = Transformer.attentionBackward(
        dO: dFull.view, q: saved.projections.rotated.q.view, k: saved.projections.rotated.k.view,
        v: saved.projections.rotated.v.view, o: saved.fullOutput.view,
        logSumExp: saved.fullLogSumExp.view, shape: decoder.shape, visibility: .causal,
        queries: output, keys: input)
      gradients.add(more)
    }
    decoder.rotateBack(&gradients, saved, layer, place, table: table)
    var dNormed = Tensor(rows: input.count, columns: x.columns)
    var dQueries = Tensor(rows: output.count, columns: x.columns)
    var dx = Tensor.zeros(rows: input.count, columns: x.columns)
    var view = dNormed.mutableView
    linearBackward(gradients.k.view, layer.wk, into: &view)
    linearBackward(gradients.v.view, layer.wv, into: &view, adding: true)
    var queryView = dQueries.mutableView
    linearBackward(gradients.q.view, layer.wq, into: &queryView)
    input.scatterAdd(queryView.reading(), from: output, to: &view)
    var dxView = dx.mutableView
    rmsNormBackward(
      view.reading(), x: x, weight: layer.attentionNorm,
      epsilon: decoder.configuration.rmsNormEpsilon, addingTo: &dxView)
    return dx
  }

  /// dx += dh at the output's rows: the residual around attention.
  private func addResidual(_ dh: inout Tensor, to dx: inout Tensor, _ place: StudentPlace) {
    var view = dx.mutableView
    place.input.scatterAdd(dh.view, from: place.output, to: &view)
  }
}

extension DecoderModel {
  /// Turns dq and dk back by their positions and through the per-head norms.
  func rotateBack(
    _ gradients: inout QueryKeyValue, _ saved: borrowing StudentAttention, _ layer: LayerWeights,
    _ place: StudentPlace, table: borrowing RotaryTable
  ) {
    var dq = gradients.q.mutableView
    rotate(&dq, rows: place.output, table: table, inverse: true)
    var dk = gradients.k.mutableView
    rotate(&dk, rows: place.input, table: table, inverse: true)
    guard let norms = layer.headNorms else { return }
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
