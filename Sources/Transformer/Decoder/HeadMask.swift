/// Query heads that are put out of action, to see what the model does without them.
package struct HeadMask: Sendable, Equatable {
  /// What a head does in place of its attention.
  package enum Kind: String, Sendable, CaseIterable {
    /// It adds nothing.
    case zero
    /// It attends to all that it may see alike.
    case uniform
  }

  /// What they do.
  package let kind: Kind
  /// Which of each layer's query heads, (L, H).
  package let isMasked: [[Bool]]

  /// Masks some heads of `layers` layers, each given as (layer, query head).
  package init(
    _ kind: Kind, _ heads: [(layer: Int, head: Int)], layers: Int, queryHeads: Int
  ) {
    var isMasked = Array(repeating: Array(repeating: false, count: queryHeads), count: layers)
    for (layer, head) in heads { isMasked[layer][head] = true }
    (self.kind, self.isMasked) = (kind, isMasked)
  }
}

extension DecoderModel {
  /// Final hidden states (after the final norm) of the positions `rows`, (rows, C), under full attention in which some
  /// heads are masked.
  ///
  /// - Parameters:
  ///   - tokens: The sample, (T).
  ///   - mask: The heads.
  ///   - rows: Positions.
  /// - Returns: The hidden states.
  package func finalHidden(_ tokens: [Int32], mask: HeadMask, rows: Range<Int>) -> Tensor {
    let wanted = RowSet(sink: 0, tail: rows)
    let all = RowSet.all(rows.upperBound)
    let plan = Array(repeating: all, count: configuration.layers) + [wanted]
    let table = RotaryTable(configuration, positions: rows.upperBound)
    let x = walk(embed(tokens, rows: all), rows: plan, table: table) { layer, qkv in
      var o = layer.attend(qkv, layer.kind.ownVisibility).output()
      let masked = mask.isMasked[layer.index]
      if masked.contains(true) { layer.put(mask.kind, masked, in: &o, v: qkv.v.view) }
      return o
    }
    return finalNorm(x.view)
  }
}

extension DecoderLayer {
  /// Replaces what masked heads give, in o (output, H·D), v being (input, K·D).
  fileprivate func put(
    _ kind: HeadMask.Kind, _ isMasked: [Bool], in o: inout Tensor, v: MatrixView
  ) {
    let size = shape.headDim
    var view = o.mutableView
    for head in isMasked.indices where isMasked[head] {
      let own = head * size
      switch kind {
      case .zero:
        for row in 0..<output.count {
          var target = view.row(row)
          for i in 0..<size { target[own + i] = 0 }
        }
      case .uniform:
        putMeans(of: v, from: head / shape.group * size, in: &view, at: own)
      }
    }
  }

  /// Writes for each row the mean of what it sees of v, from a column on, all positions being input.
  private func putMeans(
    of v: MatrixView, from value: Int, in o: inout MutableMatrixView, at own: Int
  ) {
    let size = shape.headDim
    let wanted = output.runs.flatMap { Array($0.positions) }
    var sum = [Double](repeating: 0, count: size)
    var place = 0
    for position in 0..<input.count {
      let line = v.row(position)
      for i in 0..<size { sum[i] += Double(line[value + i]) }
      var seen = position + 1
      if let window = kind.window, position >= window {
        let gone = v.row(position - window)
        for i in 0..<size { sum[i] -= Double(gone[value + i]) }
        seen = window
      }
      guard place < wanted.count, wanted[place] == position else { continue }
      var target = o.row(place)
      for i in 0..<size { target[own + i] = Float(sum[i] / Double(seen)) }
      place += 1
    }
  }
}
