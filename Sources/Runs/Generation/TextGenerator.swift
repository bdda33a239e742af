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
  /// Whether it is a line: line feeds before it are no part of it, and the next one ends it.
  package let isOneLine: Bool

  /// An ending at any of these.
  package init(tokens: Set<Int32>, texts: [String] = [], isOneLine: Bool = false) {
    self.tokens = tokens
    self.texts = texts
    self.isOneLine = isOneLine
  }

  /// What counts of a generated text before its end.
  func begin(_ text: String) -> String {
    isOneLine ? String(text.unicodeScalars.drop { $0 == "\n" }) : text
  }

  /// The text as far as the first of the texts that end it; nil where there is none.
  func cut(_ text: String) -> String? {
    let ends = texts + (isOneLine ? ["\n"] : [])
    return ends.compactMap { text.range(of: $0, options: .literal)?.lowerBound }.min()
      .map { String(text[..<$0]) }
  }
}

/// Generates texts token by token through the KV cache, which holds only what a map's heads still see.
package struct TextGenerator: Sendable {
  let decoder: DecoderModel
  let tokenizer: Tokenizer
  /// Where heads stream; the prompt ends where the text begins.
  let deployment: Deployment
  let ending: TextEnding
  /// Tokens that are generated at most, ≥ 1.
  let maximumTokens: Int

  /// A generator in a deployment.
  package init(
    _ model: RunModel, deployment: Deployment, ending: TextEnding, maximumTokens: Int
  ) {
    decoder = model.decoder
    tokenizer = model.tokenizer
    self.deployment = deployment
    self.ending = ending
    self.maximumTokens = maximumTokens
  }

  /// Generates the text that follows `prompt` under a map.
  ///
  /// - Parameters:
  ///   - prompt: Tokens, at least one.
  ///   - heads: What heads see.
  ///   - boundary: Where the prompt ends for the deployment; its end if nil.
  ///   - choice: How each token is chosen.
  ///   - onText: Gets the text so far, at most once for each token, and says whether to go on.
  /// - Returns: The text and what it took.
  package func generate(
    _ prompt: [Int32], heads: HeadSet, boundary: Int? = nil, choice: TokenChoice = .greedy,
    onText: (String) -> Bool = { _ in true }
  ) -> GeneratedText {
    var choice = choice
    let start = ContinuousClock.now
    let rule = deployment.rule(boundary: boundary ?? prompt.count)
    var generation = Generation(
      decoder, prompt: prompt, pattern: AttentionPattern(heads, rule),
      capacity: prompt.count + maximumTokens, length: prompt.count)
    let readTime = ContinuousClock.now - start
    var text = TextInProgress()
    while true {
      let token = choice.next(generation, decoder)
      take(token, into: &text, onText: onText)
      if text.end != nil { break }
      generation.append(token)
    }
    return GeneratedText(
      text: text.text, tokens: text.tokens, end: text.end ?? .limit,
      promptSeconds: readTime / .seconds(1),
      decodeSeconds: (ContinuousClock.now - start - readTime) / .seconds(1),
      cacheBytes: generation.cacheBytes)
  }

  /// Generates greedily the texts that follow `prompt` under maps that stream after it alone, side by side.
  ///
  /// The text of a map does not depend on the others.
  ///
  /// - Parameters:
  ///   - prompt: Tokens.
  ///   - maps: What heads see, a map for each text.
  ///   - boundary: Where the prompt ends for the deployment, 1…its length.
  ///   - together: Maps that are decoded side by side, 1…``GenerationGroup/limit``.
  ///   - onText: Gets each text so far, and says whether to go on with it.
  ///   - onEnd: Gets the index of a map and its text as soon as it has ended.
  /// - Throws: What `onEnd` throws, at once.
  package func generate(
    _ prompt: [Int32], maps: [HeadSet], boundary: Int, together: Int,
    onText: (String) -> Bool, onEnd: (Int, String) throws -> Void
  ) rethrows {
    let read = Generation(
      decoder, prompt: Array(prompt[..<boundary]), pattern: .full(decoder.configuration),
      capacity: boundary, length: prompt.count)
    let patterns = maps.map { AttentionPattern($0, deployment.rule(boundary: boundary)) }
    for start in stride(from: 0, to: maps.count, by: together) {
      let part = Array(patterns[start...].prefix(together))
      try generate(prompt, after: read, part, onText: onText) { try onEnd(start + $0, $1) }
    }
  }

  /// The texts of so many patterns as a group takes.
  private func generate(
    _ prompt: [Int32], after read: borrowing Generation, _ patterns: [AttentionPattern],
    onText: (String) -> Bool, onEnd: (Int, String) throws -> Void
  ) rethrows {
    var texts = patterns.map { _ in TextInProgress() }
    var group = GenerationGroup(
      continuing: read, patterns: patterns, capacity: prompt.count + maximumTokens)
    for token in prompt[group.tokens...] {
      group.append(patterns.map { _ in token })
    }
    while true {
      let next = group.predictions
      for (member, token) in zip(group.members, next) {
        take(token, into: &texts[member], onText: onText)
        if texts[member].end != nil { try onEnd(member, texts[member].text) }
      }
      let goesOn = group.members.map { texts[$0].end == nil }
      group.remove { texts[$0].end != nil }
      if group.members.isEmpty { return }
      group.append(zip(next, goesOn).filter(\.1).map(\.0))
    }
  }

  /// One more token of a text.
  private func take(
    _ token: Int32, into text: inout TextInProgress, onText: (String) -> Bool
  ) {
    if ending.tokens.contains(token) {
      text.end = .token
      return
    }
    text.tokens.append(token)
    text.text = ending.begin(tokenizer.decode(text.tokens, skipSpecialTokens: true))
    if let cut = ending.cut(text.text) {
      (text.text, text.end) = (cut, .text)
    } else if !onText(text.text) {
      text.end = .stopped
    } else if text.tokens.count == maximumTokens {
      text.end = .limit
    }
  }
}

/// A text that is being written.
private struct TextInProgress {
  var tokens: [Int32] = []
  var text = ""
  /// What ended it; nil while it goes on.
  var end: GeneratedText.End?
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
