/// What one layer of the student keeps for its backward.
struct StudentLayer: ~Copyable {
  /// Rows at the layer's input and output.
  let input: RowSet
  let output: RowSet
  /// The layer's input, (input, C).
  let x: Tensor
  /// Rotated q (output), k and v (input), and q and k before the per-head norm.
  let projections: Projections
  /// The teacher's attention output at the student's rows, (output, H·D).
  let fullOutput: Tensor
  /// The student's streaming attention, (output, H·D), and its log-sum-exp, (output, H).
  let streamOutput: Tensor
  let logSumExp: Tensor
  /// The residual stream after attention (output, C), gate and up before the activation (output, F).
  let h: Tensor
  let gate: Tensor
  let up: Tensor
}

extension TwoStreamStep {
  /// One layer of the teacher: its output, and its attention output at the student's rows.
  struct TeacherLayer: ~Copyable {
    var y: Tensor
    var kept: Tensor
  }

  /// One layer of the student: its output, and what its backward needs.
  struct StudentOutput: ~Copyable {
    var y: Tensor
    var activations: StudentLayer
  }

  func teacherLayer(
    _ x: MatrixView, _ layer: borrowing PreparedLayer, input: RowSet, output: RowSet,
    keep: RowSet, table: borrowing RotaryTable
  ) -> TeacherLayer {
    let projected = decoder.project(x, layer, input: input, output: output, table: table)
    let everyHead = Array(repeating: true, count: decoder.configuration.keyValueHeads)
    let o = decoder.attend(
      projected.rotated, isRetrieval: everyHead, window: window, input: input, output: output)
    let kept = output.gather(o.view, keep)
    let rest = decoder.finish(x, o: o.view, layer, input: input, output: output)
    return TeacherLayer(y: rest.y, kept: kept)
  }

  func studentLayer(
    _ x: consuming Tensor, fullOutput: consuming Tensor, _ layer: borrowing PreparedLayer,
    gates: [Float], input: RowSet, output: RowSet, table: borrowing RotaryTable
  ) -> StudentOutput {
    let projected = decoder.project(x.view, layer, input: input, output: output, table: table)
    var stream = Tensor(rows: output.count, columns: decoder.shape.queryWidth)
    var logSumExp = Tensor(rows: output.count, columns: decoder.shape.queryHeads)
    decoder.attend(
      projected.rotated, heads: Array(gates.indices), .streaming(window), input: input,
      output: output, into: &stream, logSumExp: &logSumExp)
    let mixed = mix(full: fullOutput.view, stream: stream.view, gates: gates)
    let rest = decoder.finish(x.view, o: mixed.view, layer, input: input, output: output)
    let activations = StudentLayer(
      input: input, output: output, x: x, projections: projected, fullOutput: fullOutput,
      streamOutput: stream, logSumExp: logSumExp, h: rest.h, gate: rest.gate, up: rest.up)
    return StudentOutput(y: rest.y, activations: activations)
  }
}
