import ModelLoader
import Support

/// A question on documents as tokens, with the place of everything.
///
/// The whole prompt is tokenized at once, as QRHead does; a part's tokens are those that have any byte of it.
public struct DocumentPrompt: Sendable, Equatable {
  /// The tokens before the query's rows.
  public let prefix: [Int32]
  /// The query's rows: the instruction, the query, and what the prompt ends with.
  public let query: [Int32]
  /// The same rows of the query that asks nothing.
  public let null: [Int32]
  /// Where each document stands in ``prefix``.
  public let documents: [Range<Int>]
  /// Which of them hold the answer, counted from 0.
  public let gold: [Int]
  /// Where what tells the answer stands: the needle, or the gold documents.
  public let needles: [Range<Int>]
  /// Where the answer itself stands in a gold document; nil where it is not known.
  public let answer: Range<Int>?
  /// What an answer begins with.
  public let leadIn: [Int32]

  /// The whole prompt.
  public var tokens: [Int32] { prefix + query }
}

extension DocumentPrompt {
  /// The prompt of a sample.
  ///
  /// - Parameters:
  ///   - sample: The sample.
  ///   - wording: How it is put.
  ///   - tokenizer: The model's.
  ///   - place: What names the sample in errors, such as a file's line.
  /// - Throws: ``DocumentProblem`` where the tokenizer changes the text, the query has no tokens of its own, or the
  ///   answer does not stand in the documents.
  public init(
    _ sample: DocumentSample, wording: DocumentWording, tokenizer: Tokenizer, place: String
  ) throws(DocumentProblem) {
    var text = wording.opening
    var spans: [Range<Int>] = []
    for (index, document) in sample.documents.enumerated() {
      text += wording.parted
      let start = text.utf8.count
      text += wording.text(document, number: index + 1)
      spans.append(start..<text.utf8.count)
    }
    text += wording.parted
    let start = text.utf8.count
    let asked = try Self.tokens(of: text + wording.asking(sample.query), tokenizer, place)
    let null = try Self.tokens(of: text + wording.asking(wording.null), tokenizer, place)
    guard let first = asked.first(from: start), first == null.first(from: start),
      asked.ids[..<first] == null.ids[..<first]
    else {
      throw DocumentProblem(
        place: place, expected: "the same tokens before the instruction for every query",
        found: "others for the query \(wording.null.quotedForMessage)",
        fix: "give the wording a separator that ends in a line break")
    }
    guard first > 0 else {
      throw DocumentProblem(
        place: place, expected: "tokens before the query", found: "none",
        fix: "give the documents a text")
    }
    prefix = Array(asked.ids[..<first])
    query = Array(asked.ids[first...])
    self.null = Array(null.ids[first...])
    guard query != self.null else {
      throw DocumentProblem(
        place: place, expected: "a query that asks something",
        found: "the tokens of \(wording.null.quotedForMessage), which asks nothing",
        fix: "ask another question, or change the wording's null")
    }
    let documents = spans.map { asked.tokens(of: $0, before: first) }
    for (index, document) in documents.enumerated() where document.isEmpty {
      throw DocumentProblem(
        place: place, expected: "tokens of document \(index)", found: "none",
        fix: "give it a text the tokenizer knows")
    }
    self.documents = documents
    gold = sample.gold
    let bytes = Array(text.utf8)
    // Numbers and titles tell nothing: the text of a document is at its end.
    let texts = sample.gold.map { gold in
      spans[gold].upperBound - sample.documents[gold].text.utf8.count..<spans[gold].upperBound
    }
    func span(of part: String, in places: [Range<Int>]) -> Range<Int>? {
      places.lazy.compactMap { bytes[$0].firstRange(of: Array(part.utf8)) }.first
    }
    let needle = sample.needle.flatMap { span(of: $0, in: texts) }
    needles =
      needle.map { [asked.tokens(of: $0, before: first)] } ?? sample.gold.map { documents[$0] }
    answer = sample.answer.flatMap { span(of: $0, in: needle.map { [$0] } ?? texts) }
      .map { asked.tokens(of: $0, before: first) }
    leadIn = sample.leadIn.map { tokenizer.encode("\n" + $0) } ?? []
    if let text = sample.answer, answer == nil {
      throw DocumentProblem(
        place: place, expected: "the answer \(text.shown(limit: 60)) in a gold document",
        found: "no such text", fix: "write it as it stands there, or leave it out")
    }
  }

