import ModelLoader

/// Makes samples of RULER's tasks; each is a function of (seed, index) alone.
///
/// A sample and the room for its answer fill the context as far as whole sentences or words do.
public struct RulerSampler: SampleSource {
  /// What is asked for.
  public let task: RulerTask
  private let seed: UInt64
  private let stream: SeededGenerator.Stream
  private let lengths: [Int]
  private let haystack: Haystack
  private let tokenizer: Tokenizer

  /// A sampler of `task`, in prose of `haystack`.
  ///
  /// - Parameters:
  ///   - task: The tasks; checked here.
  ///   - haystack: Where prose comes from; files are read and tokenized here, once.
  ///   - purpose: Learning, searching or judging.
  ///   - lengths: Tokens of samples, at least one length; a sample that is asked for no other draws one of them.
  ///   - seed: The seed of all samples.
  ///   - tokenizer: The model's.
  /// - Throws: `FileError` for a text that cannot be read, ``GateOptimizerError/option(name:expected:found:)`` for a form
  ///   of chats that the tokenizer does not have.
  public init(
    _ task: RulerTask, haystack: HaystackSource, purpose: PasskeySampler.Purpose,
    lengths: [Int], seed: UInt64, tokenizer: Tokenizer
  ) throws {
    _ = try task.chat.endTokens(of: tokenizer, at: RulerTask.CodingKeys.chat.rawValue)
    self.task = task
    self.seed = seed
    self.lengths = lengths
    self.tokenizer = tokenizer
    self.haystack = try Haystack(haystack) { tokenizer.encode($0) }
    stream = purpose.stream
  }

  /// Sample `index`, of the tasks in turn.
  ///
  /// - Throws: ``GateOptimizerError/textTooShort(task:context:needed:)`` where the context has no room.
  public func sample(index: Int, context: Int?) throws -> TaskSample {
    let count = task.kinds.count
    return try sample(task.kinds[index % count], number: index / count, context: context)
  }

  /// Sample `number` of a task.
  ///
  /// - Throws: As ``sample(index:context:)``.
  package func sample(
    _ kind: RulerTask.Kind, number: Int, context: Int?
  ) throws(GateOptimizerError) -> TaskSample {
    let place = RulerTask.Kind.allCases.firstIndex(of: kind) ?? 0
    let index = number &* RulerTask.Kind.allCases.count &+ place
    var generator = SeededGenerator(
      seed: seed, index: UInt64(bitPattern: Int64(index)), stream: stream)
    let drawn = lengths.count == 1 ? lengths[0] : generator.pick(lengths)
    var writer = RulerWriter(
      kind: kind, context: context ?? drawn, chat: task.chat, tokenizer: tokenizer,
      haystack: haystack)
    return try writer.write(&generator)
  }
}

/// Writes one sample.
private struct RulerWriter {
  let kind: RulerTask.Kind
  let context: Int
  let chat: ChatForm
  let tokenizer: Tokenizer
  let haystack: Haystack

  private func encode(_ text: String) -> [Int32] { tokenizer.encode(text) }

  /// What a sample is made of: texts before and behind its body, and the answers.
  private struct Frame {
    var opening: String
    var question: String
    var leadIn: String
    var answers: [String]
  }

  mutating func write(
    _ generator: inout SeededGenerator
  ) throws(GateOptimizerError) -> TaskSample {
    switch kind {
    case .variables: try variables(&generator)
    case .commonWords: try commonWords(&generator)
    case .frequentWords: try frequentWords(&generator)
    default: try needles(&generator)
    }
  }

  // MARK: Needles

