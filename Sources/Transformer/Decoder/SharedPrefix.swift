extension DecoderModel {
  /// Final hidden states (rows, C) of one sample under many patterns, handed to `visit` with the
  /// pattern's index, in an order of its own.
  ///
  /// Patterns that agree in their first layers share the computation of these: the patterns form a
  /// tree with a level for each layer, which is walked depth first, one residual stream per level.
  /// Results are those of ``finalHidden(_:pattern:rows:)`` up to the rounding of float32 sums.
  /// Patterns that are not `wanted` are left out, where it is given; the others have the very bits that
  /// they have when all are wanted.
  ///
  /// - Throws: what `visit` throws, at once.
  package func finalHidden(
    _ tokens: [Int32], patterns: [AttentionPattern], wanted: [Bool]? = nil, rows: Range<Int>,
    visit: (Int, borrowing Tensor) throws -> Void
  ) rethrows {
    let wanted = wanted ?? patterns.map { _ in true }
    guard wanted.contains(true) else { return }
    let output = RowSet(sink: 0, tail: rows)
    let plans = patterns.map { rowPlan($0, output: output) }
    let walk = PrefixWalk(
      decoder: self, patterns: patterns, wanted: wanted, plans: plans, output: output)
    let held = walk.union(of: Array(patterns.indices), at: 0)
    let table = RotaryTable(configuration, positions: rows.upperBound)
    let x = embed(tokens, rows: held)
    try walk.descend(
      x, held: held, layer: 0, members: Array(patterns.indices), table: table, visit: visit)
  }
}

/// The depth-first walk over patterns that share their first layers.
private struct PrefixWalk {
  let decoder: DecoderModel
  let patterns: [AttentionPattern]
  let wanted: [Bool]
  /// Rows at each layer's input for each pattern, and at the last one's output.
  let plans: [[RowSet]]
  let output: RowSet

  /// All rows that any of `members` needs at the input of `layer`.
  func union(of members: [Int], at layer: Int) -> RowSet {
    members.dropFirst().reduce(plans[members[0]][layer]) { $0.union(plans[$1][layer]) }
  }

  /// `members` with the same attention in `layer`, in the order of their first.
  func groups(_ members: [Int], at layer: Int) -> [[Int]] {
    var order: [LayerAttention] = []
    var groups: [LayerAttention: [Int]] = [:]
    for member in members {
      let kind = decoder.configuration.kinds[layer]
      let key = kind.attention(under: patterns[member], layer: layer)
      if groups[key] == nil { order.append(key) }
      groups[key, default: []].append(member)
    }
    return order.map { groups[$0] ?? [] }
  }

  /// x (held, C) is the input of `layer` for all `members`.
  func descend(
    _ x: borrowing Tensor, held: RowSet, layer: Int, members: [Int],
    table: borrowing RotaryTable, visit: (Int, borrowing Tensor) throws -> Void
  ) rethrows {
    if layer == decoder.configuration.layers {
      let hidden = decoder.finalNorm(x.view)
      for member in members where wanted[member] { try visit(member, hidden) }
      return
    }
    for group in groups(members, at: layer) where group.contains(where: { wanted[$0] }) {
      let (input, next) = (union(of: group, at: layer), union(of: group, at: layer + 1))
      let rows = held.gather(x, input)
      let step = decoder.layer(layer, input: input, output: next)
      let passed = step.forward(rows.view, table: table) {
        step.attend($0, patterns[group[0]])
      }
      try descend(
        passed.y, held: next, layer: layer + 1, members: group, table: table, visit: visit)
    }
  }
}

extension RowSet {
  /// The rows of both; both end at the same position.
  func union(_ other: RowSet) -> RowSet {
    precondition(tail.upperBound == other.tail.upperBound, "\(self) and \(other)")
    return RowSet(
      sink: max(sink, other.sink),
      tail: min(tail.lowerBound, other.tail.lowerBound)..<tail.upperBound)
  }
}