  /// Refuses a prompt that is longer than what a model was made for; `place` names the sample in errors.
  ///
  /// - Throws: ``DocumentProblem`` with both numbers of tokens.
  public func requireFit(positions: Int, place: String) throws(DocumentProblem) {
    let count = prefix.count + max(query.count, null.count)
    guard count <= positions else {
      throw DocumentProblem(
        place: place,
        expected: "a prompt of at most \(positions) tokens, as the model was made for",
        found: "\(count) tokens", fix: "give fewer or shorter documents")
    }
  }

  /// Refuses a prompt whose answer is not known, where a method looks for it; `place` names the sample in errors.
  ///
  /// - Throws: ``DocumentProblem``.
  package func requireAnswer(
    for methods: [ScoreMethod], place: String
  ) throws(DocumentProblem) {
    guard answer == nil, methods.contains(.retrievalHead) else { return }
    throw DocumentProblem(
      place: place,
      expected: "an answer that stands in a gold document, which retrieval-head looks for",
      found: "none", fix: "give the sample an answer, or leave the method out")
  }

  /// Positions that a method needs for the prompt and what it writes or reads behind it; 0 where it does not ask on
  /// documents.
  package func positions(for method: ScoreMethod, _ settings: ScoreSettings) -> Int {
    switch method {
    case _ where !method.asksOnDocuments: return 0
    case .retrievalHead: return tokens.count + leadIn.count + settings.maximumTokens
    // Besides the chunk, what asks for it: fewer tokens than the prompt's query, or about as many.
    case .repetition: return tokens.count + min(settings.chunk, tokens.count)
    default: return tokens.count
    }
  }

  /// Tokens of a text with their bytes.
  private struct Placed {
    var ids: [Int32]
    /// Where each token's bytes begin, and the text's end.
    var starts: [Int]

    /// The first token that has the byte at `offset`.
    func first(from offset: Int) -> Int? {
      let first = starts.partitioningIndex { $0 > offset } - 1
      return first < ids.count ? first : nil
    }

    /// The tokens, of the first `limit`, that have any byte of `bytes`.
    func tokens(of bytes: Range<Int>, before limit: Int) -> Range<Int> {
      let first = first(from: bytes.lowerBound) ?? ids.count
      let end = min(starts.partitioningIndex { $0 >= bytes.upperBound }, ids.count)
      return first < min(end, limit) ? first..<min(end, limit) : 0..<0
    }
  }

  private static func tokens(
    of text: String, _ tokenizer: Tokenizer, _ place: String
  ) throws(DocumentProblem) -> Placed {
    let ids = tokenizer.encode(text)
    var starts = [0]
    var bytes: [UInt8] = []
    for (index, id) in ids.enumerated() {
      bytes += tokenizer.piece(of: id, isFirst: index == 0)?.bytes ?? []
      starts.append(bytes.count)
    }
    guard bytes.elementsEqual(text.utf8) else {
      throw DocumentProblem(
        place: place, expected: "a text that the tokenizer leaves as it is",
        found: "one that it changes, so that places in it are not known",
        fix: "write it in Unicode's form NFC")
    }
    // What a sequence begins with stands for no text.
    let special = tokenizer.startTokens
    return Placed(
      ids: special + ids, starts: Array(repeating: 0, count: special.count) + starts)
  }
}

/// What is wrong with a sample of documents.
public struct DocumentProblem: ZigzagError, Equatable {
  /// Which sample.
  public let place: String
  let (expected, found, fix): (String, String, String)

  init(place: String, expected: String, found: String, fix: String) {
    self.place = place
    (self.expected, self.found, self.fix) = (expected, found, fix)
  }

  /// Always something in what was given.
  public var category: ErrorCategory { .badData }

  /// One sentence: where, what was expected, what was found, what to do.
  public var description: String {
    "\(place.shown(limit: 300)): expected \(expected), found \(found); \(fix)."
  }

  /// By what is said.
  public static func == (a: DocumentProblem, b: DocumentProblem) -> Bool {
    a.description == b.description
  }
}
