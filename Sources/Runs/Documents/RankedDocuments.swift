import GateOptimizer
import MapReporter
import Support
import Transformer

/// The documents of some questions, ranked by chosen heads and by what they are compared with.
package struct RankedDocuments: Sendable {
  /// What documents are ranked by.
  package enum Method: String, Sendable, CaseIterable {
    /// The heads that were chosen.
    case chosen = "heads"
    /// All heads of the model.
    case all = "all-heads"
    /// BM25, which needs no model.
    case words = "bm25"

    /// Words for a table.
    package func title(heads: Int) -> String {
      switch self {
      case .chosen: counted(heads, "head")
      case .all: "all heads"
      case .words: "BM25"
      }
    }
  }

  /// What says how good a ranking is.
  package enum Measure: String, Sendable, CaseIterable {
    /// NDCG of the first ten documents.
    case gain = "ndcg@10"
    /// The share of the gold documents that come first.
    case first = "recall@1"
    /// The same among five.
    case five = "recall@5"
    /// The same among ten.
    case ten = "recall@10"

    fileprivate func value(_ ranking: DocumentRanking, gold: [Int]) -> Double {
      switch self {
      case .gain: ranking.gain(gold: gold, at: 10)
      case .first: ranking.recall(gold: gold, at: 1)
      case .five: ranking.recall(gold: gold, at: 5)
      case .ten: ranking.recall(gold: gold, at: 10)
      }
    }
  }

  /// The scores of a question's documents by a method.
  package struct Scored: Sendable {
    /// The method.
    package let method: Method
    /// A score for each document.
    package let scores: [Double]
    /// The documents, the best first.
    package var order: [Int] { DocumentRanking(scores).order }
  }

  /// A question with its documents' scores.
  package struct Question: Sendable {
    /// The question.
    package let sample: DocumentSample
    /// The scores, by the chosen heads first.
    package let rankings: [Scored]
  }

  /// How good a method's rankings are by one measure: a mean over questions.
  package struct Quality: Sendable {
    /// The method.
    package let method: Method
    /// The measure.
    package let measure: Measure
    /// The mean with its interval.
    package let estimate: Estimate
  }

  /// The questions, in their order.
  package let questions: [Question]

  /// Ranks the documents of all questions; where one has gold documents, by every method.
  ///
  /// - Parameters:
  ///   - samples: The questions.
  ///   - prompts: Their prompts.
  ///   - decoder: The model.
  ///   - heads: The chosen heads.
  ///   - onQuestion: Gets how many questions are done.
  package init(
    _ samples: [DocumentSample], _ prompts: [DocumentPrompt], by decoder: DecoderModel,
    _ heads: [HeadPlace], onQuestion: (Int) -> Void
  ) {
    let reranker = DocumentReranker(decoder)
    let all = HeadChoice.all(of: decoder.configuration)
    var questions: [Question] = []
    for (sample, prompt) in zip(samples, prompts) {
      let isMeasured = !sample.gold.isEmpty
      let found = reranker.scores(prompt, by: isMeasured ? [heads, all] : [heads])
      var rankings = zip([Method.chosen, .all], found).map { Scored(method: $0, scores: $1) }
      if isMeasured {
        let words = BM25(sample.documents.map { ($0.title.map { $0 + "\n" } ?? "") + $0.text })
        rankings.append(Scored(method: .words, scores: words.scores(sample.query)))
      }
      questions.append(Question(sample: sample, rankings: rankings))
      onQuestion(questions.count)
    }
    self.init(questions)
  }

  /// Questions that are ranked.
  init(_ questions: [Question]) { self.questions = questions }

  /// Questions with gold documents, which rankings are measured on.
  package var measured: Int { questions.count { !$0.sample.gold.isEmpty } }

  /// How good the rankings are, over the questions with gold documents; empty where there are none.
  ///
  /// One question has a value without an interval.
  package var qualities: [Quality] {
    let questions = questions.filter { !$0.sample.gold.isEmpty }
    return Method.allCases.flatMap { method in
      Measure.allCases.compactMap { measure in
        let values = questions.compactMap { question -> SampleScore? in
          guard let ranking = question.rankings.first(where: { $0.method == method }) else {
            return nil
          }
          let value = measure.value(DocumentRanking(ranking.scores), gold: question.sample.gold)
          return SampleScore(sum: value, count: 1)
        }
        guard let mean = Bootstrap().value(values) else { return nil }
        let estimate = values.count > 1 ? mean : Estimate(withoutInterval: mean.value)
        return Quality(method: method, measure: measure, estimate: estimate)
      }
    }
  }
}
