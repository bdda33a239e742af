import ModelLoader
import Transformer

/// A question on documents as a model reads it: tokens, or rows of the residual stream in their place.
public struct ScorePrompt: Sendable {
  /// What a part is made of.
  private enum Rows: Sendable {
    case tokens([Int32])
    case given(ResidualInput)

    func input(_ decoder: DecoderModel) -> ResidualInput {
      switch self {
      case .tokens(let tokens): decoder.input(tokens)
      case .given(let rows): rows
      }
    }
  }

  private let parts: (prefix: Rows, query: Rows, null: Rows)
  /// Where each document stands in the prefix.
  package let documents: [Range<Int>]
  /// Which of them hold the answer.
  package let gold: [Int]
  /// Where what tells the answer stands.
  package let needles: [Range<Int>]
  /// Where the answer stands; nil where it is not known.
  package let answer: Range<Int>?
  /// All tokens of the prompt; nil where rows are given.
  package let tokens: [Int32]?
  /// What a prompt ends with.
  package let suffix: String
  /// What an answer begins with.
  package let leadIn: [Int32]

  /// A prompt of tokens.
  public init(_ prompt: DocumentPrompt, gold: [Int], wording: DocumentWording) {
    parts = (.tokens(prompt.prefix), .tokens(prompt.query), .tokens(prompt.null))
    documents = prompt.documents
    self.gold = gold
    needles = prompt.needles
    answer = prompt.answer
    tokens = prompt.tokens
    suffix = wording.ending
    leadIn = prompt.leadIn
  }

  /// A prompt of given rows; all of a gold document tells the answer.
  package init(
    prefix: ResidualInput, query: ResidualInput, null: ResidualInput, documents: [Range<Int>],
    gold: [Int]
  ) {
    parts = (.given(prefix), .given(query), .given(null))
    self.documents = documents
    self.gold = gold
    needles = gold.map { documents[$0] }
    (answer, tokens, suffix, leadIn) = (nil, nil, "", [])
  }

  /// Positions that a method needs for the prompt and what it writes or reads behind it; 0 where it does not ask on
  /// documents.
  package func positions(for method: ScoreMethod, _ settings: ScoreSettings) -> Int {
    let all = tokens?.count ?? 0
    switch method {
    case _ where !method.asksOnDocuments: return 0
    case .retrievalHead: return all + leadIn.count + settings.maximumTokens
    // Besides the chunk, what asks for it: fewer tokens than the prompt's query, or about as many.
    case .repetition: return all + min(settings.chunk, all)
    default: return all
    }
  }

  func prefix(_ decoder: DecoderModel) -> ResidualInput { parts.prefix.input(decoder) }
  func query(_ decoder: DecoderModel) -> ResidualInput { parts.query.input(decoder) }
  func null(_ decoder: DecoderModel) -> ResidualInput { parts.null.input(decoder) }

  /// The prompt up to its last rows, `count` of them or as many as the query has, and these.
  func parted(
    last count: Int, _ decoder: DecoderModel
  ) -> (text: ResidualInput, last: ResidualInput) {
    let (prefix, query) = (prefix(decoder), query(decoder))
    let end = query.count - min(count, query.count)
    return (prefix.joined(with: query, 0..<end), query.part(end..<query.count))
  }
}
