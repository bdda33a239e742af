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
    self.stream =
      switch purpose {
      case .calibration: .calibration
      case .evaluation: .evaluation
      case .search: .search
      }
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
  ) throws(GateOptimizerError) -> PasskeySample {
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
