import Transformer

/// How the heads of a model attend from a query to what stands before it: one number for each layer and query head,
/// (L, H).
///
/// The formulas are the papers'; samples and prompts are the caller's.
package struct AttentionScores: Sendable {
  /// The model.
  let decoder: DecoderModel

  /// Scores of the heads of `decoder`.
  package init(_ decoder: DecoderModel) { self.decoder = decoder }

  /// What each document gets from a query beyond what it gets from a query of no content: (documents, L, H).
  ///
  /// With c_j the mean weight of the query's rows on token j less that of the null query's rows, a document's score is
  /// Σ c_j over its tokens; with `masksFaint` over those whose c_j is greater than the mean less two unbiased standard
  /// deviations of the document's. (QRHead: arXiv 2506.09944, section 3; without the mask arXiv 2605.27243.) Both queries
  /// share one prefill of what stands before them.
  ///
  /// - Parameters:
  ///   - prefix: What stands before the query.
  ///   - query: The query's rows.
  ///   - null: Rows of the query that asks nothing.
  ///   - documents: Places in the prefix, none empty.
  ///   - masksFaint: Whether tokens that get much less than the others are left out.
  /// - Returns: The scores.
  package func documents(
    _ prefix: ResidualInput, query: ResidualInput, null: ResidualInput, _ documents: [Range<Int>],
    masksFaint: Bool
  ) -> [[[Double]]] {
    var scores = Array(
      repeating: [[Double]](), count: documents.count)
    var asked: [[Float]] = []
    decoder.suffixAttention(prefix, [query, null], reduction: .mean) { _, suffix, columns in
      let rows = (0..<columns.rows).map { columns.values(ofRow: $0, prefix.count) }
      guard suffix == 1 else {
        asked = rows
        return
      }
      for (place, document) in documents.enumerated() {
        scores[place].append(
          zip(asked, rows).map { with, without in
            let gains = document.map { Double(with[$0]) - Double(without[$0]) }
            return Self.sum(of: gains, masksFaint: masksFaint)
          })
      }
    }
    return scores
  }

  /// The sum of a document's gains.
  private static func sum(of gains: [Double], masksFaint: Bool) -> Double {
    let total = gains.reduce(0, +)
    guard masksFaint, gains.count > 1 else { return total }
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
  ///   - needle: Its place in the text.
  /// - Returns: The scores.
  package func needle(
    _ text: ResidualInput, last: ResidualInput, _ needle: Range<Int>
  ) -> [[Double]] {
    var scores: [[Double]] = []
    decoder.suffixAttention(text, [last], reduction: .mean) { _, _, columns in
      scores.append(
        (0..<columns.rows).map { head in
          columns.values(ofRow: head, needle.upperBound)[needle].reduce(0) { $0 + Double($1) }
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
}

extension Tensor {
  /// The first `count` values of a row.
  fileprivate func values(ofRow row: Int, _ count: Int) -> [Float] {
    let line = view.row(row)
    return (0..<count).map { line[$0] }
  }
}
