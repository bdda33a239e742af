import BasicContainers

/// The residual stream's input of some tokens, (tokens, C): embeddings, or what stands in their place.
package final class ResidualInput: Sendable {
  let x: Tensor

  /// Takes over the rows.
  package init(_ x: consuming Tensor) { self.x = x }

  /// Tokens.
  package var count: Int { x.rows }
}

extension DecoderModel {
  /// The embeddings of tokens.
  package func input(_ tokens: [Int32]) -> ResidualInput {
    ResidualInput(embed(tokens, rows: .all(tokens.count)))
  }

  /// How full attention of suffixes of one prefix falls on every key, reduced over all rows of the suffix, layer by
  /// layer.
  ///
  /// The prefix is computed once. One layer's keys and values are held at a time, and no (T, T) matrix: memory grows
  /// with the tokens.
  ///
  /// - Parameters:
  ///   - prefix: What all suffixes follow, at least one token.
  ///   - suffixes: Each at least one token; they do not see one another. LongRoPE takes the longest text's length.
  ///   - layers: The layers visited are the first so many, all if nil; later ones are not computed.
  ///   - reduction: What becomes of a key's weights from the rows of a suffix.
  ///   - visit: Gets the layer, the suffix's index and its weights (H, prefix + suffix).
  /// - Throws: What `visit` throws, at once.
  package func suffixAttention(
    _ prefix: ResidualInput, _ suffixes: [ResidualInput], layers: Int? = nil,
    reduction: WeightReduction, visit: (Int, Int, borrowing Tensor) throws -> Void
  ) rethrows {
    precondition(prefix.count >= 1 && suffixes.allSatisfy { $0.count >= 1 }, "no tokens")
    let start = prefix.count
    let table = RotaryTable(
      configuration, positions: start + (suffixes.map(\.count).max() ?? 0))
    let (all, last) = (RowSet.all(start), RowSet(sink: 0, tail: start - 1..<start))
    var x = prefix.x.copy()
    var own = UniqueArray<Tensor>()
    for suffix in suffixes { own.append(suffix.x.copy()) }
    let end = layers ?? configuration.layers
    for index in 0..<end {
      // Nothing of the prefix goes on from the last layer but its keys and values.
      let layer = self.layer(index, input: all, output: index + 1 == end ? last : all)
      var rows: PromptRows?
      let output = layer.forward(x.view, table: table) { qkv in
        rows = PromptRows(rows: all, k: qkv.k.copy(), v: qkv.v.copy())
        return layer.attend(qkv, layer.kind.ownVisibility).output()
      }
      x = output.y
      guard let prompt = rows.take() else { preconditionFailure("a layer without attention") }
      for suffix in suffixes.indices {
        let set = RowSet(sink: 0, tail: start..<start + own[suffix].rows)
        let step = self.layer(index, input: set, output: set)
        var columns = Tensor(rows: 0, columns: 0)
        let passed = step.forward(own[suffix].view, table: table) { qkv in
          let visibility = step.kind.ownVisibility
          let attended = step.attend(qkv, visibility, after: prompt) { k, keys, result in
            columns = attentionColumns(
              q: qkv.q.view, k: k.view, logSumExp: result.logSumExp.view, shape: step.shape,
              visibility: visibility.over(keys), queries: set, keys: keys, reduction: reduction)
          }
          return attended.output()
        }
        own[suffix] = passed.y
        try visit(index, suffix, columns)
      }
    }
  }
}
