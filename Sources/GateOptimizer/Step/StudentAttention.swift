import BasicContainers
import Transformer

/// The student's attention: every head mixes full attention with its own streaming attention,
/// o = a·o_full + (1 − a)·o_stream.
///
/// It goes along with a walk over the layers, and with the walk back, which meets the layers from the
/// last one on.
struct StudentAttention: ~Copyable {
  /// (L, K).
  let gates: [[Float]]
  let window: StreamingWindow
  let retrieval: RetrievalSource
  /// What the backward needs of the layers whose activations are kept, the last one at the end.
  private var saved = UniqueArray<MixedAttention>()
  /// da (K) of each layer that was met on the way back, the last one first.
  private var gradients: [[Double]] = []

  init(gates: [[Float]], window: StreamingWindow, retrieval: RetrievalSource) {
    self.gates = gates
    self.window = window
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
    let gates = gates[layer.index]
    let stream = layer.attend(qkv, .streaming(window))
    switch retrieval {
    case .teacher:
      let mixed = stream.mixed(with: teacher.attention[layer.index], gates: gates)
      if keeping { saved.append(MixedAttention(stream: stream, full: nil)) }
      return mixed
    case .student:
      let full = layer.attend(qkv, .causal)
      let mixed = stream.mixed(with: full.o, gates: gates)
      if keeping { saved.append(MixedAttention(stream: stream, full: full)) }
      return mixed
    }
  }

  /// The gradients of a layer's q, k and v from dO (output, H·D), and its gates' into ``gateGradients``.
  ///
  /// - Returns: nil for the first layer, below which nothing is wanted.
  mutating func backward(
    _ dO: consuming Tensor, _ qkv: borrowing QueryKeyValue, in layer: DecoderLayer,
    teacher: borrowing TeacherOutputs
  ) -> QueryKeyValue? {
    guard let saved = saved.popLast() else { preconditionFailure("layer \(layer.index)") }
    let gates = gates[layer.index]
    let stream = saved.stream
    switch consume saved.full {
    case .none:
      gradients.append(
        dO.mixBackward(
          full: teacher.attention[layer.index], stream: stream.o, gates: gates))
      guard layer.index > 0 else { return nil }
      return layer.attendBackward(dO, qkv, stream, .streaming(window))
    case .some(let full):
      // The full attention's share of the gradient, before the mix leaves the streaming one's.
      let dFull = dO.scaled(gates: gates)
      gradients.append(
        dO.mixBackward(full: full.o, stream: stream.o, gates: gates))
      guard layer.index > 0 else { return nil }
      var sum = layer.attendBackward(dO, qkv, stream, .streaming(window))
      sum.add(layer.attendBackward(dFull, qkv, full, .causal))
      return sum
    }
  }
}

/// One layer's two attentions; the full one where it is the student's own.
struct MixedAttention: ~Copyable {
  let stream: AttentionOutput
  let full: AttentionOutput?
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
