import Foundation
import GateOptimizer
import Support
import TestSupport
import Testing

@Suite struct PasskeySamplerTests {
  private func sampler(
    _ task: PasskeyTask = PasskeyTask(), haystack: HaystackSource = .generated(),
    purpose: PasskeySampler.Purpose = .calibration, lengths: [Int] = [2500, 3000, 4000],
    seed: UInt64 = 7, startTokens: [Int32] = [],
    encode: @escaping @Sendable (String) -> [Int32] = GateToyTokenizers.bytes
  ) throws -> PasskeySampler {
    try PasskeySampler(
      task: task, haystack: haystack, purpose: purpose, contextLengths: lengths, seed: seed,
      startTokens: startTokens, encode: encode)
  }

  private func text(_ sample: TaskSample, _ range: Range<Int>) -> String {
    GateToyTokenizers.text(sample.tokens[range])
  }

  @Test(arguments: [PasskeyTask.wordPasskeys, .heldOutPasskeys, .fiveDigits, .needle])
  func samplesAreExactAndAnswersRepeatNeedles(task: PasskeyTask) throws {
    let sampler = try sampler(task)
    var lengths = Set<Int>()
    for index in 0..<30 {
      let sample = try sampler.sample(index: index)
      lengths.insert(sample.length)
      #expect(sample.answers.count == task.passkeys)
      #expect(sample.needles.count == task.passkeys)
      #expect(sample.labelRows.upperBound == sample.length)
      for (needle, answer) in zip(sample.needles, sample.answers) {
        #expect(sample.tokens[needle] == sample.tokens[answer])
        #expect(needle.upperBound <= sample.labelRows.lowerBound)
        #expect(sample.labelRows.contains(answer.lowerBound))
      }
      for (one, next) in zip(sample.needles, sample.needles.dropFirst()) {
        #expect(one.upperBound < next.lowerBound)
      }
      #expect(Set(sample.answers.map { text(sample, $0) }).count == task.passkeys)
    }
    #expect(lengths == [2500, 3000, 4000])
  }

