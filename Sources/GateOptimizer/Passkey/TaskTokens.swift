import Foundation

/// The fixed pieces of a task's samples as tokens; each piece is tokenized alone.
struct TaskTokens: Sendable {
  let prologue: [Int32]
  /// The needle sentences up to their passkeys, one per passkey.
  let needleHeads: [[Int32]]
  /// What follows the passkeys in their sentences, one per passkey.
  let needleTails: [[Int32]]
  let epilogue: [Int32]
  /// The questions with the lead-in of their answers, one per passkey.
  let questions: [[Int32]]
  let separator: [Int32]
  /// Tokens of a sample that are neither haystack nor passkey.
  let fixedCount: Int
  /// Tokens of a sample with the longest passkeys and one haystack token per needle.
  let longestSample: Int

  /// Tokenizes the wording of a valid `task`.
  init(_ task: PasskeyTask, startTokens: [Int32], encode: (String) -> [Int32]) {
    // The blank before a passkey is part of the passkey, in the needle as in the answer.
    let parts = task.needle.components(separatedBy: " {passkey}")
    let ordinals = (1...task.passkeys).map(PasskeyTask.ordinal)
    func pieces(_ template: String) -> [[Int32]] {
      ordinals.map { encode(template.replacingOccurrences(of: "{ordinal}", with: $0)) }
    }
    let leadIn = task.answerLeadIn.replacing(/\ +$/, with: "")
    prologue = startTokens + encode(task.prologue)
    needleHeads = pieces(parts.first ?? "")
    needleTails = pieces(parts.last ?? "")
    epilogue = encode(task.epilogue)
    questions = pieces(task.question + leadIn)
    separator = encode(task.separator)
    let perPasskey = (needleHeads + needleTails + questions).reduce(0) { $0 + $1.count }
    fixedCount = prologue.count + epilogue.count + perPasskey + task.passkeys * separator.count
    let longestSymbol = task.symbols.map { encode(task.text(of: [$0])).count }.max() ?? 0
    longestSample = fixedCount + task.passkeys * (2 * task.length * longestSymbol + 1)
  }
}

/// One passkey as tokens.
struct PasskeyTokens: Sendable, Equatable {
  /// The passkey with the blank before it.
  let tokens: [Int32]
  /// Offsets into ``tokens`` at which a word or digit begins, ascending, each once.
  let firstTokens: [Int]

  /// Tokenizes the passkey of `symbols`, words or digits.
  init(_ symbols: [String], of task: PasskeyTask, encode: (String) -> [Int32]) {
    let tokens = encode(task.text(of: symbols))
    var firstTokens: [Int] = []
    for count in symbols.indices {
      let offset = min(
        Self.commonPrefix(encode(task.textBefore(symbols.prefix(count))), tokens),
        max(tokens.count - 1, 0))
      if firstTokens.last.map({ $0 < offset }) ?? true { firstTokens.append(offset) }
    }
    self.tokens = tokens
    self.firstTokens = firstTokens
  }

  /// How many tokens `head` and `tokens` have in common at their beginning.
  ///
  /// With `head` the text before a word, blank included, this is the token the word begins in: earlier
  /// tokens do not depend on the word, and a blank that is joined to the word is not one of them.
  private static func commonPrefix(_ head: [Int32], _ tokens: [Int32]) -> Int {
    zip(head, tokens).prefix { $0 == $1 }.count
  }
}

extension PasskeyTask {
  /// The text of a passkey up to where the symbol after `symbols` begins.
  func textBefore(_ symbols: some Collection<String>) -> String {
    kind == .digits || symbols.isEmpty
      ? " " + symbols.joined() : text(of: symbols) + " "
  }
}
