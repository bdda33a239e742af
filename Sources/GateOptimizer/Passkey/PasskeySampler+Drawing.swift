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
  ) -> PasskeySample {
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
    return PasskeySample(
      tokens: tokens, labelRows: questions..<tokens.count, answers: answers, needles: needles,
      firstTokens: firstTokens)
  }
}
