/// One sample: a context with passkeys in it, and where everything is.
public struct PasskeySample: Sendable, Equatable {
  /// The tokens, (T): exactly the context length asked for.
  public let tokens: [Int32]
  /// The label rows R at the end: every token of the questions and answers.
  public let labelRows: Range<Int>
  /// Where each passkey stands in its answer, in the order of the questions.
  public let answers: [Range<Int>]
  /// Where each passkey that is asked for stands in the text; the tokens are those of its answer.
  public let needles: [Range<Int>]
  /// The positions, inside ``answers``, of tokens in which a word or a digit of a passkey begins.
  ///
  /// The other tokens of a word follow from its first and say little about retrieval. A token that
  /// holds several digits counts once; a blank of its own before the first word does not count.
  public let firstTokens: [Int]

  /// Tokens of the sample, T.
  public var length: Int { tokens.count }

  /// The positions whose hidden states predict the tokens of ``labelRows``: each the one before.
  public var predictingRows: Range<Int> {
    labelRows.lowerBound - 1..<labelRows.upperBound - 1
  }

  /// Which of ``predictingRows`` predict the tokens at `positions`, each of them a label row.
  public func predictors(of positions: [Int]) -> [Int] {
    positions.map { $0 - labelRows.lowerBound }
  }
}
