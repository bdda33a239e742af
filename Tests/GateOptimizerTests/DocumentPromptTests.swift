import Foundation
import ModelLoader
import TestSupport
import Testing

@testable import GateOptimizer

/// Places in prompts, to the token.
@Suite struct DocumentPromptTests {
  private let tokenizer: Tokenizer

  init() throws { tokenizer = try EmbeddedModel.tokenizer() }

  private func text(_ tokens: ArraySlice<Int32>) -> String { tokenizer.decode(Array(tokens)) }

  private let sample = DocumentSample(
    query: "Where is the key?",
    documents: [
      .init(title: "One", text: "Nothing here."),
      .init(text: "The key is under the mat. So it is."),
    ], gold: [1], answer: "under the mat", needle: "The key is under the mat.")

  @Test func everythingIsWhereItSays() throws {
    let prompt = try DocumentPrompt(
      sample, wording: DocumentWording(), tokenizer: tokenizer, place: "s")
    let whole =
      " Here are some paragraphs:\n\n[1] One\nNothing here.\n\n[2] The key is under the mat. So it is.\n\n"
      + "Please find information that are relevant to the following query in the paragraphs above.\n\n"
      + "Query: Where is the key?"
    #expect(text(prompt.tokens[...]) == whole)
    // A token may reach over both ends of a part.
    let parts = prompt.documents.map { text(prompt.tokens[$0]) }
    #expect(parts[0].contains("[1] One\nNothing here.") && parts[0].count < 30)
    #expect(parts[1].contains("[2] The key is under the mat. So it is."))
    #expect(prompt.documents[0].upperBound <= prompt.documents[1].upperBound)
    #expect(
      text(prompt.tokens[try #require(prompt.needles.first)]).contains("The key is under the mat."))
    let answer = text(prompt.tokens[try #require(prompt.answer)])
    #expect(answer.contains("under the mat") && answer.count < 18)
    #expect(
      text(prompt.query[...]).contains("Please find") && text(prompt.query[...]).hasSuffix("key?"))
    #expect(text(prompt.null[...]).hasSuffix("Query: N/A"))
  }

  @Test func withoutANeedleTheGoldDocumentsTell() throws {
    var other = sample
    (other.needle, other.answer, other.gold) = (nil, nil, [0, 1])
    let prompt = try DocumentPrompt(
      other, wording: DocumentWording(), tokenizer: tokenizer, place: "s")
    #expect(prompt.needles == prompt.documents && prompt.answer == nil)
  }

  @Test func madeSamplesTellOneThingFromTheOthers() throws {
    var task = PasskeyTask.documents
    task.passkeys = 5
    let source = try SyntheticDocuments(
      task: task, haystack: .generated(), passage: 30, seed: 4, tokenizer: tokenizer)
    #expect(source.sample(3) == source.sample(3) && source.sample(3) != source.sample(4))
    var asked: Set<Int> = []
    for index in 0..<20 {
      let sample = source.sample(index)
      let (gold, answer) = (try #require(sample.gold.first), try #require(sample.answer))
      asked.insert(gold)
      #expect(sample.documents.count == 5 && sample.gold.count == 1)
      // The name stands in the gold document's needle alone, and every document has a needle.
      let name = try #require(sample.query.wholeMatch(of: /What is the password of (\w+)\?/)?.1)
      for (place, document) in sample.documents.enumerated() {
        #expect(document.text.contains("The password of \(name) is \(answer).") == (place == gold))
        #expect(document.text.contains("The password of "))
      }
      _ = try DocumentPrompt(
        sample, wording: DocumentWording(), tokenizer: tokenizer, place: "s")
    }
    #expect(asked.count == 5)
  }

  @Test func qrHeadsOwnNamesAreRead() throws {
    let folder = try TemporaryFolder()
    try folder.write(
      #"{"idx": "q", "question": "Which?", "paragraphs": [{"idx": "a", "title": "T", "paragraph_text": " x "}, {"idx": "b", "paragraph_text": "y"}], "gt_docs": ["b"]}"#,
      to: "q.jsonl")
    let file = try DocumentFile(contentsOf: folder.path("q.jsonl"), needsGold: true)
    #expect(
      file.samples == [
        DocumentSample(
          query: "Which?", documents: [.init(title: "T", text: "x"), .init(text: "y")], gold: [1])
      ])
    try folder.write(
      #"{"question": "Which?", "paragraphs": [{"idx": "a", "paragraph_text": "x"}], "gt_docs": ["b"]}"#,
      to: "r.jsonl")
    expectError(.badData, "r.jsonl", "gt_docs", "idx", "b") {
      try DocumentFile(contentsOf: folder.path("r.jsonl"), needsGold: true)
    }
  }
}
