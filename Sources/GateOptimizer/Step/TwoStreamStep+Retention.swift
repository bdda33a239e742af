import Transformer

extension TwoStreamStep {
  /// What each layer keeps, so that all of them together stay within the memory budget, or keep as
  /// little as they can.
  ///
  /// Gate and up go first, layer after layer: they cost the least time for their memory.
  func retention(_ cones: [RowSet]) -> [Retention] {
    var kept = [Retention](repeating: .all, count: decoder.configuration.layers)
    var total = kept.indices.reduce(0) { $0 + bytes(.all, layer: $1, cones) }
    for (from, to) in [(Retention.all, Retention.withoutGatedUnit), (.withoutGatedUnit, .input)] {
      for layer in kept.indices where total > memoryBudget {
        kept[layer] = to
        total += bytes(to, layer: layer, cones) - bytes(from, layer: layer, cones)
      }
    }
    return kept
  }

  /// Bytes a layer keeps.
  private func bytes(_ kept: Retention, layer: Int, _ cones: [RowSet]) -> Int {
    let (input, output) = (cones[layer], cones[layer + 1])
    let configuration = decoder.configuration
    let kind = configuration.kinds[layer]
    let shape = decoder.shape
    var floats = input.count * configuration.hidden
    if kept != .input {
      // Keys are kept twice, and queries, where a norm comes before the rotation.
      let normed = kind.headNorm == nil ? 0 : 1
      floats += (2 + normed) * input.count * shape.keyWidth
      floats += normed * output.count * shape.queryWidth
      let attentions = retrieval == .student ? 2 : 1
      floats += output.count * (shape.queryWidth + configuration.hidden)
      floats += attentions * output.count * (shape.queryWidth + shape.queryHeads)
      // What both blocks hand to a norm behind them.
      if kind.norms.followBlocks { floats += 2 * output.count * configuration.hidden }
    }
    // Those of experts are computed again.
    if kept == .all, kind.experts == nil { floats += 2 * output.count * configuration.feedForward }
    return floats * MemoryLayout<Float>.stride
  }
}