  @Test func textReadsAsTheTaskSays() throws {
    let task = PasskeyTask()
    let sample = try sampler(startTokens: [64]).sample(index: 3)
    let whole = text(sample, 0..<sample.length)
    #expect(whole.hasPrefix("@Here is a long story from an old book: <book>\n"))
    let ordinals = ["first", "second", "third", "fourth"]
    for (ordinal, answer) in zip(ordinals, sample.answers) {
      let passkey = text(sample, answer)
      #expect(passkey.hasPrefix(" "))
      let words = passkey.split(separator: " ").map(String.init)
      #expect(words.count == 8)
      #expect(words.allSatisfy(task.alphabet.contains))
      #expect(
        whole.contains(
          " Keep this row of words in mind, it is the \(ordinal) passkey to the vault:\(passkey)."))
    }
    let questions = zip(ordinals, sample.answers).map { ordinal, answer in
      "According to the book above, what is the \(ordinal) passkey to the vault?\n"
        + "Passkey:\(text(sample, answer))\n\n"
    }
    #expect(text(sample, sample.labelRows) == questions.joined())
    #expect(text(sample, 0..<sample.labelRows.lowerBound).hasSuffix("</book>.\n\n"))
  }

  @Test func keysNamePasskeysAndSomeAreAskedFor() throws {
    let task = PasskeyTask.keyValuePairs
    let sampler = try sampler(task)
    var askedPlaces = Set<Int>()
    var orders = Set<[String]>()
    for index in 0..<20 {
      let sample = try sampler.sample(index: index)
      let whole = text(sample, 0..<sample.length)
      let pairs = whole.matches(of: /The room number of ([A-Z][a-z]+) is ([0-9]{4})\./).map {
        (name: String($0.output.1), number: String($0.output.2))
      }
      #expect(pairs.count == 16 && Set(pairs.map(\.name)).count == 16)
      let questions = text(sample, sample.labelRows)
        .matches(of: /of ([A-Z][a-z]+)\?\nThe room number is ([0-9]{4})\.\n/)
      #expect(questions.count == 4 && sample.answers.count == 4 && sample.needles.count == 4)
      for (question, needle) in zip(questions, sample.needles) {
        let place = try #require(pairs.firstIndex { $0.name == question.output.1 })
        #expect(pairs[place].number == question.output.2)
        #expect(text(sample, needle) == " " + pairs[place].number)
        askedPlaces.insert(place)
      }
      orders.insert(pairs.map(\.name))
    }
    // Neither the places asked for nor the order of the names can be guessed.
    #expect(askedPlaces.count > 8 && orders.count == 20)
  }

  /// Even with tokens of three bytes at most, which no vocabulary is as wasteful as, there is room for text.
  @Test(arguments: [768, 1024])
  func manyWordsFitIntoAThousandTokens(length: Int) throws {
    let sampler = try sampler(
      .manyWords, lengths: [length], encode: GateToyTokenizers.triples)
    for index in 0..<4 {
      let sample = try sampler.sample(index: index)
      #expect(sample.length == length)
      #expect(sample.answers.count == 4 && Set(sample.needles).count == 4)
    }
  }

  @Test func aStatedDepthAndLengthAreKept() throws {
    let sampler = try sampler(.needle, lengths: [2500, 4000])
    for depth in [0, 0.25, 0.5, 1] {
      let sample = try sampler.sample(index: 3, context: 2500, depth: depth)
      #expect(sample.length == 2500)
      let body = text(sample, 0..<sample.labelRows.lowerBound)
      let parts = body.components(separatedBy: " Note for later: ")
      #expect(parts.count == 2)
      let (before, after) = (Double(parts[0].count - 64), Double(parts[1].count - 110))
      #expect(abs(before / (before + after) - depth) < 0.05, "\(before), \(after)")
    }
  }

  @Test func needlesGoBetweenSentencesInsideTheDepthRange() throws {
    var task = PasskeyTask()
    task.depthRange = [0.4, 0.6]
    let sampler = try sampler(task, lengths: [4000])
    let opening = " Keep this row of words in mind"
    for index in 0..<20 {
      let sample = try sampler.sample(index: index)
      let body = text(sample, 0..<sample.labelRows.lowerBound)
      let parts = body.components(separatedBy: opening)
      #expect(parts.count == 5)
      #expect(parts[0].last.map { ".!?".contains($0) } == true, "\(parts[0].suffix(30))")
      let needles = sample.needles.reduce(0) { $0 + $1.count }
      let haystack = Double(sample.labelRows.lowerBound - needles - 4 * 80 - 60)
      let first = Double(parts[0].utf8.count - 46) / haystack
      #expect((0.38...0.65).contains(first), "\(first)")
    }
  }

  @Test func depthsCoverTheRange() throws {
    let sampler = try sampler(.fiveDigits, lengths: [3000])
    let depths = try (0..<200).map {
      Double(try sampler.sample(index: $0).needles[0].lowerBound) / 3000
    }
    #expect((depths.min() ?? 1) < 0.15)
    #expect((depths.max() ?? 0) > 0.85)
    let mean = depths.reduce(0, +) / 200
    #expect((0.4...0.6).contains(mean))
  }

  @Test func samplesDependOnSeedAndIndexAlone() throws {
    let forward = try sampler()
    let backward = try sampler()
    let samples = try (0..<6).map { try forward.sample(index: $0) }
    for index in (0..<6).reversed() {
      #expect(try backward.sample(index: index) == samples[index])
    }
    #expect(Set(samples.map(\.tokens)).count == 6)
    let other = try sampler(seed: 8).sample(index: 0)
    #expect(other != samples[0])
    let judged = try sampler(purpose: .evaluation).sample(index: 0)
    #expect(text(judged, judged.answers[0]) != text(samples[0], samples[0].answers[0]))
  }

  /// Fixed for good, by an independent implementation: a change here changes every published run.
  @Test func generatorMakesTheSameNumbersForEver() {
    var zero = SeededGenerator(seed: 0, stream: .calibration)
    let first = (0..<3).map { _ in zero.next() }
    #expect(
      first == [2_558_736_989_570_252_433, 17_913_671_590_881_668_180, 5_125_111_896_206_277_188])
    var generator = SeededGenerator(seed: 42, index: 7, stream: .evaluation)
    #expect((0..<8).map { _ in generator.below(100) } == [59, 21, 35, 73, 43, 36, 28, 1])
    #expect(generator.choose(3, of: 10) == [7, 8, 9])
  }

  @Test func neighbouringSeedsIndicesAndStreamsShareNothing() {
    var firsts = Set<UInt64>()
    for seed in 0..<20 as Range<UInt64> {
      for index in 0..<20 as Range<UInt64> {
        for stream in [SeededGenerator.Stream.calibration, .evaluation] {
          var generator = SeededGenerator(seed: seed, index: index, stream: stream)
          firsts.insert(generator.next())
        }
      }
    }
    #expect(firsts.count == 800)
  }

  @Test func numbersBelowABoundAreUniform() {
    var generator = SeededGenerator(seed: 5, stream: .calibration)
    var counts = Array(repeating: 0, count: 7)
    for _ in 0..<70_000 { counts[generator.below(7)] += 1 }
    // Standard deviation 93.
    #expect(counts.allSatisfy { abs($0 - 10_000) < 500 })
  }

  @Test func barelyFittingContextsFitAndShorterOnesAreRefused() throws {
    // Bytes and equally long words: the longest sample is every sample.
    var task = PasskeyTask()
    task.alphabet = ["aa", "bb", "cc"]
    let refused = #expect(throws: GateOptimizerError.self) { try sampler(task, lengths: [1]) }
    guard case .contextTooShort(1, let needed, 4, 8)? = refused else {
      Issue.record("\(String(describing: refused))")
      return
    }
    #expect(refused?.category == .usage)
    #expect(refused?.description.contains("need up to \(needed) tokens") == true)
    let sample = try sampler(task, lengths: [needed]).sample(index: 0)
    #expect(sample.length == needed)
    #expect(
      zip(sample.needles, sample.answers).allSatisfy { sample.tokens[$0] == sample.tokens[$1] })
    #expect(throws: GateOptimizerError.self) { try sampler(task, lengths: [4000, needed - 1]) }
  }

  @Test func firstTokensAreWhereWordsBegin() throws {
    let sample = try sampler(lengths: [1500], encode: GateToyTokenizers.triples).sample(index: 0)
    var expected: [Int] = []
    for answer in sample.answers {
      // A word begins in the token whose first byte is the blank before it.
      expected += answer.filter { first(sample.tokens[$0]) == 32 }
    }
    #expect(expected.count == 32)
    #expect(sample.firstTokens == expected)
  }

  @Test func firstTokensOfDigitsLeaveOutTheBlank() throws {
    let single = try sampler(.fiveDigits).sample(index: 1)
    #expect(single.firstTokens == Array(single.answers[0].dropFirst()))
    #expect(single.firstTokens.count == 5)
    // " ", "482", "13": two tokens hold digits.
    let grouped = try sampler(.fiveDigits, encode: GateToyTokenizers.digitGroups).sample(index: 1)
    #expect(grouped.answers[0].count == 3)
    #expect(grouped.firstTokens == Array(grouped.answers[0].dropFirst()))
  }

  private func first(_ token: Int32) -> Int32 {
    var token = token
    while token > 255 { token >>= 8 }
    return token
  }

  @Test func contextLengthsAreEvenSteps() throws {
    #expect(
      try PasskeySampler.contextLengths(from: 1000, to: 2000, count: 5)
        == [1000, 1250, 1500, 1750, 2000])
    #expect(try PasskeySampler.contextLengths(from: 1000, to: 2000, count: 1) == [2000])
    #expect(try PasskeySampler.contextLengths(from: 8, to: 8, count: 2) == [8, 8])
    for (from, to, count) in [(0, 10, 2), (10, 9, 2), (1, 2, 0), (-5, Int.max, 3)] {
      #expect(throws: GateOptimizerError.self) {
        try PasskeySampler.contextLengths(from: from, to: to, count: count)
      }
    }
  }
}
