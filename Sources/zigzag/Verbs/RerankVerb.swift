import ArgumentParser
import GateOptimizer
import Logging
import MapReporter
import ModelLoader
import Runs
import Support
import Transformer

/// `zigzag rerank`: documents in the order in which some heads find them relevant to a query.
struct RerankVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "rerank",
    abstract: "Rank documents by what some heads attend to, as QRHead does.",
    discussion: """
      The documents and the query are one prompt. A document's score is the attention that its tokens get \
      from the query's rows, less what they get from a query that asks nothing, summed over the heads.

        zigzag rerank models/smollm2-135m-instruct.h5 --heads heads-qrhead.json \
      --query "Who keeps the lighthouse?" --documents passages.jsonl
        zigzag rerank models/smollm2-135m-instruct.h5 --heads 18-6,17-4 --form qwen --questions questions.jsonl
        zigzag rerank models/smollm2-135m-instruct.h5 --heads heads-qrhead.json --synthetic 100

      Where questions tell their gold documents, NDCG@10 and recall are measured, beside all heads and BM25. \
      Files are JSON Lines: docs/rerank-and-compress.md says what stands in a line.
      """)

  @Argument(help: "A model file (HDF5).")
  var model: String

  @OptionGroup var set: HeadSetOptions

  @Option(help: ArgumentHelp("What documents are ranked for.", valueName: "text"))
  var query: String?

  @Option(
    help: ArgumentHelp(
      "The documents of --query: a text, or an object with text and title, in each line.",
      valueName: "file"))
  var documents: String?

  @Option(
    help: ArgumentHelp(
      "Many questions: an object with query, documents and perhaps gold in each line.",
      valueName: "file"))
  var questions: String?

  @Option(help: ArgumentHelp("The form of the prompt: plain, llama3 or qwen.", valueName: "form"))
  var form = DocumentWording.Form.plain

  @OptionGroup(title: "Measuring on samples that are made") var made: SyntheticOptions

  @Flag(help: "Print the scores of all documents as JSON.")
  var json = false

  @OptionGroup var products: ProductOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  func validate() throws {
    guard [documents != nil, questions != nil, made.synthetic != nil].count(where: { $0 }) == 1
    else {
      throw ValidationError(
        "say what is ranked: --documents with --query, or --questions, or --synthetic")
    }
    guard (query == nil) == (documents == nil) else {
      throw ValidationError(
        query == nil
          ? "--documents goes with --query; questions with their documents are read by --questions"
          : "--query goes with --documents; --questions and --synthetic have queries of their own")
    }
  }

  func perform() throws {
    try products.apply()
    let loaded = try ModelFile.open(path: model)
    let heads = try set.choice(for: loaded).heads(set.top, of: loaded.configuration)
    let source = try RunModel(loaded)
    let wording = DocumentWording(form)
    _ = try wording.form.chat.endTokens(of: source.tokenizer, at: "--form")
    let positions = loaded.configuration.maxPositions
    let questions = try read(wording, source.tokenizer, positions: positions)
    let prompts = try questions.prompts(wording, source.tokenizer, positions: positions)
    let progress = ProgressMeter("rerank", unit: "questions", total: prompts.count)
    let ranked = RankedDocuments(questions.samples, prompts, by: source.decoder, heads) {
      progress.update($0)
    }
    try loaded.requireUnchanged()
    if json { return try Results.print(json: RankedResult(ranked, model, heads, form)) }
    if made.synthetic == nil { try printRankings(ranked) }
    for line in qualityTable(ranked, heads: heads.count) { try Results.print(line) }
  }

  private func read(
    _ wording: DocumentWording, _ tokenizer: Tokenizer, positions: Int
  ) throws -> DocumentQuestions {
    if let query, let documents { return try DocumentQuestions(query: query, documents: documents) }
    if let questions { return try DocumentQuestions(contentsOf: questions) }
    return try DocumentQuestions(
      made: made.synthetic ?? 1, haystack: made.haystack(),
      context: made.tokens(positions: positions), seed: made.seed ?? 0, wording: wording,
      tokenizer: tokenizer)
  }

  private func printRankings(_ ranked: RankedDocuments) throws {
    for (index, question) in ranked.questions.enumerated() {
      guard let ranking = question.rankings.first else { continue }
      if ranked.questions.count > 1 {
        try Results.print((index > 0 ? "\n" : "") + question.sample.query.shown(limit: 100))
      }
      try Results.print("rank  document       score  text")
      for (rank, document) in ranking.order.enumerated() {
        let given = question.sample.documents[document]
        let score = padded(fixed(ranking.scores[document], 6), to: 10)
        try Results.print(
          "\(padded(String(rank + 1), to: 4))  \(padded(String(document), to: 8))  \(score)  "
            + (given.title.flatMap { $0.isEmpty ? nil : $0 } ?? given.text).shown(limit: 60))
      }
    }
    if ranked.measured > 0 { try Results.print("") }
  }

  private func qualityTable(_ ranked: RankedDocuments, heads: Int) -> [String] {
    guard ranked.measured > 0 else { return [] }
    let qualities = ranked.qualities
    let rows = RankedDocuments.Method.allCases.map { method in
      [method.title(heads: heads)]
        + qualities.filter { $0.method == method }.map { IntervalText.share($0.estimate) }
    }
    let count = ranked.measured
    let title =
      count == 1
      ? "1 question with gold documents" : "\(count) questions with gold documents, 95 % intervals"
    return [title] + aligned([["by"] + RankedDocuments.Measure.allCases.map(\.rawValue)] + rows)
  }
}

extension DocumentWording.Form: ExpressibleByArgument {}

/// A share with its interval as a table has it.
enum IntervalText {
  /// "0.913 (0.870–0.951)", or the value alone where nothing is known of it.
  static func share(_ estimate: Estimate) -> String {
    let value = fixed(estimate.value, 3)
    guard estimate.hasInterval else { return value }
    return "\(value) (\(fixed(estimate.low, 3))–\(fixed(estimate.high, 3)))"
  }
}

/// What `rerank --json` prints.
private struct RankedResult: Encodable {
  struct Ranking: Encodable {
    let method: String
    let order: [Int]
    let scores: [Double]
  }

  struct Question: Encodable {
    let query: String
    let gold: [Int]
    let rankings: [Ranking]
  }

  struct Quality: Encodable {
    let method: String
    let measure: String
    let value: Double
    /// The interval's ends; nil for one question.
    let low: Double?
    let high: Double?
  }

  let model: String
  let heads: [String]
  let form: String
  let questions: [Question]
  /// Questions with gold documents.
  let measured: Int
  let quality: [Quality]

  init(
    _ ranked: RankedDocuments, _ model: String, _ heads: [HeadPlace], _ form: DocumentWording.Form
  ) {
    self.model = model
    self.heads = heads.map(\.description)
    self.form = form.rawValue
    questions = ranked.questions.map { question in
      Question(
        query: question.sample.query, gold: question.sample.gold,
        rankings: question.rankings.map {
          Ranking(method: $0.method.rawValue, order: $0.order, scores: $0.scores)
        })
    }
    measured = ranked.measured
    quality = ranked.qualities.map { quality in
      let ends = quality.estimate.hasInterval ? quality.estimate : nil
      return Quality(
        method: quality.method.rawValue, measure: quality.measure.rawValue,
        value: quality.estimate.value,
        low: ends?.low, high: ends?.high)
    }
  }
}
