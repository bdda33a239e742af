extension PasskeySampler {
  /// As many passkeys as the task asks for, all different.
  func drawPasskeys(_ generator: inout SeededGenerator) -> [PasskeyTokens] {
    let symbols = task.symbols
    var drawn = Set<[Int]>()
    var passkeys: [PasskeyTokens] = []
    while passkeys.count < task.passkeys {
      let choice = (0..<task.length).map { _ in generator.below(symbols.count) }
      guard drawn.insert(choice).inserted else { continue }
      passkeys.append(PasskeyTokens(choice.map { symbols[$0] }, of: task, encode: encode))
    }
    return passkeys
  }

  /// Where in the haystack the needles go, ascending: counts of haystack tokens before them.
  ///
  /// A depth is drawn uniformly from the task's range for every needle, and moved to the nearest
  /// beginning of a sentence inside the range, if there is one.
  func needleSlots(
    in window: Haystack.Window, _ generator: inout SeededGenerator
  ) -> [Int] {
    let count = Double(window.tokens.count)
    let (low, high) = (task.depthRange[0] * count, task.depthRange[1] * count)
    let boundaries = window.boundaries.filter { (low...high).contains(Double($0)) }
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
    passkeys: [PasskeyTokens], window: Haystack.Window, slots: [Int]
  ) -> PasskeySample {
    var tokens = wording.prologue
    var needles: [Range<Int>] = []
    var taken = 0
    for (number, slot) in slots.enumerated() {
      tokens += window.tokens[taken..<slot]
      taken = slot
      tokens += wording.needleHeads[number]
      needles.append(tokens.count..<tokens.count + passkeys[number].tokens.count)
      tokens += passkeys[number].tokens + wording.needleTails[number]
    }
    tokens += window.tokens[taken...] + wording.epilogue

    let questions = tokens.count
    var answers: [Range<Int>] = []
    var firstTokens: [Int] = []
    for (question, passkey) in zip(wording.questions, passkeys) {
      tokens += question
      answers.append(tokens.count..<tokens.count + passkey.tokens.count)
      firstTokens += passkey.firstTokens.map { tokens.count + $0 }
      tokens += passkey.tokens + wording.separator
    }
    return PasskeySample(
      tokens: tokens, labelRows: questions..<tokens.count, answers: answers, needles: needles,
      firstTokens: firstTokens)
  }
}
