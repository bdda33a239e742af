import BasicContainers

/// What a walk keeps of a layer for the way back; the rest is computed again there, to the same bits.
package enum Retention {
  /// Nothing: there is no way back.
  case nothing
  /// The layer's input.
  case input
  /// Everything but the feed-forward block's gate and up, more than half of it.
  case withoutGatedUnit
  /// Everything.
  case all

  var keepsActivations: Bool { self == .withoutGatedUnit || self == .all }
}

/// A layer that a walk passed, and what it kept of it.
package struct SavedLayer: ~Copyable {
  let layer: DecoderLayer
  /// The layer's input, (input, C).
  let x: Tensor
  /// The rest, if it is kept.
  var activations: LayerActivations?
}

extension DecoderModel {
  /// One layer, from its rows `input` to its rows `output`.
  func layer(_ index: Int, input: RowSet, output: RowSet) -> DecoderLayer {
    DecoderLayer(self, index, input: input, output: output)
  }

  /// Carries the residual stream x through layers, the first one's input to the last one's output.
  ///
  /// Every computation on the layers is this walk; what differs is the attention. (A tree of patterns walks
  /// layer by layer, since it has more than one output for an input.)
  ///
  /// - Parameters:
  ///   - x: The first layer's input, (its rows, C).
  ///   - layers: Which layers; all of them if nil.
  ///   - rows: Rows at each layer's input, and at the last one's output: (L + 1).
  ///   - table: RoPE's angles for the positions of all rows.
  ///   - attend: The attention's output, (output, H·D), for a layer's rotated q (output, H·D), k and v
  ///     (input, K·D).
  /// - Returns: The last layer's output, (its rows, C).
  package func walk(
    _ x: consuming Tensor, layers: Range<Int>? = nil, rows: [RowSet],
    table: borrowing RotaryTable, attend: (DecoderLayer, borrowing QueryKeyValue) -> Tensor
  ) -> Tensor {
    var nothing = UniqueArray<SavedLayer>()
    let retention = [Retention](repeating: .nothing, count: configuration.layers)
    return walk(
      x, layers: layers, rows: rows, table: table, keeping: retention, in: &nothing,
      attend: attend)
  }

  /// The walk where there is a way back: `saved` gets of each layer what `retention` (L) says.
  package func walk(
    _ x: consuming Tensor, layers: Range<Int>? = nil, rows: [RowSet],
    table: borrowing RotaryTable, keeping retention: [Retention],
    in saved: inout UniqueArray<SavedLayer>,
    attend: (DecoderLayer, borrowing QueryKeyValue) -> Tensor
  ) -> Tensor {
    var x = x
    for index in layers ?? 0..<configuration.layers {
      let layer = layer(index, input: rows[index], output: rows[index + 1])
      let output = layer.forward(x.view, table: table, keeping: retention[index]) {
        attend(layer, $0)
      }
      if retention[index] != .nothing {
        saved.append(SavedLayer(layer: layer, x: x, activations: output.activations))
      }
      x = output.y
    }
    return x
  }

  /// The way back through the layers that a walk saved, from dy, the gradient of its result.
  ///
  /// - Parameters:
  ///   - dy: (rows of the last layer's output, C).
  ///   - saved: What the walk kept; each layer's goes when the layer is done.
  ///   - table: As on the way there.
  ///   - attend: As on the way there, for layers that are computed again.
  ///   - attendBackward: The gradients of a layer's q, k and v from those and dO (output, H·D); nil ends the
  ///     walk.
  /// - Returns: The gradient of the first layer's input, (its rows, C); nil if the walk ended before.
  @discardableResult package func walkBack(
    _ dy: consuming Tensor, saved: consuming UniqueArray<SavedLayer>,
    table: borrowing RotaryTable, attend: (DecoderLayer, borrowing QueryKeyValue) -> Tensor,
    attendBackward: (DecoderLayer, borrowing QueryKeyValue, consuming Tensor) -> QueryKeyValue?
  ) -> Tensor? {
    var dy = dy
    while let saved = saved.popLast() {
      let layer = saved.layer
      let x = saved.x
      let activations: LayerActivations
      switch consume saved.activations {
      case .some(let kept): activations = kept
      case .none: activations = layer.attention(x.view, table: table) { attend(layer, $0) }
      }
      let dx = layer.backward(dy, x: x.view, activations, table: table) { qkv, dO in
        attendBackward(layer, qkv, dO)
      }
      guard let dx else { return nil }
      dy = dx
    }
    return dy
  }
}
