import Transformer

/// How the heads of a model attend from a query to what stands before it.
///
/// The formulas are the papers'; samples and prompts are the caller's.
package struct AttentionScores: Sendable {
  /// The model.
  let decoder: DecoderModel

  /// Scores of the heads of `decoder`.
  package init(_ decoder: DecoderModel) { self.decoder = decoder }

  /// What each token of a prefix gets from a query beyond what it gets from a query of no content, head by head.
  ///
  /// c_j = the mean weight of the query's rows on token j less that of the null query's rows. Both queries share one
  /// prefill of what stands before them. (QRHead: arXiv 2506.09944, section 3.)
  ///
  /// - Parameters:
  ///   - prefix: What stands before the query.
  ///   - query: The query's rows.
  ///   - null: Rows of the query that asks nothing.
  ///   - layers: The layers visited are the first so many, all if nil.
  ///   - visit: Gets a layer, a query head and c, one for each token of the prefix.
  package func gains(
    _ prefix: ResidualInput, query: ResidualInput, null: ResidualInput, layers: Int? = nil,
    visit: (_ layer: Int, _ head: Int, _ gains: [Double]) -> Void
  ) {
    var asked: [[Float]] = []
    decoder.suffixAttention(prefix, [query, null], layers: layers, reduction: .mean) {
      layer, suffix, columns in
      let rows = (0..<columns.rows).map { columns.values(ofRow: $0, 0..<prefix.count) }
      guard suffix == 1 else {
        asked = rows
        return
      }
      for (head, (with, without)) in zip(asked, rows).enumerated() {
        visit(layer, head, zip(with, without).map { Double($0) - Double($1) })
      }
    }
  }

  /// What each document gets from a query by each head, with faint tokens left out and with all: (documents, L, H).
  ///
  /// A document's score is Σ c_j over its tokens; `masked` over those whose c_j is greater than the mean less two
  /// unbiased standard deviations of the document's. (QRHead with the mask; multimodal retrieval heads, arXiv 2605.27243,
  /// without it.)
  ///
  /// - Parameters:
  ///   - prefix: What stands before the query.
  ///   - query: The query's rows.
  ///   - null: Rows of the query that asks nothing.
  ///   - documents: Places in the prefix, none empty.
  /// - Returns: The scores.
  package func documents(
    _ prefix: ResidualInput, query: ResidualInput, null: ResidualInput, _ documents: [Range<Int>]
  ) -> (masked: [[[Double]]], plain: [[[Double]]]) {
    let c = decoder.configuration
    let zeros = Array(
      repeating: Array(repeating: Array(repeating: 0.0, count: c.queryHeads), count: c.layers),
      count: documents.count)
    var (masked, plain) = (zeros, zeros)
    gains(prefix, query: query, null: null) { layer, head, gains in
      for (place, document) in documents.enumerated() {
        let own = gains[document]
        masked[place][layer][head] = Self.clearSum(own)
        plain[place][layer][head] = own.reduce(0, +)
      }
    }
    return (masked, plain)
  }

  /// The sum of a document's gains without those that are two unbiased standard deviations below the mean.
  package static func clearSum(_ gains: ArraySlice<Double>) -> Double {
    let total = gains.reduce(0, +)
    guard gains.count > 1 else { return total }
    let mean = total / Double(gains.count)
    let variance =
      gains.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(gains.count - 1)
    let limit = mean - 2 * variance.squareRoot()
    return gains.reduce(0) { $0 + ($1 > limit ? $1 : 0) }
  }

  /// What a needle gets from the last rows of a text: the sum over its tokens of their mean weight, (L, H).
  ///
  /// (Evaluator heads, EHPC: arXiv 2501.12959.)
  ///
  /// - Parameters:
  ///   - text: The text up to its last rows.
  ///   - last: The last rows.
  ///   - needles: Places in the text.
  /// - Returns: The scores.
  package func needle(
    _ text: ResidualInput, last: ResidualInput, _ needles: [Range<Int>]
  ) -> [[Double]] {
    var scores: [[Double]] = []
    decoder.suffixAttention(text, [last], reduction: .mean) { _, _, columns in
      scores.append(
        (0..<columns.rows).map { head in
          needles.reduce(0) { sum, needle in
            columns.values(ofRow: head, needle).reduce(sum) { $0 + Double($1) }
          }
        })
    }
    return scores
  }

  /// How often each head looks at the very token of the needle that is generated next, as a share of the needle:
  /// (L, H), with the tokens that were generated.
  ///
  /// Greedy decoding; at each step a head that has its largest weight on a token of the needle, which is the token that
  /// is generated, gets 1 / tokens of the needle. (Retrieval heads: arXiv 2404.15574, section 2.)
  ///
  /// - Parameters:
  ///   - prompt: Tokens, at least two.
  ///   - needle: Its place in the prompt, not empty.
  ///   - maximumTokens: Tokens that are generated at most, ≥ 1.
  ///   - isEnd: Whether a token ends the text; it is generated and counts.
  /// - Returns: The scores, and the tokens.
  package func copies(
    _ prompt: [Int32], needle: Range<Int>, maximumTokens: Int, isEnd: (Int32) -> Bool
  ) -> (scores: [[Double]], generated: [Int32]) {
    let c = decoder.configuration
    var counts = Array(
      repeating: Array(repeating: 0, count: c.queryHeads), count: c.layers)
    var generated: [Int32] = []
    var generation = Generation(
      decoder, prompt: Array(prompt.dropLast()), pattern: .full(c),
      capacity: prompt.count + maximumTokens, length: prompt.count)
    var next = prompt[prompt.count - 1]
    while generated.count < maximumTokens {
      var largest: [[Int]] = []
      generation.append(next) { largest.append($0) }
      next = generation.prediction
      generated.append(next)
      for (layer, heads) in largest.enumerated() {
        for (head, key) in heads.enumerated()
        where needle.contains(key) && prompt[key] == next {
          counts[layer][head] += 1
        }
      }
      if isEnd(next) { break }
    }
    return (counts.map { $0.map { Double($0) / Double(needle.count) } }, generated)
  }

  /// The largest weight that any token of a context gets while the model is made to repeat it: (L, K).
  ///
  /// The context is repeated in chunks. Weights of a chunk's rows are those of a softmax over the first `sink` tokens,
  /// the chunk as it stands in the context, and the repeated rows themselves; a key-value head has the largest over
  /// rows, over the query heads of its group, and over tokens. (KVzip: arXiv 2505.23416, snu-mllab/KVzip.)
  ///
  /// - Parameters:
  ///   - text: The sink and the context.
  ///   - sink: Tokens before the context.
  ///   - chunks: Where each chunk stands in the text, and what asks for it and repeats it.
  /// - Returns: The weights.
  package func repetition(
    _ text: ResidualInput, sink: Int, _ chunks: [(place: Range<Int>, rows: ResidualInput)]
  ) -> [[Double]] {
    let c = decoder.configuration
    var largest = Array(
      repeating: Array(repeating: 0.0, count: c.keyValueHeads), count: c.layers)
    decoder.suffixAttention(
      text, chunks.map(\.rows), reduction: .largest,
      parts: chunks.map { (sink > 0 ? [0..<sink] : []) + [$0.place] }
    ) { layer, chunk, columns in
      let own = sink..<sink + chunks[chunk].place.count
      for query in 0..<columns.rows {
        let head = query / (c.queryHeads / c.keyValueHeads)
        let weight = columns.values(ofRow: query, own).max() ?? 0
        largest[layer][head] = max(largest[layer][head], Double(weight))
      }
    }
    return largest
  }
}

extension Tensor {
  /// Some values of a row.
  func values(ofRow row: Int, _ columns: Range<Int>) -> [Float] {
    let line = view.row(row)
    return columns.map { line[$0] }
  }
}
