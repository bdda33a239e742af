import Foundation

/// The fixed pieces of a task's samples as tokens; each piece is tokenized alone.
struct TaskTokens: Sendable {
  let prologue: [Int32]
  let epilogue: [Int32]
  let separator: [Int32]
  /// What depends on a passkey's name: by ordinal, or by key where the task has keys.
  let named: [NamedTokens]
  /// Tokens of a sample with the longest passkeys and one haystack token per needle.
  let longestSample: Int

  /// The pieces of a sample that name one passkey.
  struct NamedTokens: Sendable {
    /// The needle sentence up to its passkey.
    let needleHead: [Int32]
    /// What follows the passkey in its sentence.
    let needleTail: [Int32]
    /// The question with the lead-in of its answer.
    let question: [Int32]

    var needleCount: Int { needleHead.count + needleTail.count }
  }

  /// Tokenizes the wording of a valid `task`.
  init(_ task: PasskeyTask, startTokens: [Int32], encode: (String) -> [Int32]) {
    // The blank before a passkey is part of the passkey, in the needle as in the answer.
    let parts = task.needle.components(separatedBy: " {passkey}")
    let question = task.question + task.answerLeadIn.replacing(/\ +$/, with: "")
    let names = task.keys.isEmpty ? (1...task.passkeys).map(PasskeyTask.ordinal) : task.keys
    named = names.enumerated().map { index, name in
      func piece(_ template: String) -> [Int32] {
        encode(
          template.replacing("{key}", with: name)
            .replacing("{ordinal}", with: PasskeyTask.ordinal(index + 1)))
      }
      return NamedTokens(
        needleHead: piece(parts.first ?? ""), needleTail: piece(parts.last ?? ""),
        question: piece(question))
    }
    prologue = startTokens + encode(task.prologue)
    epilogue = encode(task.epilogue)
    separator = encode(task.separator)
    let longestSymbol = task.symbols.map { encode(task.text(of: [$0])).count }.max() ?? 0
    let passkey = task.length * longestSymbol
    let needles = Self.largest(task.passkeys, of: named.map(\.needleCount))
    let questions = Self.largest(task.questionCount, of: named.map(\.question.count))
    longestSample =
      prologue.count + epilogue.count + needles + task.passkeys * (passkey + 1) + questions
      + task.questionCount * (passkey + separator.count)
  }

  /// The sum of the `count` largest.
  private static func largest(_ count: Int, of sizes: [Int]) -> Int {
    sizes.sorted(by: >).prefix(count).reduce(0, +)
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