  private func needles(
    _ generator: inout SeededGenerator
  ) throws(GateOptimizerError) -> TaskSample {
    let (names, values, asked): (Int, Int, Int) =
      switch kind {
      case .multiKey1: (4, 1, 1)
      case .multiValue: (1, 4, 1)
      case .multiQuery: (4, 1, 4)
      default: (1, 1, 1)
      }
    let what = hidesUUIDs ? "UUID" : "number"
    var keys = Drawn { kind == .multiKey3 ? uuid(&$0) : RulerWords.pair(&$0) }
    let own = (0..<names).map { _ in keys.next(&generator) }
    let hidden = own.map { key in
      (key: key, values: (0..<values).map { _ in value(&generator) })
    }
    let wanted = generator.choose(asked, of: names).map { hidden[$0] }
    let list = wanted.map(\.key).joined(separator: ", ")
    let isOne = asked * values == 1
    let frame = Frame(
      opening:
        "Secret \(what)s are hidden in the text below. Keep them in mind: you will be asked for "
        + "\(isOne ? "one" : "some") of them.\n",
      question: isOne
        ? "\nWhat is the secret \(what) of \(list) that the text tells?\n"
        : "\nWhat are all the secret \(what)s of \(list) that the text tells?\n",
      leadIn: isOne
        ? "The secret \(what) of \(list) in the text is"
        : "The secret \(what)s of \(list) in the text are",
      answers: wanted.flatMap(\.values))
    let sentences = hidden.flatMap { key, values in
      values.map { sentence(key, $0, what) }
    }
    let asks = Set(wanted.flatMap { key, values in values.map { sentence(key, $0, what) } })
    let inserted = sentences.map { Inserted($0, isWanted: asks.contains($0), encode) }
    let room = try room(frame, besides: inserted.reduce(0) { $0 + $1.tokens.count })
    let body: Haystack.Window
    switch kind {
    case .single1: body = repeated(room)
    case .multiKey2, .multiKey3:
      body = others(room, &generator) { generator in
        sentence(keys.next(&generator), value(&generator), what)
      }
    default: body = haystack.window(of: room, from: &generator, encode: encode)
    }
    return assemble(frame, body, inserted, &generator)
  }

  private var hidesUUIDs: Bool { kind == .single3 || kind == .multiKey3 }

  private func sentence(_ key: String, _ value: String, _ what: String) -> String {
    " One of the secret \(what)s of \(key) is \(value)."
  }

  private func value(_ generator: inout SeededGenerator) -> String {
    hidesUUIDs ? uuid(&generator) : "\(1_000_000 + generator.below(9_000_000))"
  }

  /// A UUID of random bits, version 4 (RFC 9562).
  private func uuid(_ generator: inout SeededGenerator) -> String {
    let digits = Array("0123456789abcdef")
    return String(
      "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx".map { mark in
        switch mark {
        case "x": digits[generator.below(16)]
        case "y": digits[8 + generator.below(4)]
        default: mark
        }
      })
  }

  // MARK: Bodies

  /// Sentences that say nothing, again and again.
  private func repeated(_ room: Int) -> Haystack.Window {
    let noise = RulerWords.noise.map(encode).filter { !$0.isEmpty }
    let sentences = noise.isEmpty ? [FileSampler.behind(".", tokenizer)] : noise
    var window = Haystack.Window()
    var next = 0
    while window.tokens.count < room {
      window.append(sentences[next % sentences.count])
      next += 1
    }
    window.tokens.removeLast(window.tokens.count - room)
    return window
  }

  /// As many other sentences as there is room for.
  private func others(
    _ room: Int, _ generator: inout SeededGenerator, make: (inout SeededGenerator) -> String
  ) -> Haystack.Window {
    var window = Haystack.Window()
    while true {
      let tokens = encode(make(&generator))
      guard !tokens.isEmpty, window.tokens.count + tokens.count <= room else { break }
      window.append(tokens)
    }
    // A needle may stand at the end.
    window.boundaries.append(window.tokens.count)
    return window
  }

  // MARK: Variables

  private func variables(
    _ generator: inout SeededGenerator
  ) throws(GateOptimizerError) -> TaskSample {
    var names = Drawn { generator in
      String((0..<5).map { _ in RulerWords.capitals[generator.below(26)] })
    }
    func chain(_ generator: inout SeededGenerator) -> (
      value: String, names: [String], lines: [String]
    ) {
      let value = "\(10_000 + generator.below(90_000))"
      let own = (0..<5).map { _ in names.next(&generator) }
      let lines = own.indices.map { hop in
        " VAR \(own[hop]) = \(hop == 0 ? value : "VAR \(own[hop - 1])")."
      }
      return (value, own, lines)
    }
    let shown = chain(&generator)
    let asked = chain(&generator)
    let opening = "Variables get their values in the text below. Follow the chain of assignments.\n"
    func question(_ value: String) -> String {
      "\nWhich variables have the value \(value) in the end?\n"
    }
    func leadIn(_ value: String) -> String { "The five variables that have the value \(value) are" }
    // RULER shows a short example first.
    let example =
      opening + shown.lines.joined(separator: RulerWords.noise.joined()) + question(shown.value)
      + leadIn(shown.value) + " " + shown.names.joined(separator: ", ") + ".\n\n"
    let frame = Frame(
      opening: example + opening, question: question(asked.value), leadIn: leadIn(asked.value),
      answers: asked.names)
    let inserted = asked.lines.map { Inserted($0, isWanted: true, encode) }
    let room = try room(frame, besides: inserted.reduce(0) { $0 + $1.tokens.count })
    return assemble(frame, repeated(room), inserted, &generator)
  }

