import GateOptimizer
import ModelLoader
import Support

/// Questions on documents with what names each in errors.
package struct DocumentQuestions: Sendable {
  /// The questions, at least one.
  package let samples: [DocumentSample]
  /// What names each of them in errors.
  private let places: [String]

  /// One question on the documents of a file.
  ///
  /// - Throws: `FileError` for the file, `GateOptimizerError` for a query of blanks.
  package init(query: String, documents path: String) throws {
    guard query.contains(where: { !$0.isWhitespace }) else {
      throw GateOptimizerError.option(name: "--query", expected: "a question", found: "blanks")
    }
    samples = [
      DocumentSample(query: query, documents: try DocumentFile.documents(contentsOf: path))
    ]
    places = ["--query on \(path)"]
  }

  /// The questions of a file, with their documents.
  ///
  /// - Throws: `FileError` that names the line.
  package init(contentsOf path: String) throws {
    let file = try DocumentFile(contentsOf: path, needsGold: false)
    samples = file.samples
    places = file.samples.indices.map(file.place)
  }

  /// Questions that are made, ten documents each, none of them one that heads were scored on.
  ///
  /// - Parameters:
  ///   - count: Questions, ≥ 1.
  ///   - haystack: The text of the documents.
  ///   - context: Tokens of a prompt, about.
  ///   - seed: The seed of all questions.
  ///   - wording: How they are put.
  ///   - tokenizer: The model's.
  /// - Throws: `GateOptimizerError` for a context that is too short, `FileError` for texts that cannot be read.
  package init(
    made count: Int, haystack: HaystackSource, context: Int, seed: UInt64,
    wording: DocumentWording, tokenizer: Tokenizer
  ) throws {
    let name = "--synthetic"
    let made = try SyntheticDocuments(
      task: .documents, haystack: haystack, passage: 1, seed: seed, purpose: .evaluation,
      tokenizer: tokenizer)
    let (questions, shortest) = try made.filling(context, wording: wording, place: name)
    guard let questions else {
      let documents = made.task.passkeys
      throw GateOptimizerError.option(
        name: "--context",
        expected: "at least \(shortest + documents) tokens, which \(documents) documents take",
        found: "\(context)")
    }
    samples = (0..<count).map(questions.sample)
    places = (1...count).map { "\(name), question \($0)" }
  }

  /// The prompts of all questions.
  ///
  /// - Parameters:
  ///   - wording: How they are put.
  ///   - tokenizer: The model's.
  ///   - positions: Tokens that the model was made for.
  /// - Returns: The prompts, in the order of the questions.
  /// - Throws: `DocumentProblem` that names the question.
  package func prompts(
    _ wording: DocumentWording, _ tokenizer: Tokenizer, positions: Int
  ) throws(DocumentProblem) -> [DocumentPrompt] {
    var prompts: [DocumentPrompt] = []
    for (place, sample) in zip(places, samples) {
      var asked = sample
      // Where the answer stands does not matter here.
      asked.answer = nil
      let prompt = try DocumentPrompt(
        asked, wording: wording, tokenizer: tokenizer, place: place)
      try prompt.requireFit(positions: positions, place: place)
      prompts.append(prompt)
    }
    return prompts
  }
}
