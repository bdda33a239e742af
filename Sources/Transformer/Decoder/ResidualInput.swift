import BasicContainers

/// The residual stream's input of some tokens, (tokens, C): embeddings, or what stands in their place.
package final class ResidualInput: Sendable {
  /// What enters the first layer, (tokens, C).
  let x: Tensor
  /// Where each token stands, on one axis, (1, tokens), or on three, (3, tokens); nil for its place in the text.
  package let positions: [[Int]]?
  /// What is added behind each of the first layers, one under the other, (n · tokens, C); no rows where nothing is.
  let additions: Tensor

  /// Takes over the rows, with positions and additions of as many tokens.
  package init(
    _ x: consuming Tensor, positions: [[Int]]? = nil, additions: consuming Tensor? = nil
  ) {
    let (rows, columns) = (x.rows, x.columns)
    precondition(
      positions?.allSatisfy { $0.count == rows } ?? true, "positions of other than \(rows) tokens")
    self.x = x
    self.positions = positions
    self.additions = additions ?? Tensor(rows: 0, columns: columns)
    precondition(
      self.additions.columns == columns && self.additions.rows.isMultiple(of: max(rows, 1)),
      "additions of other than \(rows) tokens")
  }

  /// Tokens.
  package var count: Int { x.rows }

  /// Layers behind which something is added.
  package var addedLayers: Int { additions.rows / max(count, 1) }

  /// The position that a token behind these has, where they follow `start` tokens: the length that they reach.
  package func length(behind start: Int) -> Int {
    positions.map { ($0.joined().max() ?? -1) + 1 } ?? start + count
  }

  /// Whether all values are the same as another's.
  package func isEqual(to other: ResidualInput) -> Bool {
    count == other.count && positions == other.positions && x.values == other.x.values
      && additions.values == other.additions.values
  }

  /// Adds what belongs behind a layer to the residual stream there, (tokens, C).
  func add(behind layer: Int, to stream: inout Tensor) {
    guard layer < addedLayers else { return }
    stream.addRows(additions.rows(layer * count..<(layer + 1) * count), from: 0)
  }

  /// Some of the tokens, in their order; with positions, moved so that the lowest one is `start`, if that is not nil.
  package func rows(_ wanted: Range<Int>, from start: Int? = nil) -> ResidualInput {
    var own = positions?.map { Array($0[wanted]) }
    if let start, let lowest = own?.joined().min() {
      own = own?.map { axis in axis.map { $0 - lowest + start } }
    }
    var added = Tensor(rows: addedLayers * wanted.count, columns: x.columns)
    for layer in 0..<addedLayers {
      added.setRows(
        from: layer * wanted.count,
        additions.rows(wanted.lowerBound + layer * count..<wanted.upperBound + layer * count))
    }
    return ResidualInput(x.rows(wanted), positions: own, additions: added)
  }

  /// Tokens behind each other; where the first have positions, all have.
  package static func joined(_ parts: [ResidualInput]) -> ResidualInput {
    let count = parts.reduce(0) { $0 + $1.count }
    let axes = parts.compactMap { $0.positions?.count }.max()
    var positions = axes.map { Array(repeating: [Int](), count: $0) }
    let layers = parts.map(\.addedLayers).max() ?? 0
    let columns = parts.first?.x.columns ?? 0
    var x = Tensor(rows: count, columns: columns)
    var added = Tensor.zeros(rows: layers * count, columns: columns)
    var start = 0
    for part in parts {
      precondition((part.positions == nil) == (axes == nil), "positions of some parts alone")
      x.setRows(from: start, part.x)
      for layer in 0..<part.addedLayers {
        added.setRows(
          from: layer * count + start,
          part.additions.rows(layer * part.count..<(layer + 1) * part.count))
      }
      if let own = part.positions {
        // One axis stands for all.
        for axis in positions?.indices ?? 0..<0 {
          positions?[axis] += own[own.count == 1 ? 0 : axis]
        }
      }
      start += part.count
    }
    return ResidualInput(x, positions: positions, additions: added)
  }
}

extension RotaryTable {
  /// The angles of tokens whose first one has the place `first` in the text, in one of `length` tokens.
  init(_ configuration: ModelConfiguration, of input: ResidualInput, first: Int, length: Int) {
    self.init(
      configuration, first: first,
      positions: input.positions ?? [Array(first..<first + input.count)],
      length: length)
  }
}

extension DecoderModel {
  /// The embeddings of tokens; with positions from `start` on, or their places in the text if nil.
  package func input(_ tokens: [Int32], positionsFrom start: Int? = nil) -> ResidualInput {
    ResidualInput(
      embed(tokens, rows: .all(tokens.count)),
      positions: start.map { [Array($0..<$0 + tokens.count)] })
  }
}
