import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Transformer

/// How well a model answers after compressed prompts: passkeys, of which one is asked for.
package struct CompressionMeasurement: Sendable {
  /// How the tokens that stay are chosen.
  package enum Method: String, Sendable, CaseIterable {
    /// All stay.
    case full
    /// By the heads.
    case heads
    /// At random.
    case random
    /// The last ones.
    case recent
  }

  /// The accuracy at one share by one method.
  package struct Point: Sendable {
    /// The method.
    package let method: Method
    /// The share of tokens that was asked for.
    package let share: Double
    /// The mean of the tokens that stay.
    package let tokens: Double
    /// The share of the answers' tokens that are predicted, teacher-forced.
    package let accuracy: Estimate
  }

  /// The settings of the choice by heads.
  package struct Choice: Sendable {
    /// Heads of one layer.
    package let heads: [HeadPlace]
    /// Last rows that they look from.
    package let rows: Int
    /// Tokens of a pool.
    package let pool: Int

    /// A choice by some heads.
    package init(heads: [HeadPlace], rows: Int, pool: Int) {
      (self.heads, self.rows, self.pool) = (heads, rows, pool)
    }

    /// s of a prompt's tokens, which `compression` keeps some of.
    package func scores(
      _ decoder: DecoderModel, _ prompt: [Int32], _ compression: PromptCompression
    ) -> [Double] {
      compression.scores(
        decoder, prompt, layer: heads.first?.layer ?? 0, heads: heads.map(\.head))
    }
  }

  private let decoder: DecoderModel
  private let sampler: PasskeySampler
  private let choice: Choice
  private let shares: [Double]
  /// First tokens of every prompt that stay.
  private let first: Int

  /// A measurement on samples of `context` tokens.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - choice: The heads.
  ///   - shares: Shares of the prompt's tokens that stay, each in (0, 1).
  ///   - context: Tokens of a sample.
  ///   - haystack: The text.
  ///   - seed: The seed of samples and random choices.
  /// - Throws: `GateOptimizerError` for a context that the model or the samples do not have.
  package init(
    _ model: RunModel, _ choice: Choice, shares: [Double], context: Int,
    haystack: HaystackSource, seed: UInt64
  ) throws {
    let positions = model.decoder.configuration.maxPositions
    guard context <= positions else {
      throw GateOptimizerError.option(
        name: "--context", expected: "at most \(positions) tokens, as the model was made for",
        found: "\(context)")
    }
    var task = PasskeyTask.heldOutPasskeys
    task.questions = 1
    decoder = model.decoder
    sampler = try PasskeySampler(
      task: task, haystack: haystack, purpose: .evaluation, contextLengths: [context], seed: seed,
      tokenizer: model.tokenizer)
    first = model.tokenizer.startTokens.count
    (self.choice, self.shares) = (choice, shares)
  }

  /// Measures all methods on the first samples.
  ///
  /// - Parameters:
  ///   - samples: Samples, ≥ 1.
  ///   - onSample: Gets how many samples are done.
  /// - Returns: The points: full prompts, then share by share.
  /// - Throws: `GateOptimizerError` for a share that leaves nothing to choose.
  package func points(samples: Int, onSample: (Int) -> Void) throws -> [Point] {
    let kinds =
      [(Method.full, 1.0)]
      + shares.flatMap { share in [Method.heads, .random, .recent].map { ($0, share) } }
    var scores = kinds.map { _ in [SampleScore]() }
    var tokens = kinds.map { _ in 0 }
    for index in 0..<samples {
      let sample = try sampler.sample(index: index, context: nil)
      let prompts = try prompts(of: sample, index)
      for (place, prompt) in prompts.enumerated() {
        scores[place].append(score(sample, after: prompt))
        tokens[place] += prompt.count
      }
      onSample(index + 1)
    }
    return zip(kinds, zip(scores, tokens)).compactMap { kind, found in
      Bootstrap().value(found.0).map { accuracy in
        Point(
          method: kind.0, share: kind.1, tokens: Double(found.1) / Double(samples),
          accuracy: samples > 1 ? accuracy : Estimate(withoutInterval: accuracy.value))
      }
    }
  }

  /// The whole prompt of a sample, and what each share's methods leave of it.
  private func prompts(of sample: TaskSample, _ index: Int) throws -> [[Int32]] {
    let whole = Array(sample.tokens[..<sample.boundary(.answer)])
    let question = whole.count - sample.boundary(.question)
    var prompts = [whole]
    var found: [Double]?
    for share in shares {
      let compression = PromptCompression(
        tokens: Int((share * Double(whole.count)).rounded()), rows: choice.rows, pool: choice.pool,
        first: first, question: question)
      try compression.validate(prompt: whole.count, name: "--shares \(share)")
      let scores = found ?? choice.scores(decoder, whole, compression)
      found = scores
      var generator = SeededGenerator(
        seed: sampler.seed, index: UInt64(bitPattern: Int64(index)), stream: .compression)
      prompts += [
        compression.kept(prompt: whole.count, by: scores),
        compression.drawn(prompt: whole.count, &generator),
        compression.mostRecent(prompt: whole.count),
      ].map { kept in kept.map { whole[$0] } }
    }
    return prompts
  }

  /// How many of an answer's tokens are predicted after a prompt, each from the true ones before it.
  private func score(_ sample: TaskSample, after prompt: [Int32]) -> SampleScore {
    let answer = Array(sample.tokens[sample.answers.first ?? 0..<0])
    let rows = prompt.count - 1..<prompt.count - 1 + answer.count
    let hidden = decoder.finalHidden(
      Array((prompt + answer)[..<rows.upperBound]), pattern: .full(decoder.configuration),
      rows: rows)
    let predictions = decoder.predictions(hidden)
    return SampleScore(
      correct: zip(predictions, answer).count { $0 == $1 }, total: answer.count)
  }
}
