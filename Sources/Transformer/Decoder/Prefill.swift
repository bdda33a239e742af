extension DecoderModel {
  /// Final hidden states (after the final norm) of the positions `rows`, (rows, C), when every head
  /// attends as `pattern` says; all positions if `rows` is nil.
  ///
  /// Only what these rows depend on is computed: under a layer that is wholly streaming, the window
  /// before them and the sink.
  package func finalHidden(
    _ tokens: [Int32], pattern: AttentionPattern, rows: Range<Int>? = nil
  ) -> Tensor {
    let wanted = RowSet(sink: 0, tail: rows ?? 0..<tokens.count)
    precondition(wanted.tail.upperBound <= tokens.count, "rows \(wanted) of \(tokens.count)")
    let plan = rowPlan(pattern, output: wanted)
    let table = RotaryTable(configuration, positions: wanted.tail.upperBound)
    return finalNorm(
      walk(embed(tokens, rows: plan[0]), rows: plan, table: table, pattern: pattern).view)
  }

  /// The walk in which every head attends as `pattern` says.
  func walk(
    _ x: consuming Tensor, layers: Range<Int>? = nil, rows: [RowSet],
    table: borrowing RotaryTable, pattern: AttentionPattern
  ) -> Tensor {
    walk(x, layers: layers, rows: rows, table: table) { layer, qkv in
      layer.attend(qkv, pattern)
    }
  }

  /// The rows at each layer's input, and at the last one's output: (L + 1).
  package func rowPlan(_ pattern: AttentionPattern, output: RowSet) -> [RowSet] {
    configuration.rowPlan(pattern, output: output)
  }
}

extension ModelConfiguration {
  /// The rows at each layer's input, and at the last one's output: (L + 1).
  package func rowPlan(_ pattern: AttentionPattern, output: RowSet) -> [RowSet] {
    precondition(pattern.isRetrieval.count == layers, "pattern of another model")
    var plan = [output]
    for (layer, kind) in kinds.enumerated().reversed() {
      let seen = kind.attention(under: pattern, layer: layer)
      precondition(
        seen.isRetrieval.count == keyValueHeads, "pattern of another model")
      let above = plan[plan.count - 1]
      if let rule = seen.streaming, !seen.isRetrieval.contains(true), rule.covers(above) {
        plan.append(above.cone(rule))
      } else {
        plan.append(.all(above.tail.upperBound))
      }
    }
    return plan.reversed()
  }
}
