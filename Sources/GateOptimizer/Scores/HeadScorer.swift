import Foundation
import ModelLoader
import Transformer

/// Scores of all heads by one method, and what they rest on.
public struct ScoredHeads: Sendable, Equatable {
  /// The scores.
  public var scores: HeadScores
  /// Samples that were looked at.
  public var samples: Int
  /// Samples that count, where a method passes over those that the model does not answer; nil for the others.
  public var answered: Int?

  /// Scores on so many samples.
  public init(scores: HeadScores, samples: Int, answered: Int? = nil) {
    (self.scores, self.samples, self.answered) = (scores, samples, answered)
  }
}

/// Scores the heads of a model on questions about documents.
public struct HeadScorer: Sendable {
  private let decoder: DecoderModel
  private let tokenizer: Tokenizer
  private let endTokens: Set<Int32>
  private let settings: ScoreSettings

  /// A scorer of the heads of `decoder`; `endTokens` end what it generates.
  public init(
    _ decoder: DecoderModel, tokenizer: Tokenizer, endTokens: Set<Int32>,
    settings: ScoreSettings
  ) {
    self.decoder = decoder
    self.tokenizer = tokenizer
    self.endTokens = endTokens
    self.settings = settings
  }

  /// Scores by every one of `methods` that asks on documents.
  ///
  /// A head's score is the mean over the samples, of `retrieval-head` over those that are answered.
  ///
  /// - Parameters:
  ///   - methods: The methods.
  ///   - prompts: The samples with their gold documents, at least one.
  ///   - onSample: Called before each sample with its index; what it throws ends the work.
  /// - Returns: The scores by method.
  /// - Throws: ``GateOptimizerError/unanswered(samples:recall:best:)`` where no sample is answered that must be, and
  ///   ``DocumentProblem`` where a sample does not tell what a method needs.
  public func score(
    by methods: [ScoreMethod], _ prompts: [DocumentPrompt], onSample: (Int) throws -> Void
  ) throws -> [ScoreMethod: ScoredHeads] {
    let methods = methods.filter(\.asksOnDocuments)
    for (index, prompt) in prompts.enumerated() {
      try prompt.requireAnswer(for: methods, place: "sample \(index)")
    }
    return try mean(
      by: methods,
      prompts.enumerated().map { index, prompt in
        try onSample(index)
        return rows(by: methods, prompt)
      })
  }

  /// Scores by every one of `methods` that looks at embeddings.
  ///
  /// - Parameters:
  ///   - methods: The methods.
  ///   - file: The samples, read one at a time.
  ///   - onSample: Called before each sample with its index; what it throws ends the work.
  /// - Returns: The scores by method.
  /// - Throws: `FileError` where a sample is not as the model needs it, and what `onSample` throws.
  public func score(
    by methods: [ScoreMethod], _ file: EmbeddingFile, onSample: (Int) throws -> Void
  ) throws -> [ScoreMethod: ScoredHeads] {
    let methods = methods.filter(\.asksOnEmbeddings)
    return try mean(
      by: methods,
      file.names.indices.map { index in
        try onSample(index)
        return try rows(by: methods, file, sample: index)
      })
  }

  /// The scores of heads by `methods` from what each sample says, in the order of the samples.
  ///
  /// - Throws: ``GateOptimizerError/unanswered(samples:recall:best:)`` as ``score(by:_:onSample:)``.
  package func mean(
    by methods: [ScoreMethod], _ samples: [[ScoreMethod: SampleRows]]
  ) throws -> [ScoreMethod: ScoredHeads] {
    try methods.reduce(into: [:]) { result, method in
      var sum = ScoreSum()
      for sample in samples { if let found = sample[method] { sum.add(found) } }
      result[method] = try mean(sum, by: method, samples.count)
    }
  }

  /// What a sample says of all heads, by method: the rows of a table, nil where it does not count.
  package func rows(
    by methods: [ScoreMethod], _ prompt: DocumentPrompt
  ) -> [ScoreMethod: SampleRows] {
    var found = rows(by: methods, prompt.rows(of: decoder))
    if methods.contains(.retrievalHead) {
      found[.retrievalHead] = copies(prompt, AttentionScores(decoder))
    }
    return found
  }

  /// The same of a sample of embeddings.
  ///
  /// - Throws: `FileError` where it is not as the model needs it.
  package func rows(
    by methods: [ScoreMethod], _ file: EmbeddingFile, sample index: Int
  ) throws -> [ScoreMethod: SampleRows] {
    rows(by: methods, try file.sample(index, for: decoder.configuration, methods))
  }

  /// What a sample says by each method that needs no tokens.
  private func rows(
    by methods: [ScoreMethod], _ prompt: ResidualPrompt
  ) -> [ScoreMethod: SampleRows] {
    let attention = AttentionScores(decoder)
    var found: [ScoreMethod: SampleRows] = [:]
    if methods.contains(.queryFocused) || methods.contains(.multimodal), let null = prompt.null {
      let both = attention.documents(
        prompt.prefix, query: prompt.query, null: null, prompt.documents)
      found[.queryFocused] = .counts(
        settings.queryFocused == .sum
          ? Self.sum(both.masked, prompt.gold) : Self.gain(both.masked, prompt.gold))
      found[.multimodal] = .counts(Self.sum(both.plain, prompt.gold))
    }
    for method in methods {
      switch method {
      case .evaluator:
        // As many rows as the query has at most, so that no needle is among them.
        let query = prompt.query
        let first = query.count - min(settings.rows, query.count)
        found[method] = .counts(
          attention.needle(
            .joined([prompt.prefix, query.rows(0..<first)]), last: query.rows(first..<query.count),
            prompt.needles))
      case .meanQueryKey:
        found[method] = .counts(decoder.profiles(prompt.prefix, distances: settings.distances))
      case .repetition:
        found[method] = .counts(repetition(prompt, attention))
      default: break
      }
    }
    return found
  }

