import Transformer

/// Ranks documents by what a query adds to the attention on them.
///
/// (QRHead: arXiv 2506.09944, section 4; the sum over heads stands before the mask.)
package struct DocumentReranker: Sendable {
  private let decoder: DecoderModel

  /// A ranker by heads of `decoder`.
  package init(_ decoder: DecoderModel) { self.decoder = decoder }

  /// The scores of all documents by each of some sets of heads.
  ///
  ///     c_j = Σ over heads of c_hj,   score(d) = Σ over j in d of c_j · [c_j > mean(c) − 2·std(c)]
  ///
  /// c_hj is what ``AttentionScores/gains(_:query:null:layers:visit:)`` says of a head; mean and unbiased deviation are
  /// those of the document's tokens. Layers behind the last one that a set names are not computed.
  ///
  /// - Parameters:
  ///   - prompt: The question.
  ///   - sets: Sets of heads, none empty.
  /// - Returns: For each set a score for each document.
  package func scores(_ prompt: DocumentPrompt, by sets: [[HeadPlace]]) -> [[Double]] {
    precondition(sets.allSatisfy { !$0.isEmpty }, "a set without heads")
    let members = sets.map(Set.init)
    var sums = sets.map { _ in Array(repeating: 0.0, count: prompt.prefix.count) }
    AttentionScores(decoder).gains(
      decoder.input(prompt.prefix), query: decoder.input(prompt.query),
      null: decoder.input(prompt.null), layers: Self.layers(sets)
    ) { layer, head, gains in
      let place = HeadPlace(layer: layer, head: head)
      for set in sets.indices where members[set].contains(place) {
        for (token, gain) in gains.enumerated() { sums[set][token] += gain }
      }
    }
    return sums.map { sum in prompt.documents.map { AttentionScores.clearSum(sum[$0]) } }
  }

  /// Layers up to the last one that is named.
  private static func layers(_ sets: [[HeadPlace]]) -> Int {
    1 + (sets.joined().map(\.layer).max() ?? 0)
  }
}
