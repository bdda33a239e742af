import BasicContainers

/// One sample under a base pattern, its residual stream kept layer by layer, so that a pattern that
/// differs from the base costs only the layers from the first difference on.
package struct PatternProbe: ~Copyable, Sendable {
  private let decoder: DecoderModel
  private let tokens: [Int32]
  private let output: RowSet
  private let all: RowSet
  private let table: RotaryTable
  /// Layers whose inputs are kept: the multiples of this but 0.
  private let stride: Int
  private var base: AttentionPattern
  /// Inputs of the layers stride, 2·stride, … under the base, (T, C), as far as they are computed.
  ///
  /// They hold all rows: so their bits depend on the base alone, not on what was the base before.
  private var inputs = UniqueArray<Tensor>()
  /// What the last pattern computed of its own inputs, and that of the pattern that may be the next base.
  private var latest: PatternTrial?
  private var candidate: PatternTrial?

  /// A probe whose base is full attention.
  ///
  /// - Parameters:
  ///   - decoder: The model.
  ///   - tokens: The sample, token ids within the vocabulary.
  ///   - rows: Positions whose final hidden states are wanted, not empty; what comes after is not read.
  ///   - byteBudget: What kept inputs, of base and tried patterns, may take, in bytes. Results do not
  ///     depend on it, time does.
  package init(
    _ decoder: DecoderModel, tokens: [Int32], rows: Range<Int>, byteBudget: Int = .max
  ) {
    precondition(!rows.isEmpty && rows.upperBound <= tokens.count, "rows \(rows)")
    self.decoder = decoder
    self.tokens = tokens
    output = RowSet(sink: 0, tail: rows)
    all = .all(rows.upperBound)
    table = RotaryTable(decoder.configuration, positions: rows.upperBound)
    let layers = decoder.configuration.layers
    let layerBytes = rows.upperBound * decoder.configuration.hidden * MemoryLayout<Float>.stride
    let affordable = max(1, min(layers, byteBudget / 3 / layerBytes))
    stride = (layers + affordable - 1) / affordable
    base = .full(decoder.configuration)
  }

  /// Makes `pattern` the base; the inputs up to its first difference stay, and all that were computed
  /// when it was tried, if it is the one that was kept.
  package mutating func rebase(_ pattern: AttentionPattern) {
    let kept = min(firstDifference(pattern) / stride, inputs.count)
    inputs.removeLast(inputs.count - kept)
    base = pattern
    if let trial = candidate.take(), trial.pattern == pattern, trial.first == kept {
      for index in trial.inputs.indices { inputs.append(trial.inputs[index].copy()) }
    }
    latest = nil
  }

  /// Keeps what the last pattern computed for the case that it becomes the base, instead of another's.
  package mutating func keepLatest() { candidate = latest.take() }

  /// Final hidden states (rows, C) under `pattern`: those of
  /// ``DecoderModel/finalHidden(_:pattern:rows:)`` up to the rounding of float32 sums.
  package mutating func finalHidden(_ pattern: AttentionPattern) -> Tensor {
    let plan = decoder.rowPlan(pattern, output: output)
    let layers = decoder.configuration.layers
    let start = min(firstDifference(pattern), layers - 1) / stride
    keepInputs(start)
    var x =
      start == 0
      ? decoder.embed(tokens, rows: plan[0])
      : all.gather(inputs[start - 1], plan[start * stride])
    var trial = PatternTrial(pattern: pattern, first: start)
    for first in Swift.stride(from: start * stride, to: layers, by: stride) {
      if first > start * stride, plan[first] == all { trial.inputs.append(x.copy()) }
      x = decoder.walk(
        x, layers: first..<min(first + stride, layers), rows: plan, table: table,
        pattern: pattern)
    }
    latest = consume trial
    return decoder.finalNorm(x.view)
  }

  /// The first layer in which `pattern` is not the base; the number of layers if there is none.
  private func firstDifference(_ pattern: AttentionPattern) -> Int {
    let kinds = decoder.configuration.kinds
    return kinds.indices.first {
      kinds[$0].attention(under: pattern, layer: $0) != kinds[$0].attention(under: base, layer: $0)
    } ?? kinds.count
  }

  /// Computes the base's inputs until `count` of them are kept.
  private mutating func keepInputs(_ count: Int) {
    let everywhere = [RowSet](repeating: all, count: decoder.configuration.layers + 1)
    while inputs.count < count {
      let first = inputs.count * stride
      let x = first == 0 ? decoder.embed(tokens, rows: all) : inputs[inputs.count - 1].copy()
      inputs.append(
        decoder.walk(
          x, layers: first..<first + stride, rows: everywhere, table: table, pattern: base))
    }
  }
}

/// A pattern that was tried, with the inputs, (T, C) each, that it does not share with the base.
private struct PatternTrial: ~Copyable {
  let pattern: AttentionPattern
  /// How many of the base's inputs come before its own.
  let first: Int
  var inputs = UniqueArray<Tensor>()
}