  // MARK: Words

  private func commonWords(
    _ generator: inout SeededGenerator
  ) throws(GateOptimizerError) -> TaskSample {
    var words = Drawn(isApart: true) { RulerWords.word(&$0) }
    let isShort = context < 4096
    let opening =
      "Some words of the numbered list below stand in it more often than the others. Remember them.\n"
    let question = "\nWhich ten words stand in the list most often?\n"
    let leadIn = "The ten most common words of the list are:"
    func list(
      _ common: [String], _ others: [String], _ often: Int, _ seldom: Int,
      _ generator: inout SeededGenerator
    ) -> String {
      var all =
        common.flatMap { Array(repeating: $0, count: often) }
        + others.flatMap { Array(repeating: $0, count: seldom) }
      for place in all.indices { all.swapAt(place, place + generator.below(all.count - place)) }
      return all.enumerated().map { "\($0 + 1). \($1)" }.joined(separator: " ")
    }
    func draw(_ count: Int, _ generator: inout SeededGenerator) -> [String] {
      (0..<count).map { _ in words.next(&generator) }
    }
    let shown = draw(10, &generator)
    let common = draw(10, &generator)
    let example =
      opening
      + list(
        shown, draw(isShort ? 10 : 30, &generator), isShort ? 3 : 10, isShort ? 1 : 3, &generator)
      + question + leadIn + " " + shown.joined(separator: ", ") + ".\n\n"
    let frame = Frame(
      opening: example + opening, question: question, leadIn: leadIn, answers: common)
    let (often, seldom) = isShort ? (6, 1) : (30, 3)
    let room = try room(frame, besides: 0)
    let start = generator
    // The order depends on how many words there are: each number is tried from the same place.
    func body(_ count: Int) -> [Int32] {
      var (words, generator) = (words, start)
      let others = (0..<count).map { _ in words.next(&generator) }
      return encode(list(common, others, often, seldom, &generator))
    }
    let least = body(1).count
    guard least <= room else {
      throw .textTooShort(
        task: kind.rawValue, context: context, needed: context - room + least)
    }
    let count = Self.most(to: room, per: 2 * seldom, body: { body($0).count })
    return finish(frame, body: body(count), needles: [])
  }

  private func frequentWords(
    _ generator: inout SeededGenerator
  ) throws(GateOptimizerError) -> TaskSample {
    var words = Drawn { generator in
      String((0..<6).map { _ in RulerWords.letters[generator.below(26)] })
    }
    // Dots are the most frequent, and ignored.
    let ranked = ["...."] + (0..<199).map { _ in words.next(&generator) }
    let frame = Frame(
      opening: "The text below is in code. Find the three words that stand in it most often.\n",
      question: "\nWithout the dots, which three coded words stand in the text most often?\n",
      leadIn: "The three most frequent coded words are:", answers: Array(ranked[1...3]))
    let room = try room(frame, besides: 0)
    let start = generator
    func body(_ count: Int) -> [Int32] {
      var generator = start
      // The zeta distribution with exponent 2, whose sum is π²/6.
      var all = ranked.enumerated().flatMap { rank, word in
        let share = 6 / (Double.pi * Double.pi) / Double((rank + 1) * (rank + 1))
        return Array(repeating: word, count: Int(Double(count) * share))
      }
      for place in all.indices { all.swapAt(place, place + generator.below(all.count - place)) }
      return encode(all.joined(separator: " "))
    }
    // So many that the fourth word stands there less often than the third.
    let least = body(Self.fewestCoded).count
    guard least <= room else {
      throw .textTooShort(
        task: kind.rawValue, context: context, needed: context - room + least)
    }
    let count = Self.most(to: room, from: Self.fewestCoded, per: 1, body: { body($0).count })
    return finish(frame, body: body(count), needles: [])
  }

  /// Words of a coded text at least: the words that are asked for stand twelve, five and three times in it then, and
  /// the next one once or twice.
  private static let fewestCoded = 80

  /// The largest number from `least` on with at most `room` tokens, by bisection; each takes at least `per`.
  private static func most(
    to room: Int, from least: Int = 1, per: Int, body: (Int) -> Int
  ) -> Int {
    var (low, high) = (least, least + max(1, room / per))
    while high - low > 1 {
      let middle = (low + high) / 2
      if body(middle) <= room { low = middle } else { high = middle }
    }
    return low
  }

