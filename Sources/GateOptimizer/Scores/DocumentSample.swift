/// A question on some documents: what heads are scored on, and what documents are ranked by.
public struct DocumentSample: Sendable, Equatable {
  /// A text that may hold what is asked for.
  public struct Document: Sendable, Equatable {
    /// What stands above it; nil for nothing.
    public var title: String?
    /// The text, not empty.
    public var text: String

    /// A document.
    public init(title: String? = nil, text: String) {
      self.title = title
      self.text = text
    }
  }

  /// What is asked, not empty.
  public var query: String
  /// The documents, at least one.
  public var documents: [Document]
  /// Which of them hold the answer, counted from 0, ascending.
  public var gold: [Int]
  /// The answer as it stands in a gold document; nil where it is not known.
  public var answer: String?
  /// The sentence that tells the answer; the whole of the gold documents if nil.
  public var needle: String?
  /// What an answer begins with, where the model is to go on from there; nil for nothing.
  public var leadIn: String?

  /// A question on documents.
  public init(
    query: String, documents: [Document], gold: [Int] = [], answer: String? = nil,
    needle: String? = nil, leadIn: String? = nil
  ) {
    self.leadIn = leadIn
    self.query = query
    self.documents = documents
    self.gold = gold
    self.answer = answer
    self.needle = needle
  }
}
