import Transformer

/// One sample: a context, the questions and answers behind it, and where everything is.
public struct TaskSample: Sendable, Equatable {
  /// The tokens, (T); those of passkeys are exactly as many as were asked for.
  public let tokens: [Int32]
  /// The label rows R at the end: every token of the questions and answers.
  public let labelRows: Range<Int>
  /// Where each answer stands, in the order of the questions.
  public let answers: [Range<Int>]
  /// Where each passkey that is asked for stands in the text; empty where it is not known.
  public let needles: [Range<Int>]
  /// The positions, inside ``answers``, of tokens in which a word, or a digit of a passkey, begins.
  ///
  /// The other tokens of a word follow from its first and say little about retrieval. A token that
  /// holds several digits counts once; a blank of its own before the first word does not count.
  public let firstTokens: [Int]
  /// What a generated answer is compared with; nil where tokens are.
  public var key: AnswerKey?
  /// Whether tokens were taken out of the middle of its prompt, so that it fits.
  public var isTruncated = false

  /// Tokens of the sample, T.
  public var length: Int { tokens.count }

  /// The positions whose hidden states predict the tokens of ``labelRows``: each the one before.
  public var predictingRows: Range<Int> {
    labelRows.lowerBound - 1..<labelRows.upperBound - 1
  }

  /// Where the prompt ends: the position of the first question's first token, or of the first answer's.
  public func boundary(_ kind: Deployment.Boundary) -> Int {
    switch kind {
    case .question: labelRows.lowerBound
    case .answer: answers.first?.lowerBound ?? labelRows.lowerBound
    }
  }

  /// Which of ``predictingRows`` predict the tokens at `positions`, each of them a label row.
  public func predictors(of positions: [Int]) -> [Int] {
    positions.map { $0 - labelRows.lowerBound }
  }
}

/// What a generated answer is compared with.
public struct AnswerKey: Sendable, Equatable {
  /// The answers that are right; at least one, none of them empty.
  public let references: [String]
  /// Where the answer is one of some classes: all of them.
  public let classes: [String]
  /// Tokens that are generated at most, ≥ 1.
  public let maximumTokens: Int

  /// The answers to one question.
  public init(references: [String], classes: [String] = [], maximumTokens: Int) {
    self.references = references
    self.classes = classes
    self.maximumTokens = maximumTokens
  }
}

/// Makes samples, each a function of its index alone.
public protocol SampleSource: Sendable {
  /// Sample `index`, of `context` tokens or of at most so many; nil for the source's own length.
  ///
  /// - Throws: ``GateOptimizerError`` or `FileError` where it cannot be made.
  func sample(index: Int, context: Int?) throws -> TaskSample
  /// How many different samples there are; nil where there is no end of them.
  var count: Int? { get }
}

extension SampleSource {
  /// No end of them.
  public var count: Int? { nil }
}
