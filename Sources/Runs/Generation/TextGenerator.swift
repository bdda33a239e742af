import Foundation
import GateOptimizer
import ModelLoader
import Transformer

/// What ends a generated text.
package struct TextEnding: Sendable {
  /// Tokens, which are no part of it.
  package let tokens: Set<Int32>
  /// Texts, which are no part of it.
  package let texts: [String]

  /// An ending at any of these.
  package init(tokens: Set<Int32>, texts: [String] = []) {
    self.tokens = tokens
    self.texts = texts
  }

  /// The text as far as the first of the texts that end it; nil where there is none.
  func cut(_ text: String) -> String? {
    texts.compactMap { text.range(of: $0, options: .literal)?.lowerBound }.min()
      .map { String(text[..<$0]) }
  }
}

/// Generates a text token by token through the KV cache, which holds only what a map's heads still see.
package struct TextGenerator: Sendable {
  let decoder: DecoderModel
  let tokenizer: Tokenizer
  /// What heads see; the prompt ends where the text begins.
  let heads: HeadSet
  let deployment: Deployment
  let ending: TextEnding
  /// Tokens that are generated at most, ≥ 1.
  let maximumTokens: Int

  /// A generator under a map in a deployment.
  package init(
    _ model: RunModel, heads: HeadSet, deployment: Deployment, ending: TextEnding,
    maximumTokens: Int
  ) {
    decoder = model.decoder
    tokenizer = model.tokenizer
    self.heads = heads
    self.deployment = deployment
    self.ending = ending
    self.maximumTokens = maximumTokens
  }

  /// Generates the text that follows `prompt`.
  ///
  /// - Parameters:
  ///   - prompt: Tokens, at least one.
  ///   - boundary: Where the prompt ends for the deployment; its end if nil.
  ///   - choice: How each token is chosen.
  ///   - onText: Gets the text so far, at most once for each token, and says whether to go on.
  /// - Returns: The text and what it took.
  package func generate(
    _ prompt: [Int32], boundary: Int? = nil, choice: TokenChoice = .greedy,
    onText: (String) -> Bool = { _ in true }
  ) -> GeneratedText {
    let start = ContinuousClock.now
    let rule = deployment.rule(boundary: boundary ?? prompt.count)
    let generation = Generation(
      decoder, prompt: prompt, pattern: AttentionPattern(heads, rule),
      capacity: prompt.count + maximumTokens, length: prompt.count)
    return generate(generation, since: start, choice: choice, onText: onText)
  }

  /// Generates the text that follows `prompt`, of which `read` holds the tokens up to the boundary: it serves every
  /// map that streams after it.
  package func generate(
    _ prompt: [Int32], after read: borrowing Generation, onText: (String) -> Bool
  ) -> GeneratedText {
    let start = ContinuousClock.now
    var generation = Generation(
      continuing: read, pattern: AttentionPattern(heads, deployment.rule(boundary: read.tokens)),
      capacity: prompt.count + maximumTokens)
    for token in prompt[read.tokens...] { generation.append(token) }
    return generate(generation, since: start, choice: .greedy, onText: onText)
  }

  private func generate(
    _ prompt: consuming Generation, since start: ContinuousClock.Instant, choice: TokenChoice,
    onText: (String) -> Bool
  ) -> GeneratedText {
    var generation = prompt
    var choice = choice
    let readTime = ContinuousClock.now - start
    var (tokens, text): ([Int32], String) = ([], "")
    var end = GeneratedText.End.limit
    while true {
      let token = choice.next(generation, decoder)
      if ending.tokens.contains(token) {
        end = .token
        break
      }
      tokens.append(token)
      text = tokenizer.decode(tokens, skipSpecialTokens: true)
      if let cut = ending.cut(text) {
        (text, end) = (cut, .text)
        break
      }
      if !onText(text) {
        end = .stopped
        break
      }
      if tokens.count == maximumTokens { break }
      generation.append(token)
    }
    return GeneratedText(
      text: text, tokens: tokens, end: end, promptSeconds: readTime / .seconds(1),
      decodeSeconds: (ContinuousClock.now - start - readTime) / .seconds(1),
      cacheBytes: generation.cacheBytes)
  }
}

/// A generated text and what it took.
package struct GeneratedText: Sendable {
  /// What ended a text.
  package enum End: String, Sendable {
    /// A token that ends texts.
    case token = "end token"
    /// A text that was to end it.
    case text = "stop text"
    /// As many tokens as were allowed.
    case limit = "token limit"
    /// Whoever looked at it.
    case stopped
  }

  /// The text.
  package let text: String
  /// Its tokens, with those of a text that ended it.
  package let tokens: [Int32]
  /// What ended it.
  package let end: End
  /// Seconds the prompt took.
  package let promptSeconds: Double
  /// Seconds the tokens took.
  package let decodeSeconds: Double
  /// Bytes that the cache holds, float32, with room for all tokens that were allowed.
  package let cacheBytes: Int
}

/// How the next token is chosen.
package struct TokenChoice: Sendable {
  /// The settings of sampling; nil chooses the most likely token.
  private let sampling: Sampling?
  private var generator: SeededGenerator

  private struct Sampling {
    let temperature: Double
    let topP: Double
  }

  /// The most likely token.
  package static let greedy = TokenChoice(nil, seed: 0)

  /// A token drawn at `temperature` > 0 from the fewest tokens whose probabilities add up to `topP`, in (0, 1].
  ///
  /// (Nucleus sampling, Holtzman et al. 2020, arXiv 1904.09751.)
  package static func sampled(temperature: Double, topP: Double, seed: UInt64) -> TokenChoice {
    TokenChoice(Sampling(temperature: temperature, topP: topP), seed: seed)
  }

  private init(_ sampling: Sampling?, seed: UInt64) {
    self.sampling = sampling
    generator = SeededGenerator(seed: seed, stream: .generation)
  }

  /// The token after what was read.
  mutating func next(_ generation: borrowing Generation, _ decoder: DecoderModel) -> Int32 {
    guard let sampling else { return generation.prediction }
    let logits = decoder.logits(generation.hidden).values.map { Double($0) / sampling.temperature }
    let largest = logits.max() ?? 0
    // Of tokens as likely as each other the first comes first.
    let ranked = logits.enumerated().map { (token: $0, weight: exp($1 - largest)) }
      .sorted { ($0.weight, $1.token) > ($1.weight, $0.token) }
    let total = ranked.reduce(0) { $0 + $1.weight }
    var (kept, sum) = (0, 0.0)
    while kept < ranked.count && (kept == 0 || sum < sampling.topP * total) {
      sum += ranked[kept].weight
      kept += 1
    }
    var left = generator.unit() * sum
    for (token, weight) in ranked[..<kept] {
      left -= weight
      if left < 0 { return Int32(token) }
    }
    return Int32(ranked[kept - 1].token)
  }
}