  private func copies(
    _ prompt: DocumentPrompt, _ attention: AttentionScores
  ) -> SampleRows {
    guard let answer = prompt.answer else { return .counts([]) }
    let found = attention.copies(
      prompt.tokens + prompt.leadIn, needle: answer, maximumTokens: settings.maximumTokens,
      isEnd: endTokens.contains)
    let recall = AnswerText.recall(
      of: tokenizer.decode(Array(prompt.tokens[answer])),
      in: tokenizer.decode(found.generated, skipSpecialTokens: true))
    return recall > settings.recall
      ? .counts(found.scores) : .passedOver(recall: recall)
  }

  private func repetition(
    _ prompt: ResidualPrompt, _ attention: AttentionScores
  ) -> [[Double]] {
    guard let sink = prompt.documents.first?.lowerBound else { return [] }
    let context = prompt.context
    let end = context.count
    let suffix = tokenizer.encode(settings.wording.ending)
    var chunks: [(place: Range<Int>, rows: ResidualInput)] = []
    for start in stride(from: sink, to: end, by: settings.chunk) {
      let place = start..<min(start + settings.chunk, end)
      // KVzip's words and its eight tokens.
      let words = tokenizer.encode(
        chunks.isEmpty
          ? "\n\nRepeat the previous context exactly."
          : "\n\nRepeat the part of the previous context exactly, starting with ")
      let begun = chunks.isEmpty ? start..<start : max(sink, start - 8)..<start
      chunks.append(
        (place, following(context, [.text(words), .rows(begun), .text(suffix), .rows(place)])))
    }
    return attention.repetition(context, sink: sink, chunks)
  }

  /// Something that follows a context: tokens, or rows of the context again.
  private enum Part {
    case text([Int32])
    case rows(Range<Int>)
  }

  /// Rows behind a context.
  ///
  /// Where its rows have positions, each part goes on behind the last one.
  private func following(_ context: ResidualInput, _ parts: [Part]) -> ResidualInput {
    var rows: [ResidualInput] = []
    var next = context.positions.map { _ in context.length(behind: 0) }
    for part in parts {
      let own =
        switch part {
        case .text(let tokens): decoder.input(tokens, positionsFrom: next)
        case .rows(let place): context.rows(place, from: next)
        }
      guard own.count > 0 else { continue }
      if next != nil { next = own.length(behind: 0) }
      rows.append(own)
    }
    return .joined(rows)
  }

  private func mean(
    _ sum: ScoreSum, by method: ScoreMethod, _ samples: Int
  ) throws -> ScoredHeads {
    guard sum.count > 0 else {
      throw GateOptimizerError.unanswered(
        samples: samples, recall: settings.recall, best: sum.bestRecall)
    }
    guard sum.rows.allSatisfy({ $0.allSatisfy(\.isFinite) }) else {
      throw GateOptimizerError.headScores(method: method.rawValue)
    }
    var scores = HeadScores(
      unit: method == .repetition ? .keyValue : .query,
      rows: sum.rows.map { $0.map { $0 / Double(sum.count) } })
    if method == .meanQueryKey {
      scores = scores.grouped(keyValueHeads: decoder.configuration.keyValueHeads, by: .mean)
    }
    return ScoredHeads(
      scores: scores, samples: samples, answered: method == .retrievalHead ? sum.count : nil)
  }

  /// The sum over gold documents, (L, H).
  private static func sum(_ scores: [[[Double]]], _ gold: [Int]) -> [[Double]] {
    scores[0].indices.map { layer in
      scores[0][layer].indices.map { head in
        gold.reduce(0) { $0 + scores[$1][layer][head] }
      }
    }
  }

  /// NDCG@10 of each head as a ranker of its own, (L, H).
  private static func gain(_ scores: [[[Double]]], _ gold: [Int]) -> [[Double]] {
    scores[0].indices.map { layer in
      scores[0][layer].indices.map { head in
        DocumentRanking(scores.map { $0[layer][head] }).gain(gold: gold, at: 10)
      }
    }
  }
}

/// What one sample says of all heads.
package enum SampleRows: Sendable, Equatable {
  /// A score for each head, (L, heads).
  case counts([[Double]])
  /// Nothing, since the model's answer had so much of the right one.
  case passedOver(recall: Double)
}

/// What samples add up to.
private struct ScoreSum {
  private(set) var rows: [[Double]] = []
  private(set) var count = 0
  private(set) var bestRecall = 0.0

  mutating func add(_ sample: SampleRows) {
    switch sample {
    case .passedOver(let recall): bestRecall = max(bestRecall, recall)
    case .counts(let own):
      rows = rows.isEmpty ? own : zip(rows, own).map { zip($0, $1).map(+) }
      count += 1
    }
  }
}

extension AnswerText {
  /// The share of the words of `reference` that `text` has, each as often as it stands there: ROUGE-1's recall.
  static func recall(of reference: String, in text: String) -> Double {
    let wanted = plainWords(reference)
    guard !wanted.isEmpty else { return 0 }
    var left = plainWords(text).reduce(into: [:]) { $0[$1, default: 0] += 1 }
    let found = wanted.count { word in
      guard let count = left[word], count > 0 else { return false }
      left[word] = count - 1
      return true
    }
    return Double(found) / Double(wanted.count)
  }
}
