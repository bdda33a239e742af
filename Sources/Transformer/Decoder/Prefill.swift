extension DecoderModel {
  /// Final hidden states (after the final norm) of the positions `rows`, (rows, C), when every head
  /// attends as `pattern` says; all positions if `rows` is nil.
  ///
  /// Only what these rows depend on is computed: under a layer that is wholly streaming, the window
  /// before them and the sink.
  public func finalHidden(
    _ tokens: [Int32], pattern: AttentionPattern, rows: Range<Int>? = nil
  ) -> Tensor {
    let wanted = RowSet(sink: 0, tail: rows ?? 0..<tokens.count)
    precondition(wanted.tail.upperBound <= tokens.count, "rows \(wanted) of \(tokens.count)")
    let plan = rowPlan(pattern, output: wanted)
    let table = RotaryTable(configuration, positions: wanted.tail.upperBound)
    var x = embed(tokens, rows: plan[0])
    for layer in 0..<configuration.layers {
      x = prefillLayer(
        x.view, layer: layer, pattern: pattern, input: plan[layer], output: plan[layer + 1],
        table: table)
    }
    return finalNorm(x.view)
  }

  /// One layer of a prefill: (input, C) to (output, C).
  ///
  /// `keep` is shown its keys and values, (input, K·D) each.
  func prefillLayer(
    _ x: MatrixView, layer: Int, pattern: AttentionPattern, input: RowSet, output: RowSet,
    table: borrowing RotaryTable, keep: (MatrixView, MatrixView) -> Void = { _, _ in }
  ) -> Tensor {
    let weights = weights.layers[layer]
    let projected = project(x, weights, input: input, output: output, table: table)
    keep(projected.rotated.k.view, projected.rotated.v.view)
    let o = attend(
      projected.rotated, isRetrieval: pattern.isRetrieval[layer], window: pattern.window,
      input: input, output: output)
    return finish(x, o: o.view, weights, input: input, output: output)
  }

  /// The rows at each layer's input, and at the last one's output: (L + 1).
  func rowPlan(_ pattern: AttentionPattern, output: RowSet) -> [RowSet] {
    precondition(pattern.isRetrieval.count == configuration.layers, "pattern of another model")
    var plan = [output]
    for heads in pattern.isRetrieval.reversed() {
      precondition(heads.count == configuration.keyValueHeads, "pattern of another model")
      let above = plan[plan.count - 1]
      plan.append(
        heads.contains(true) ? .all(above.tail.upperBound) : above.cone(pattern.window))
    }
    return plan.reversed()
  }
}
