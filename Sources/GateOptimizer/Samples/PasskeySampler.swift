import ModelLoader
import Transformer

/// Makes passkey samples, exact in tokens; each is a function of (seed, index) alone.
///
/// Sample i can be made before, after or without any other, on any thread or machine, so that steps
/// can be replayed, resumed and spread.
public struct PasskeySampler: Sendable {
  /// What samples are for: no two share a random number, whatever their seeds.
  public enum Purpose: String, Sendable {
    /// Learning gates.
    case calibration
    /// Judging maps.
    case evaluation
    /// Searching maps.
    case search

    var stream: SeededGenerator.Stream {
      switch self {
      case .calibration: .calibration
      case .evaluation: .evaluation
      case .search: .search
      }
    }
  }

  /// The wording.
  public let task: PasskeyTask
  /// The lengths samples are drawn from, in tokens.
  public let contextLengths: [Int]
  /// The seed of all samples.
  public let seed: UInt64
  let stream: SeededGenerator.Stream
  let haystack: Haystack
  let wording: TaskTokens
  let encode: @Sendable (String) -> [Int32]

  /// A sampler of `task` in the text of `haystack`.
  ///
  /// - Parameters:
  ///   - task: The wording; checked here.
  ///   - haystack: Where the text comes from; files are read and tokenized here, once.
  ///   - purpose: Learning, searching or judging.
  ///   - contextLengths: Lengths in tokens; a sample draws one, each equally likely.
  ///   - seed: The seed of all samples.
  ///   - startTokens: What every sample begins with, such as a beginning-of-text token.
  ///   - encode: Text to tokens, without adding any; called for one sentence at a time.
  /// - Throws: ``GateOptimizerError`` if the wording is impossible or the shortest context cannot hold the longest passkeys with their questions.
  public init(
    task: PasskeyTask, haystack: HaystackSource, purpose: Purpose = .calibration,
    contextLengths: [Int], seed: UInt64, startTokens: [Int32] = [],
    encode: @escaping @Sendable (String) -> [Int32]
  ) throws {
    try task.validate()
    guard let shortest = contextLengths.min() else {
      throw GateOptimizerError.option(
        name: "context lengths", expected: "at least one", found: "none")
    }
    let wording = TaskTokens(task, startTokens: startTokens, encode: encode)
    guard shortest >= wording.longestSample else {
      throw GateOptimizerError.contextTooShort(
        context: shortest, needed: wording.longestSample, passkeys: task.passkeys,
        length: task.length)
    }
    guard !encode(" the").isEmpty else {
      throw GateOptimizerError.option(
        name: "tokenizer", expected: "tokens for \" the\"", found: "none")
    }
    self.task = task
    self.contextLengths = contextLengths
    self.seed = seed
    self.stream = purpose.stream
    self.haystack = try Haystack(haystack, encode: encode)
    self.wording = wording
    self.encode = encode
  }

