import BasicContainers
import Transformer

/// The student's attention: every head mixes full attention with its own streaming attention,
/// o = a·o_full + (1 − a)·o_stream.
///
/// A layer with a window of its own attends to that alone. It goes along with a walk over the layers, and with the walk back, which meets the layers from the
/// last one on.
struct StudentAttention: ~Copyable {
  /// (L, K).
  let gates: [[Float]]
  /// What streaming heads see, and which rows stream.
  let rule: StreamingRule
  let retrieval: RetrievalSource
  /// What the backward needs of the layers whose activations are kept, the last one at the end.
  private var saved = UniqueArray<MixedAttention>()
  /// da (K) of each layer that was met on the way back, the last one first.
  private var gradients: [[Double]] = []

  init(gates: [[Float]], rule: StreamingRule, retrieval: RetrievalSource) {
    self.gates = gates
    self.rule = rule
    self.retrieval = retrieval
  }

  /// The loss's gradient for each gate, (L, K), after the walk back.
  var gateGradients: [[Double]] { gradients.reversed() }

  /// The mix of one layer, (output, H·D).
  ///
  /// With `keeping` the layer is the next one that ``backward(_:_:in:teacher:)`` meets.
  mutating func attend(
    _ qkv: borrowing QueryKeyValue, in layer: DecoderLayer, teacher: borrowing TeacherOutputs,
    keeping: Bool
  ) -> Tensor {
    if layer.kind.window != nil {
      let own = attend(qkv, layer.kind.ownVisibility, in: layer, teacher)
      guard keeping else { return own.output() }
      let o = own.o.rows(0..<own.o.rows)
      saved.append(MixedAttention(own))
      return o
    }
    guard rule.covers(layer.output) else { return attendSplit(qkv, in: layer, teacher, keeping) }
    let gates = gates[layer.index]
    let stream = attend(qkv, rule.visibility, in: layer, teacher)
    switch retrieval {
    case .teacher:
      let mixed = stream.mixed(with: teacher.attention[layer.index], gates: gates)
      if keeping { saved.append(MixedAttention(stream)) }
      return mixed
    case .student:
      let full = attend(qkv, .causal, in: layer, teacher)
      let mixed = stream.mixed(with: full.o, gates: gates)
      if keeping {
        var both = MixedAttention(stream)
        both.full = both.keep(full)
        saved.append(both)
      }
      return mixed
    }
  }

  /// The same where some of the layer's rows do not stream: these have full attention of their own.
  private mutating func attendSplit(
    _ qkv: borrowing QueryKeyValue, in layer: DecoderLayer, _ teacher: borrowing TeacherOutputs,
    _ keeping: Bool
  ) -> Tensor {
    var o = Tensor(rows: layer.output.count, columns: layer.shape.queryWidth)
    var kept = MixedAttention()
    for piece in rule.split(layer.output) {
      let own = layer.attend(qkv, piece.visibility, rows: piece.set, at: piece.place)
      guard piece.streams else {
        o.setRows(from: piece.place.lowerBound, own.o)
        kept.rest = kept.keep(own)
        continue
      }
      switch retrieval {
      case .teacher:
        o.setRows(
          from: piece.place.lowerBound,
          own.mixed(with: teacher.attention[layer.index], gates: gates[layer.index]))
      case .student:
        let full = layer.attend(qkv, .causal, rows: piece.set, at: piece.place)
        o.setRows(
          from: piece.place.lowerBound, own.mixed(with: full.o, gates: gates[layer.index]))
        kept.full = kept.keep(full)
      }
      kept.stream = kept.keep(own)
    }
    if keeping { saved.append(kept) }
    return o
  }

  private func attend(
    _ qkv: borrowing QueryKeyValue, _ visibility: Visibility, in layer: DecoderLayer,
    _ teacher: borrowing TeacherOutputs
  ) -> AttentionOutput {
    teacher.prompts.isEmpty
      ? layer.attend(qkv, visibility)
      : layer.attend(qkv, visibility, after: teacher.prompts[layer.index])
  }

  private func attendBackward(
    _ dO: borrowing Tensor, _ qkv: borrowing QueryKeyValue, _ saved: borrowing AttentionOutput,
    _ visibility: Visibility, in layer: DecoderLayer, _ teacher: borrowing TeacherOutputs
  ) -> QueryKeyValue {
    teacher.prompts.isEmpty
      ? layer.attendBackward(dO, qkv, saved, visibility)
      : layer.attendBackward(dO, qkv, saved, visibility, after: teacher.prompts[layer.index])
  }

