import Transformer

/// The operations of one two-stream step, part by part as ``StepSeconds``.
package struct StepOperations: Sendable, Equatable {
  /// The teacher's forward.
  package var teacher = Operations()
  /// The student's forward.
  package var student = Operations()
  /// From the loss to the gates' gradients.
  package var backward = Operations()

  /// No operations yet.
  package init() {}

  /// The whole step.
  package var total: Operations { teacher + student + backward }
}

extension OperationCount {
  /// One two-stream step; `labelRows` end the sample.
  ///
  /// The backward of a layer, in which weights are frozen so that each projection is one product dX = dY·W,
  /// costs
  ///
  ///     projections   as the forward; in the first layer gate, up, down and o alone
  ///     gates         2·m·H·D: the inner products ⟨dO, o_full − o_stream⟩
  ///     attention     8·D per pair and query head: dV, dP, dQ, dK; none in the first layer
  ///
  /// Weights P that are computed twice in place of being kept count once, and the gates' mix not at all.
  package func step(window: StreamingWindow, labelRows: Range<Int>) -> StepOperations {
    let streaming = AttentionPattern.streaming(c, window: window)
    let cones = c.rowPlan(streaming, output: RowSet(sink: 0, tail: labelRows))
    var result = StepOperations()
    result.teacher = prefill(.full(c), rows: labelRows)
    result.student = prefill(streaming, rows: labelRows)
    for layer in 0..<c.layers {
      result.backward =
        result.backward
        + backward(window, layer: layer, input: cones[layer], output: cones[layer + 1])
    }
    return result
  }

  /// The backward of one layer of the student.
  private func backward(
    _ window: StreamingWindow, layer: Int, input: RowSet, output: RowSet
  ) -> Operations {
    let queryWidth = c.queryHeads * c.headDim
    var result = Operations()
    result.projections =
      output.count * (2 * c.hidden * queryWidth + c.feedForwardOperations(layer: layer))
    let own = c.kinds[layer].ownWindow
    result.attention = own == nil ? 2 * output.count * queryWidth : 0
    if layer == 0 { return result }
    result.projections +=
      4 * input.count * c.hidden * c.keyValueHeads * c.headDim
      + 2 * output.count * c.hidden * queryWidth
    result.attention += 8 * queryWidth * output.visiblePairs(own ?? window)
    return result
  }
}

extension StreamingWindow {
  /// Rows of the student added up over the outputs of `layers` layers, as docs/method.md predicts them
  /// for `labels` rows at the end of `tokens`.
  ///
  /// The output d layers below the last has min(T, sink + R + d·(recent − 1)) rows, the last one R.
  package func predictedStudentRows(layers: Int, labels: Int, tokens: Int) -> Int {
    (1..<max(layers, 1)).reduce(labels) { sum, distance in
      sum + min(tokens, sink + labels + distance * (recent - 1))
    }
  }
}