  /// `count` lengths from `minimum` to `maximum` in equal steps, both included, rounded down.
  ///
  /// One length is `maximum`. DuoAttention's are 50 from 1,000 to the model's longest context.
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` unless 1 ≤ `minimum` ≤ `maximum`
  ///   and `count` ≥ 1.
  public static func contextLengths(
    from minimum: Int, to maximum: Int, count: Int
  ) throws(GateOptimizerError) -> [Int] {
    guard minimum >= 1, minimum <= maximum, maximum <= 1 << 40 else {
      throw .option(
        name: "context lengths", expected: "1 ≤ shortest ≤ longest",
        found: "\(minimum) to \(maximum)")
    }
    guard (1...100_000).contains(count) else {
      throw GateOptimizerError.option(
        name: "context lengths", expected: "1 to 100000 lengths", found: "\(count)")
    }
    if count == 1 { return [maximum] }
    return (0..<count).map { minimum + (maximum - minimum) * $0 / (count - 1) }
  }

  /// Sample `index`, always the same for the same sampler.
  ///
  /// - Parameters:
  ///   - index: Which sample.
  ///   - context: Its length in tokens instead of a drawn one.
  ///   - depth: Where its needles go instead of the task's range: a share of the text, 0…1.
  /// - Returns: The sample, exactly as long as asked.
  /// - Throws: ``GateOptimizerError/contextTooShort(context:needed:passkeys:length:)`` if a tokenizer
  ///   makes more tokens of a passkey than of its words.
  public func sample(
    index: Int, context: Int? = nil, depth: Double? = nil
  ) throws(GateOptimizerError) -> TaskSample {
    var generator = SeededGenerator(
      seed: seed, index: UInt64(bitPattern: Int64(index)), stream: stream)
    let drawnLength = generator.pick(contextLengths)
    let length = context ?? drawnLength
    let passkeys = drawPasskeys(&generator)
    let room = length - textlessCount(passkeys)
    guard room >= task.passkeys else {
      throw .contextTooShort(
        context: length, needed: length - room + task.passkeys, passkeys: task.passkeys,
        length: task.length)
    }
    let window = haystack.window(of: room, from: &generator, encode: encode)
    let slots = needleSlots(
      in: window, range: depth.map { [$0, $0] } ?? task.depthRange, &generator)
    return assemble(passkeys: passkeys, window: window, slots: slots)
  }
}

extension PasskeySampler {
  /// A sampler of `task` for the model whose tokenizer this is; samples begin with the tokens that
  /// its texts begin with.
  ///
  /// - Throws: ``GateOptimizerError`` as the other initializer.
  public init(
    task: PasskeyTask, haystack: HaystackSource, purpose: Purpose = .calibration,
    contextLengths: [Int], seed: UInt64, tokenizer: Tokenizer
  ) throws {
    try self.init(
      task: task, haystack: haystack, purpose: purpose, contextLengths: contextLengths, seed: seed,
      startTokens: tokenizer.startTokens
    ) { tokenizer.encode($0) }
  }
}

extension PasskeySampler: SampleSource {
  /// Sample `index`, with needles at depths of the task's range.
  ///
  /// - Throws: As ``sample(index:context:depth:)``.
  public func sample(index: Int, context: Int?) throws -> TaskSample {
    try sample(index: index, context: context, depth: nil)
  }
}

/// A passkey of a sample: its tokens, what it is called, and whether it is asked for.
struct DrawnPasskey {
  let passkey: PasskeyTokens
  let name: TaskTokens.NamedTokens
  let isAsked: Bool
}

extension PasskeySampler {
  /// As many passkeys as the task asks for, all different, named in the order of the text.
  func drawPasskeys(_ generator: inout SeededGenerator) -> [DrawnPasskey] {
    let symbols = task.symbols
    var drawn = Set<[Int]>()
    var passkeys: [PasskeyTokens] = []
    while passkeys.count < task.passkeys {
      let choice = (0..<task.length).map { _ in generator.below(symbols.count) }
      guard drawn.insert(choice).inserted else { continue }
      passkeys.append(PasskeyTokens(choice.map { symbols[$0] }, of: task, encode: encode))
    }
    let names = drawNames(&generator)
    let asked = drawQuestions(&generator)
    return passkeys.indices.map { place in
      DrawnPasskey(
        passkey: passkeys[place], name: wording.named[names[place]], isAsked: asked.contains(place))
    }
  }

  /// Which name each passkey has: its ordinal, or a key of its own in an order that tells nothing.
  private func drawNames(_ generator: inout SeededGenerator) -> [Int] {
    guard !task.keys.isEmpty else { return Array(0..<task.passkeys) }
    var names = Array(task.keys.indices)
    for place in 0..<task.passkeys {
      names.swapAt(place, place + generator.below(names.count - place))
    }
    return Array(names.prefix(task.passkeys))
  }

  /// Which passkeys are asked for, by their place in the text.
  private func drawQuestions(_ generator: inout SeededGenerator) -> Set<Int> {
    guard task.questionCount < task.passkeys else { return Set(0..<task.passkeys) }
    return Set(generator.choose(task.questionCount, of: task.passkeys))
  }

  /// Tokens of a sample that are no text.
  func textlessCount(_ passkeys: [DrawnPasskey]) -> Int {
    passkeys.reduce(wording.prologue.count + wording.epilogue.count) { sum, drawn in
      let count = drawn.passkey.tokens.count
      let asked = drawn.name.question.count + count + wording.separator.count
      return sum + drawn.name.needleCount + count + (drawn.isAsked ? asked : 0)
    }
  }

  /// Where in the haystack the needles go, ascending: counts of haystack tokens before them.
  ///
  /// A depth is drawn uniformly from `range` for every needle, and moved to the nearest beginning of a
  /// sentence inside the range, if there is one; a range of one depth takes the nearest of all.
  func needleSlots(
    in window: Haystack.Window, range: [Double], _ generator: inout SeededGenerator
  ) -> [Int] {
    let count = Double(window.tokens.count)
    let (low, high) = (range[0] * count, range[1] * count)
    let isFixed = range[0] == range[1]
    let boundaries = window.boundaries.filter { isFixed || (low...high).contains(Double($0)) }
    let slots = (0..<task.passkeys).map { _ in
      let place = Int((low + generator.unit() * (high - low)).rounded())
      return Self.nearest(to: place, in: boundaries) ?? place
    }
    return slots.sorted()
  }

  /// The member of ascending `candidates` nearest to `place`, the lower of two.
  static func nearest(to place: Int, in candidates: [Int]) -> Int? {
    candidates.min { (abs($0 - place), $0) < (abs($1 - place), $1) }
  }

  /// Puts the pieces of a sample together and notes where they are.
  func assemble(
    passkeys: [DrawnPasskey], window: Haystack.Window, slots: [Int]
  ) -> TaskSample {
    var tokens = wording.prologue
    var needles: [Range<Int>] = []
    var taken = 0
    for (drawn, slot) in zip(passkeys, slots) {
      tokens += window.tokens[taken..<slot]
      taken = slot
      tokens += drawn.name.needleHead
      if drawn.isAsked {
        needles.append(tokens.count..<tokens.count + drawn.passkey.tokens.count)
      }
      tokens += drawn.passkey.tokens + drawn.name.needleTail
    }
    tokens += window.tokens[taken...] + wording.epilogue

    let questions = tokens.count
    var answers: [Range<Int>] = []
    var firstTokens: [Int] = []
    for drawn in passkeys where drawn.isAsked {
      tokens += drawn.name.question
      answers.append(tokens.count..<tokens.count + drawn.passkey.tokens.count)
      firstTokens += drawn.passkey.firstTokens.map { tokens.count + $0 }
      tokens += drawn.passkey.tokens + wording.separator
    }
    return TaskSample(
      tokens: tokens, labelRows: questions..<tokens.count, answers: answers, needles: needles,
      firstTokens: firstTokens)
  }
}