  /// The gradients of a layer's q, k and v from dO (output, H·D), and its gates' into ``gateGradients``.
  ///
  /// - Returns: nil for the first layer, below which nothing is wanted.
  mutating func backward(
    _ dO: consuming Tensor, _ qkv: borrowing QueryKeyValue, in layer: DecoderLayer,
    teacher: borrowing TeacherOutputs
  ) -> QueryKeyValue? {
    guard let saved = saved.popLast() else { preconditionFailure("layer \(layer.index)") }
    if layer.kind.window != nil {
      gradients.append(Array(repeating: 0, count: layer.shape.keyValueHeads))
      guard layer.index > 0 else { return nil }
      return attendBackward(
        dO, qkv, saved.outputs[saved.stream], layer.kind.ownVisibility, in: layer, teacher)
    }
    guard rule.covers(layer.output) else {
      return backwardSplit(dO, qkv, saved, in: layer, teacher)
    }
    let gates = gates[layer.index]
    guard let full = saved.full else {
      gradients.append(
        dO.mixBackward(
          full: teacher.attention[layer.index], stream: saved.outputs[saved.stream].o,
          gates: gates))
      guard layer.index > 0 else { return nil }
      return attendBackward(
        dO, qkv, saved.outputs[saved.stream], rule.visibility, in: layer, teacher)
    }
    // The full attention's share of the gradient, before the mix leaves the streaming one's.
    let dFull = dO.scaled(gates: gates)
    gradients.append(
      dO.mixBackward(
        full: saved.outputs[full].o, stream: saved.outputs[saved.stream].o, gates: gates))
    guard layer.index > 0 else { return nil }
    var sum = attendBackward(
      dO, qkv, saved.outputs[saved.stream], rule.visibility, in: layer, teacher)
    sum.add(attendBackward(dFull, qkv, saved.outputs[full], .causal, in: layer, teacher))
    return sum
  }

  /// The same where some of the layer's rows do not stream.
  private mutating func backwardSplit(
    _ dO: consuming Tensor, _ qkv: borrowing QueryKeyValue, _ saved: borrowing MixedAttention,
    in layer: DecoderLayer, _ teacher: borrowing TeacherOutputs
  ) -> QueryKeyValue? {
    var sum = QueryKeyValue.zeros(
      layer.shape, output: layer.output.count, input: layer.input.count)
    var dGates = [Double](repeating: 0, count: layer.shape.keyValueHeads)
    for piece in rule.split(layer.output) {
      var part = dO.rows(piece.place)
      guard piece.streams else {
        if layer.index > 0 {
          sum.add(
            layer.attendBackward(
              part, qkv, saved.outputs[saved.rest], piece.visibility, rows: piece.set,
              at: piece.place), at: piece.place)
        }
        continue
      }
      let own = saved.full ?? saved.stream
      let dFull = part.scaled(gates: gates[layer.index])
      dGates =
        saved.full == nil
        ? part.mixBackward(
          full: teacher.attention[layer.index], stream: saved.outputs[saved.stream].o,
          gates: gates[layer.index])
        : part.mixBackward(
          full: saved.outputs[own].o, stream: saved.outputs[saved.stream].o,
          gates: gates[layer.index])
      guard layer.index > 0 else { continue }
      sum.add(
        layer.attendBackward(
          part, qkv, saved.outputs[saved.stream], piece.visibility, rows: piece.set,
          at: piece.place), at: piece.place)
      if saved.full != nil {
        sum.add(
          layer.attendBackward(
            dFull, qkv, saved.outputs[own], .causal, rows: piece.set, at: piece.place),
          at: piece.place)
      }
    }
    gradients.append(dGates)
    guard layer.index > 0 else { return nil }
    return sum
  }
}

/// One layer's attentions.
struct MixedAttention: ~Copyable {
  var outputs = UniqueArray<AttentionOutput>()
  /// Which of them is the streaming one.
  var stream = 0
  /// The student's own full attention of the rows that stream.
  var full: Int?
  /// That of the rows that do not.
  var rest = 0

  init() {}

  init(_ stream: consuming AttentionOutput) { _ = keep(stream) }

  /// Takes in one more and returns its place.
  mutating func keep(_ output: consuming AttentionOutput) -> Int {
    outputs.append(output)
    return outputs.count - 1
  }
}

extension AttentionOutput {
  /// a·full + (1 − a)·o.
  fileprivate func mixed(with full: borrowing Tensor, gates: [Float]) -> Tensor {
    mix(full: full.view, stream: o.view, gates: gates)
  }
}

extension Tensor {
  /// Leaves (1 − a)·dO of dO and returns da (K).
  fileprivate mutating func mixBackward(
    full: borrowing Tensor, stream: borrowing Tensor, gates: [Float]
  ) -> [Double] {
    var view = mutableView
    return Transformer.mixBackward(&view, full: full.view, stream: stream.view, gates: gates)
  }

  /// a·dO, each gate a for the columns of its group.
  fileprivate func scaled(gates: [Float]) -> Tensor {
    let nothing = Tensor.zeros(rows: rows, columns: columns)
    return mix(full: view, stream: nothing.view, gates: gates)
  }
}
