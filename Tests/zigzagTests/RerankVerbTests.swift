import Foundation
import TestSupport
import Testing

/// `zigzag rerank` on the model in data/.
@Suite struct RerankVerbTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try scratch.write(
      """
      {"title": "Boats", "text": "The harbour was quiet."}
      "The password of Alice is apple bridge."
      {"text": "A gull sat on the wall."}

      """, to: "documents.jsonl")
  }

  private func rerank(_ arguments: String...) throws -> ToolOutcome {
    try ToolRunner.run(["rerank", EmbeddedModel.path, "-q"] + arguments, in: scratch.path)
  }

  private struct Result: Decodable {
    struct Ranking: Decodable {
      let method: String
      let order: [Int]
      let scores: [Double]
    }
    struct Question: Decodable {
      let query: String
      let gold: [Int]
      let rankings: [Ranking]
    }
    struct Quality: Decodable {
      let method: String
      let measure: String
      let value: Double
      let low: Double?
      let high: Double?
    }
    let heads: [String]
    let questions: [Question]
    let measured: Int
    let quality: [Quality]
  }

  private func json(_ arguments: String...) throws -> Result {
    let outcome = try ToolRunner.run(
      ["rerank", EmbeddedModel.path, "-q", "--json"] + arguments, in: scratch.path)
    #expect(outcome.code == 0, "\(outcome.errors)")
    return try JSONDecoder().decode(Result.self, from: Data(outcome.output.utf8))
  }

  @Test func documentsOfAQuery() throws {
    let arguments = [
      "--heads", "4-0,3-2", "--query", "What is the password of Alice?", "--documents",
      "documents.jsonl",
    ]
    let outcome = try ToolRunner.run(
      ["rerank", EmbeddedModel.path, "-q"] + arguments, in: scratch.path)
    #expect(outcome.code == 0, "\(outcome.errors)")
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 4 && lines[0] == "rank  document       score  text")
    #expect(outcome.output.contains("  Boats\n"))
    #expect(outcome.output.contains("  A gull sat on the wall.\n"))
    let found = try json(
      arguments[0], arguments[1], "--query", arguments[3], "--documents", arguments[5])
    #expect(found.heads == ["4-0", "3-2"] && found.measured == 0 && found.quality.isEmpty)
    let ranking = try #require(found.questions.first?.rankings.first)
    #expect(found.questions[0].rankings.count == 1 && ranking.method == "heads")
    let sorted = ranking.order.map { ranking.scores[$0] }
    #expect(sorted == ranking.scores.sorted(by: >))
    let first = lines[1].split(separator: " ")
    #expect(first[0] == "1" && first[1] == "\(ranking.order[0])")
  }

  /// Gold documents are measured by all methods; what has none is only ranked.
  @Test func questionsWithGold() throws {
    try scratch.write(
      """
      {"query": "the red door", "documents": ["A red door.", "Blue.", "Green."], "gold": [0]}
      {"question": "seven gulls", "paragraphs": [{"idx": "a", "title": "T", "paragraph_text": "Boats."}, \
      {"idx": "b", "title": "U", "paragraph_text": "Seven gulls flew."}], "gt_docs": ["b"]}
      {"query": "nothing", "documents": ["One.", "Two."]}
      """, to: "questions.jsonl")
    let found = try json("--heads", "all", "--questions", "questions.jsonl")
    #expect(found.measured == 2 && found.questions.map(\.gold) == [[0], [1], []])
    #expect(found.questions.map(\.rankings.count) == [3, 3, 1])
    #expect(found.questions[0].rankings.map(\.method) == ["heads", "all-heads", "bm25"])
    // The chosen heads are all heads here.
    #expect(found.questions[0].rankings[0].scores == found.questions[0].rankings[1].scores)
    #expect(found.quality.count == 12)
    for quality in found.quality where quality.method == "bm25" {
      #expect(quality.value == 1, "\(quality.measure)")
      #expect((quality.low ?? 1) < 1 && quality.high == 1)
    }
    for quality in found.quality where quality.measure == "recall@5" { #expect(quality.value == 1) }
    let table = try rerank("--heads", "4-0", "--questions", "questions.jsonl")
    #expect(table.output.contains("\n\nseven gulls\nrank  document"))
    #expect(table.output.contains("2 questions with gold documents, 95 % intervals"))
    #expect(table.output.contains("\n1 head "))
    #expect(table.output.contains("\nBM25   "))
  }

  @Test func questionsThatAreMade() throws {
    let arguments = ["--heads", "5-1,5-2", "--synthetic", "3", "--context", "700"]
    let found = try ToolRunner.run(
      ["rerank", EmbeddedModel.path, "-q"] + arguments, in: scratch.path)
    #expect(found.code == 0, "\(found.errors)")
    #expect(found.output.hasPrefix("3 questions with gold documents"))
    let lines = found.output.split(separator: "\n")
    #expect(lines.count == 5 && lines[2].hasPrefix("2 heads"))
    let again = try ToolRunner.run(
      ["rerank", EmbeddedModel.path, "-q"] + arguments + ["--seed", "0"], in: scratch.path)
    #expect(again.output == found.output)
    // Another seed makes other questions.
    let measured = try json("--heads", "5-1", "--synthetic", "2", "--context", "700", "--seed", "4")
    #expect(measured.questions.allSatisfy { $0.rankings[0].scores.count == 10 })
    #expect(measured.questions[0].query != measured.questions[1].query)
    #expect(measured.questions.allSatisfy { $0.gold.count == 1 })
    let all = try #require(
      measured.quality.first { $0.method == "bm25" && $0.measure == "recall@10" })
    #expect(all.value == 1)
  }

  @Test func whatItRefuses() throws {
    try scratch.write("", to: "empty.jsonl")
    try scratch.write(
      #"{"query": "a", "documents": ["b", "c"], "gold": [2]}"# + "\n", to: "beyond.jsonl")
    try scratch.write(
      #"{"query": "a", "documents": ["b"], "gold": [1e308]}"# + "\n", to: "large.jsonl")
    try scratch.write(
      "\"\(String(repeating: "A gull sat on the wall. ", count: 2000))\"\n", to: "long.jsonl")
    try scratch.write("0.5\t1\t0\n", to: "table.tsv")
    try scratch.write("attn_head_set: \"4-1,1-4\"\n", to: "set.yaml")
    try scratch.write(
      #"{"query": "a", "question": "b", "documents": ["c"]}"# + "\n", to: "both.jsonl")
    try scratch.write(
      #"{"query": "a", "documents": [{"text": "b", "paragraph_text": "c"}]}"# + "\n",
      to: "texts.jsonl")
    try scratch.write(
      "\n" + #"{"query": "a", "paragraphs": [{"idx": 5, "paragraph_text": "b"}, "#
        + #"{"idx": 5, "paragraph_text": "c"}], "gt_docs": [5]}"# + "\n", to: "twice.jsonl")
    let gulls = String(repeating: "A gull sat on the wall. ", count: 2000)
    try scratch.write(
      #"{"query": "a", "documents": ["b"]}"# + "\n\n"
        + #"{"query": "a", "documents": ["\#(gulls)"]}"# + "\n", to: "third.jsonl")
    let documents = ["--documents", "documents.jsonl"]
    let asked = ["--query", "Where?"] + documents
    for (arguments, code, words) in [
      (["--heads", "9-0"] + asked, 64, "as the model has, found the head 9-0"),
      (["--heads", "4-0,4"] + asked, 64, "a layer and a query head such as 18-6"),
      (["--heads", "none.json"] + asked, 66, "none.json: there is no such file of scores"),
      (["--heads", "table.tsv"] + asked, 65, "found scores of key-value heads"),
      (["--heads", "4-0", "--query", " "] + documents, 64, "--query: expected a question"),
      (["--heads", "4-0", "--query", ""] + documents, 64, "--query is empty"),
      (["--heads", "4-0", "--query", "N/A"] + documents, 65, "a query that asks something"),
      (
        ["--heads", "4-0", "--query", "a", "--documents", "empty.jsonl"], 65,
        "expected a document, found none"
      ),
      (["--heads", "4-0", "--query", "a", "--documents", "none.jsonl"], 66, "none.jsonl"),
      (
        ["--heads", "4-0", "--questions", "beyond.jsonl"], 65,
        "line 1: gold: expected indices from 0 to 1"
      ),
      (
        ["--heads", "4-0", "--questions", "both.jsonl"], 65,
        "line 1: expected one of query and question, found both"
      ),
      (
        ["--heads", "4-0", "--questions", "texts.jsonl"], 65,
        "documents 0: expected one of text and paragraph_text, found both"
      ),
      (
        ["--heads", "4-0", "--questions", "twice.jsonl"], 65,
        "line 2: paragraphs 1: idx: expected another than that of paragraph 0, found 5"
      ),
      (
        ["--heads", "4-0", "--questions", "third.jsonl"], 65,
        "third.jsonl: line 3: expected a prompt of at most"
      ),
      (
        ["--heads", "set.yaml", "--top", "3"] + asked, 64,
        "--top: expected at most the 2 heads that can be taken of the file, found 3"
      ),
      (["--heads", "4-0", "--questions", "large.jsonl"], 65, "found 1e+308"),
      (["--heads", "4-0", "--questions", "empty.jsonl"], 65, "expected a question, found none"),
      (
        ["--heads", "4-0", "--query", "a", "--documents", "long.jsonl"], 65,
        "as the model was made for, found"
      ),
      (["--heads", "4-0", "--form", "llama3"] + asked, 64, "--form: expected the form of chats"),
      (["--heads", "4-0", "--top", "3"] + asked, 64, "--top is for a file of scores"),
      (["--heads", "4-0", "--synthetic", "1", "--context", "99999"], 64, "--context is 99999"),
      (["--heads", "4-0", "--synthetic", "1", "--context", "9"], 64, "which 10 documents take"),
      (
        ["--heads", "4-0", "--synthetic", "1", "--texts", "none.txt"], 66,
        "none.txt: there is no such text; name another with --texts"
      ),
    ] as [([String], Int32, String)] {
      let outcome = try ToolRunner.run(
        ["rerank", EmbeddedModel.path, "-q"] + arguments, in: scratch.path)
      expectRefusal(outcome, code: code, saying: words)
    }
    for (arguments, words) in [
      (asked, "--heads"), (["--heads", "all"], "say what is ranked"),
      (["--heads", "all", "--query", "a"], "say what is ranked"),
      (["--heads", "all"] + documents, "--documents goes with --query"),
      (["--heads", "all", "--synthetic", "1"] + asked, "say what is ranked"),
      (["--heads", "all", "--query", "a", "--synthetic", "1"], "--query goes with --documents"),
      (["--heads", "all", "--seed", "3"] + asked, "--seed goes with --synthetic"),
      (["--heads", "all", "--synthetic", "0"], "--synthetic must be"),
    ] as [([String], String)] {
      let outcome = try ToolRunner.run(
        ["rerank", EmbeddedModel.path] + arguments, in: scratch.path)
      #expect(outcome.code == 64 && outcome.output.isEmpty, "\(arguments)")
      #expect(outcome.errors.contains(words), "\(arguments): \(outcome.errors)")
    }
  }
}
