import Transformer

/// A question on documents as rows of the residual stream, with the place of everything: embeddings of tokens, or what
/// stands in their place where a model sees.
package struct ResidualPrompt: Sendable {
  /// The rows before the query's.
  package let prefix: ResidualInput
  /// The query's rows.
  package let query: ResidualInput
  /// The same of the query that asks nothing, which `qrhead` and `multimodal` need.
  package let null: ResidualInput?
  /// Where each document stands in ``prefix``, in their order and apart.
  package let documents: [Range<Int>]
  /// Which of them hold the answer, counted from 0.
  package let gold: [Int]
  /// Where what tells the answer stands.
  package let needles: [Range<Int>]

  /// The tokens from the start to the end of the last document.
  var context: ResidualInput { prefix.rows(0..<(documents.last?.upperBound ?? 0)) }

  /// Positions of the prompt, with whichever query is longer.
  var length: Int {
    max(
      prefix.length(behind: 0), query.length(behind: prefix.count),
      null?.length(behind: prefix.count) ?? 0)
  }

  /// Positions that a method needs for the prompt and what it reads behind it.
  package func positions(for method: ScoreMethod, _ settings: ScoreSettings) -> Int {
    // Besides the chunk, what asks for it: fewer rows than the prompt's query, or about as many.
    length + (method == .repetition ? min(settings.chunk, prefix.count + query.count) : 0)
  }
}

extension DocumentPrompt {
  /// The embeddings of the prompt's tokens.
  package func rows(of decoder: DecoderModel) -> ResidualPrompt {
    ResidualPrompt(
      prefix: decoder.input(prefix), query: decoder.input(query), null: decoder.input(null),
      documents: documents, gold: gold, needles: needles)
  }
}
