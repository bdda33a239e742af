import GateOptimizer
import ModelLoader
import TestSupport
import Testing

/// RULER's tasks: each sample holds what it asks for, and has the length that was asked for.
@Suite struct RulerTests {
  private let tokenizer: Tokenizer

  init() throws { tokenizer = try EmbeddedModel.tokenizer() }

  private func sampler(
    seed: UInt64 = 3, purpose: PasskeySampler.Purpose = .evaluation, longest: Int = 2_000
  ) throws -> RulerSampler {
    try RulerSampler(
      RulerTask(), haystack: .generated(.coast), purpose: purpose, lengths: [longest], seed: seed,
      tokenizer: tokenizer)
  }

  @Test(arguments: RulerTask.Kind.allCases)
  func everySampleHoldsItsAnswers(kind: RulerTask.Kind) throws {
    let sampler = try sampler()
    // A word is many tokens of a vocabulary of 1,536.
    for length in [2_000, 5_000] {
      for number in 0..<2 {
        let sample = try sampler.sample(kind, number: number, context: length)
        let key = try #require(sample.key)
        #expect(key.maximumTokens == kind.maximumTokens)
        let start = try #require(sample.answers.first?.lowerBound)
        let room = max(sample.length - start, kind.maximumTokens)
        #expect(start + room <= length)
        // Prose and noise are cut anywhere, other bodies at a sentence or a word of each kind.
        let isWhole = [.multiKey2, .multiKey3, .commonWords, .frequentWords].contains(kind)
        #expect(start + room > length - (isWhole ? 200 : 1))
        let body = tokenizer.decode(Array(sample.tokens[..<sample.labelRows.lowerBound]))
        for (reference, range) in zip(key.references, sample.answers) {
          #expect(tokenizer.decode(Array(sample.tokens[range])) == " " + reference)
          #expect(body.contains(reference), "\(kind): \(reference)")
        }
        #expect(key.references.count == sample.answers.count)
        #expect(sample.firstTokens == sample.answers.map(\.lowerBound))
        // The question is not part of what is read before it.
        #expect(sample.labelRows.upperBound == sample.length)
        for needle in sample.needles {
          let text = tokenizer.decode(Array(sample.tokens[needle]))
          #expect(key.references.contains { text.contains($0) } || kind == .variables, "\(text)")
        }
        #expect(try sampler.sample(kind, number: number, context: length) == sample)
      }
    }
    let others = try [self.sampler(seed: 4), self.sampler(purpose: .search)].map {
      try $0.sample(kind, number: 0, context: 2_000)
    }
    let one = try sampler.sample(kind, number: 0, context: 2_000)
    #expect(others.allSatisfy { $0.key?.references != one.key?.references })
    #expect(
      try sampler.sample(kind, number: 1, context: 2_000).key?.references != one.key?.references)
  }

  @Test func answersAreAsManyAsRULERAsksFor() throws {
    let counts: [RulerTask.Kind: Int] = [
      .multiValue: 4, .multiQuery: 4, .variables: 5, .commonWords: 10, .frequentWords: 3,
    ]
    for kind in RulerTask.Kind.allCases {
      let sample = try sampler().sample(kind, number: 0, context: 3_000)
      #expect(sample.key?.references.count == counts[kind, default: 1], "\(kind)")
    }
  }

  /// The words that are asked for are the most common ones.
  @Test func wordsAreCounted() throws {
    for (kind, length) in [
      (RulerTask.Kind.commonWords, 3_000), (.commonWords, 9_000), (.frequentWords, 3_000),
    ] {
      let sample = try sampler().sample(kind, number: 1, context: length)
      let text = tokenizer.decode(Array(sample.tokens[..<sample.labelRows.lowerBound]))
      let marker = kind == .commonWords ? "Remember them.\n" : "most often.\n"
      let body = try #require(text.components(separatedBy: marker).last)
      var counts: [Substring: Int] = [:]
      for word in body.split(separator: " ") where word.first?.isLetter == true {
        counts[word, default: 0] += 1
      }
      let references = try #require(sample.key?.references)
      let wanted = Set(references.map { Substring($0) })
      let least = wanted.map { counts[$0, default: 0] }.min() ?? 0
      let most = counts.filter { !wanted.contains($0.key) }.map(\.value).max() ?? 0
      #expect(least > most, "\(kind) of \(length): \(least) and \(most)")
      if kind == .commonWords { #expect(least == (length < 4_096 ? 6 : 30)) }
    }
  }

  @Test func aContextWithoutRoomIsRefused() throws {
    for kind in RulerTask.Kind.allCases {
      let error = #expect(throws: GateOptimizerError.self) {
        _ = try sampler().sample(kind, number: 0, context: 150)
      }
      guard case .textTooShort(kind.rawValue, 150, let needed) = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(needed > 150)
      if kind != .commonWords, kind != .frequentWords {
        _ = try sampler().sample(kind, number: 0, context: needed + 1)
      }
    }
  }
}
