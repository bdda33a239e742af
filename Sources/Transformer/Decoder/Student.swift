import BasicContainers

/// Where in the student a layer is: its number, its gates (K), and the rows at its input and output.
struct StudentPlace {
  let layer: Int
  let gates: [Float]
  let input: RowSet
  let output: RowSet
}

/// What one layer of the student keeps for its backward.
struct StudentLayer: ~Copyable {
  let place: StudentPlace
  /// The layer's input, (input, C).
  let x: Tensor
  /// The rest, if it is kept.
  var attended: StudentAttention?
}

/// What a layer's backward needs besides its input.
struct StudentAttention: ~Copyable {
  /// Rotated q (output), k and v (input), and q and k before the per-head norm.
  let projections: Projections
  /// The streaming attention, (output, H·D), and its log-sum-exp, (output, H).
  let streamOutput: Tensor
  let logSumExp: Tensor
  /// The student's own full attention, (output, H·D), and its log-sum-exp, (output, H); of no rows where the
  /// teacher's is mixed in.
  let fullOutput: Tensor
  let fullLogSumExp: Tensor
  /// The residual stream after attention, (output, C).
  let h: Tensor
  /// Gate and up before the activation, (output, F), if they are kept.
  var gatedUnit: GatedUnit?
}

/// The two products of the feed-forward block before its activation, (rows, F).
struct GatedUnit: ~Copyable {
  var gate: Tensor
  var up: Tensor
}

extension TwoStreamStep {
  /// One layer of the student: its output, and what its backward needs.
  struct StudentOutput: ~Copyable {
    var y: Tensor
    var activations: StudentLayer
  }

  /// One layer of the student; `full` has the teacher's attention outputs, (output, H·D) for each layer.
  func studentLayer(
    _ x: consuming Tensor, full: borrowing UniqueArray<Tensor>, _ place: StudentPlace,
    table: borrowing RotaryTable, keeping retention: Retention
  ) -> StudentOutput {
    let layer = decoder.weights.layers[place.layer]
    var attended = studentAttention(x.view, full: full, place, table: table)
    let normed = decoder.feedForwardNorm(attended.h.view, layer)
    var y = attended.h.copy()
    if retention == .all {
      var unit = GatedUnit(rows: y.rows, columns: layer.wGate.rows)
      let act = unit.fill(normed.view, layer)
      decoder.addProjection(act.view, layer.wDown, to: &y)
      attended.gatedUnit = consume unit
    } else {
      let act = gatedUnit(normed.view, gate: layer.wGate, up: layer.wUp)
      decoder.addProjection(act.view, layer.wDown, to: &y)
    }
    if retention == .input {
      return StudentOutput(y: y, activations: StudentLayer(place: place, x: x, attended: nil))
    }
    return StudentOutput(
      y: y, activations: StudentLayer(place: place, x: x, attended: consume attended))
  }

  /// The student's layer up to the residual sum after attention; x (input, C).
  func studentAttention(
    _ x: MatrixView, full: borrowing UniqueArray<Tensor>, _ place: StudentPlace,
    table: borrowing RotaryTable
  ) -> StudentAttention {
    let (input, output) = (place.input, place.output)
    let layer = decoder.weights.layers[place.layer]
    let projected = decoder.project(x, layer, input: input, output: output, table: table)
    var stream = Tensor(rows: output.count, columns: decoder.shape.queryWidth)
    var logSumExp = Tensor(rows: output.count, columns: decoder.shape.queryHeads)
    decoder.attend(
      projected.rotated, heads: Array(place.gates.indices), .streaming(window), input: input,
      output: output, into: &stream, logSumExp: &logSumExp)
    let own = retrieval == .student ? output.count : 0
    var fullOutput = Tensor(rows: own, columns: decoder.shape.queryWidth)
    var fullLogSumExp = Tensor(rows: own, columns: decoder.shape.queryHeads)
    let mixed: Tensor
    if retrieval == .student {
      decoder.attend(
        projected.rotated, heads: Array(place.gates.indices), .causal, input: input,
        output: output, into: &fullOutput, logSumExp: &fullLogSumExp)
      mixed = mix(full: fullOutput.view, stream: stream.view, gates: place.gates)
    } else {
      mixed = mix(full: full[place.layer].view, stream: stream.view, gates: place.gates)
    }
    let h = decoder.afterAttention(x, o: mixed.view, layer, input: input, output: output)
    return StudentAttention(
      projections: projected, streamOutput: stream, logSumExp: logSumExp, fullOutput: fullOutput,
      fullLogSumExp: fullLogSumExp, h: h, gatedUnit: nil)
  }
}

extension GatedUnit {
  /// Undefined products.
  init(rows: Int, columns: Int) {
    gate = Tensor(rows: rows, columns: columns)
    up = Tensor(rows: rows, columns: columns)
  }

  /// Computes both products of x (rows, C) and returns the activation, (rows, F).
  mutating func fill(_ x: MatrixView, _ layer: LayerWeights) -> Tensor {
    Transformer.gatedUnit(
      x, gate: layer.wGate, up: layer.wUp, keepingGate: &gate, up: &up)
  }
}