  // MARK: Putting together

  /// A sentence that is put into the body.
  private struct Inserted {
    let tokens: [Int32]
    let isWanted: Bool

    init(_ text: String, isWanted: Bool, _ encode: (String) -> [Int32]) {
      tokens = encode(text)
      self.isWanted = isWanted
    }
  }

  private func opening(_ frame: Frame) -> [Int32] {
    tokenizer.startTokens + encode(chat.prefix + frame.opening)
  }

  private func closing(_ frame: Frame) -> [Int32] {
    encode(frame.question + chat.suffix + frame.leadIn)
  }

  private func answers(_ frame: Frame) -> [[Int32]] { frame.answers.map { encode(" " + $0) } }

  private var comma: [Int32] { encode(",") }
  private var stop: [Int32] { FileSampler.behind(".", tokenizer) }

  /// Tokens that are left for the body.
  private func room(_ frame: Frame, besides taken: Int) throws(GateOptimizerError) -> Int {
    let answers = answers(frame)
    let read = answers.reduce(comma.count * (answers.count - 1) + stop.count) { $0 + $1.count }
    let fixed =
      opening(frame).count + closing(frame).count + max(read, kind.maximumTokens) + taken
    let room = context - fixed
    guard room > 0 else {
      throw .textTooShort(task: kind.rawValue, context: context, needed: fixed + 1)
    }
    return room
  }

  /// Puts the sentences at random boundaries of the body, in their order.
  private func assemble(
    _ frame: Frame, _ body: Haystack.Window, _ inserted: [Inserted],
    _ generator: inout SeededGenerator
  ) -> TaskSample {
    var slots = inserted.map { _ in
      body.boundaries.isEmpty ? 0 : body.boundaries[generator.below(body.boundaries.count)]
    }
    slots.sort()
    var order = Array(inserted)
    if kind != .variables {
      for place in order.indices {
        order.swapAt(place, place + generator.below(order.count - place))
      }
    }
    var tokens: [Int32] = []
    var needles: [Range<Int>] = []
    var taken = 0
    for (slot, piece) in zip(slots, order) {
      tokens += body.tokens[taken..<slot]
      taken = slot
      if piece.isWanted { needles.append(tokens.count..<tokens.count + piece.tokens.count) }
      tokens += piece.tokens
    }
    return finish(frame, body: tokens + body.tokens[taken...], needles: needles)
  }

  /// The whole sample; `needles` are places of the body.
  private func finish(
    _ frame: Frame, body: [Int32], needles: [Range<Int>]
  ) -> TaskSample {
    let opening = opening(frame)
    let question = opening.count + body.count
    var tokens = opening + body + closing(frame)
    var places: [Range<Int>] = []
    for (number, answer) in answers(frame).enumerated() {
      if number > 0 { tokens += comma }
      places.append(tokens.count..<tokens.count + answer.count)
      tokens += answer
    }
    tokens += stop
    var sample = TaskSample(
      tokens: tokens, labelRows: question..<tokens.count, answers: places,
      needles: needles.map { $0.shifted(by: opening.count) },
      firstTokens: places.map(\.lowerBound))
    sample.key = AnswerKey(references: frame.answers, maximumTokens: kind.maximumTokens)
    return sample
  }
}

/// Draws texts, each once.
private struct Drawn {
  private var seen: Set<String> = []
  private let isApart: Bool
  private let draw: (inout SeededGenerator) -> String

  /// With `isApart` the first twenty are in none of the others, nor any of these in them: they are answers, and are
  /// looked for in a text.
  init(isApart: Bool = false, _ draw: @escaping (inout SeededGenerator) -> String) {
    (self.isApart, self.draw) = (isApart, draw)
  }

  mutating func next(_ generator: inout SeededGenerator) -> String {
    var tries = 0
    while true {
      var text = draw(&generator)
      tries += 1
      // The longest contexts have more than there are.
      if tries > Self.mostTries { text += String(seen.count) }
      if isApart, tries <= Self.mostTries,
        answers.contains(where: { $0.contains(text) || text.contains($0) })
      {
        continue
      }
      guard seen.insert(text).inserted else { continue }
      if isApart, answers.count < Self.mostAnswers { answers.append(text) }
      return text
    }
  }

  private var answers: [String] = []

  private static let (mostTries, mostAnswers) = (32, 20)
}
