import Transformer

/// Leaves out tokens of a prompt that some heads of one layer look at least.
///
/// (EHPC: arXiv 2501.12959. The model is computed up to that layer only.)
package struct PromptCompression: Sendable, Equatable {
  /// Tokens that are kept, those that always stay included.
  package let tokens: Int
  /// Last rows that heads look from, N.
  package let rows: Int
  /// Tokens of a pool, r.
  package let pool: Int
  /// First tokens that always stay, such as one that begins a text.
  package let first: Int
  /// Last tokens that always stay, ``rows`` of them or more.
  package let last: Int

  /// Keeps `tokens` of a prompt.
  ///
  /// - Parameters:
  ///   - tokens: Tokens that are kept.
  ///   - rows: Last rows that heads look from, ≥ 1.
  ///   - pool: Tokens of a pool, ≥ 1.
  ///   - first: First tokens that always stay.
  ///   - question: Tokens of the question at the prompt's end, all of which stay; 0 where there is none.
  package init(tokens: Int, rows: Int = 16, pool: Int = 32, first: Int = 0, question: Int = 0) {
    precondition(rows >= 1 && pool >= 1, "\(rows) rows, pools of \(pool)")
    (self.tokens, self.rows, self.pool, self.first) = (tokens, rows, pool, first)
    last = max(rows, question)
  }

  /// Refuses a number of tokens that leaves nothing to choose, or nothing out; `name` names it in errors.
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)``.
  package func validate(prompt: Int, name: String) throws(GateOptimizerError) {
    guard tokens < prompt else {
      throw .option(
        name: name, expected: "fewer tokens than the prompt's \(prompt)", found: "\(tokens)")
    }
    let stays = first > 0 ? "the first \(first) and the last \(last)" : "the last \(last)"
    guard first + last + 1 < prompt else {
      throw .option(
        name: last > rows ? "the question" : "--rows",
        expected: "fewer tokens to stay than the prompt's \(prompt), so that some can go",
        found: stays)
    }
    guard tokens > first + last else {
      throw .option(
        name: name, expected: "more than \(first + last) tokens, since \(stays) always stay",
        found: "\(tokens)")
    }
  }

  /// How much the last rows look at each token before them.
  ///
  /// s = Σ over heads of the average pool of the mean over the last rows of A_h. A pool is a sum, so that one of the
  /// heads' sum is the same.
  ///
  /// - Parameters:
  ///   - decoder: The model.
  ///   - prompt: Tokens, more than ``rows``.
  ///   - layer: The heads' layer.
  ///   - heads: Query heads.
  /// - Returns: s, one for each token before the last ``rows``.
  package func scores(
    _ decoder: DecoderModel, _ prompt: [Int32], layer: Int, heads: [Int]
  ) -> [Double] {
    let count = prompt.count - rows
    var sum = Array(repeating: 0.0, count: count)
    decoder.suffixAttention(
      decoder.input(Array(prompt[..<count])), [decoder.input(Array(prompt[count...]))],
      layers: layer + 1, reduction: .mean
    ) { index, _, columns in
      guard index == layer else { return }
      for head in heads {
        for (token, weight) in columns.values(ofRow: head, 0..<count).enumerated() {
          sum[token] += Double(weight)
        }
      }
    }
    return Self.pooled(sum, width: pool)
  }

  /// Averages over `width` neighbours: from ⌊width/2⌋ before a value on, with 0 outside.
  ///
  /// (PyTorch's `AvgPool1d(width, stride=1, padding=width/2)`, cut to the same length.)
  package static func pooled(_ values: [Double], width: Int) -> [Double] {
    var sums = [0.0]
    for value in values { sums.append(sums[sums.count - 1] + value) }
    return values.indices.map { place in
      let start = place - width / 2
      let end = min(start + width, values.count)
      return (sums[end] - sums[max(start, 0)]) / Double(width)
    }
  }

  /// The positions that stay, ascending: those that always stay, and the best of the others.
  ///
  /// - Parameters:
  ///   - prompt: Tokens of the prompt.
  ///   - scores: A score for each token before the last ``rows``; of equals the first stays.
  /// - Returns: ``tokens`` positions.
  package func kept(prompt: Int, by scores: [Double]) -> [Int] {
    let choice = choice(prompt: prompt)
    let best = choice.sorted { (-scores[$0], $0) < (-scores[$1], $1) }
    return assembled(prompt: prompt, best.prefix(tokens - first - last))
  }

  /// The same with the tokens before those that always stay at the end.
  package func mostRecent(prompt: Int) -> [Int] {
    assembled(prompt: prompt, choice(prompt: prompt).suffix(tokens - first - last))
  }

  /// The same with tokens that are drawn, every set equally likely.
  package func drawn(prompt: Int, _ generator: inout SeededGenerator) -> [Int] {
    let choice = choice(prompt: prompt)
    let drawn = generator.choose(tokens - first - last, of: choice.count)
    return assembled(prompt: prompt, drawn.map { choice.lowerBound + $0 })
  }

  /// What may stay or not.
  private func choice(prompt: Int) -> Range<Int> {
    precondition(
      tokens < prompt && tokens > first + last,
      "\(tokens) of \(prompt) tokens, \(first) and \(last) of which stay")
    return first..<prompt - last
  }

  private func assembled(prompt: Int, _ chosen: some Sequence<Int>) -> [Int] {
    Array(0..<first) + chosen.sorted() + Array(prompt - last..<prompt)
  }
}
