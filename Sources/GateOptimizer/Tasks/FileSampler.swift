import Foundation
import ModelLoader
import Support

/// Makes samples of the lines of a file: the prompt, and the first right answer behind it.
///
/// What stands behind the context is the question. Where a prompt has no context of its own, all of it is the prompt.
public struct FileSampler: SampleSource {
  private let task: FileTask
  private let file: TaskFile
  private let tokenizer: Tokenizer
  private let longest: Int
  private let generates: Bool
  private let (prefix, suffix): (String, String)
  /// What follows an answer, so that all of its tokens are read.
  private let behind: [Int32]

  /// Lines of the file that are samples.
  public var count: Int? { file.lines.count }

  /// Reads the file of `task`; samples take at most `longest` tokens unless they are asked for shorter.
  ///
  /// With `generates` there is room for the tokens that are generated, too.
  ///
  /// - Throws: `FileError` for a line that is no sample, ``GateOptimizerError/option(name:expected:found:)`` for a form
  ///   of chats that the tokenizer does not have.
  public init(
    _ task: FileTask, longest: Int, generates: Bool = true, tokenizer: Tokenizer
  ) throws {
    _ = try task.chat.endTokens(of: tokenizer, at: FileTask.CodingKeys.chat.rawValue)
    self.task = task
    self.longest = longest
    self.generates = generates && task.judgedBy.contains(where: \.judgesText)
    self.tokenizer = tokenizer
    file = try TaskFile(task)
    prefix = task.prefix ?? task.chat.prefix
    suffix = task.suffix ?? task.chat.suffix
    behind = Self.behind("\n", tokenizer)
  }

  /// The sample of line `index` behind those that are skipped; after the last line comes the first again.
  ///
  /// - Throws: `FileError` where it has more than `context` tokens and may not be cut.
  public func sample(index: Int, context: Int?) throws -> TaskSample {
    let line = file.lines[index % file.lines.count]
    let limit = context ?? longest
    let (head, tail) = (prefix + line.head, line.tail + suffix)
    let text = head + line.context + tail
    let start = tokenizer.startTokens
    var prompt = start + tokenizer.encode(text)
    guard prompt.count > start.count else {
      throw invalid(line, "the prompt", "tokens of the tokenizer", "none")
    }
    let answer = try self.answer(line, behind: text, prompt: prompt, start: start)
    let generated = generates ? task.maximumTokens : 0
    let room = limit - max(answer.count + behind.count, generated)
    let isTooLong = prompt.count > room
    let question = tokenizer.encode(tail).count
    if isTooLong {
      let around = (start.count + tokenizer.encode(head).count, question)
      prompt = try cut(prompt, to: room, around: around, line, limit: limit, answer: limit - room)
    }
    let answers = prompt.count..<prompt.count + answer.count
    // A text may have fewer tokens than its parts, and an empty one before the question none.
    let boundary = task.hasContext ? max(1, prompt.count - question) : prompt.count
    var sample = TaskSample(
      tokens: prompt + answer + behind,
      labelRows: boundary..<answers.upperBound + behind.count, answers: [answers],
      needles: [],
      firstTokens: wordStarts(answer).map { prompt.count + $0 })
    sample.key = AnswerKey(
      references: line.references, classes: line.classes, maximumTokens: task.maximumTokens)
    sample.isTruncated = isTooLong
    return sample
  }

  /// The tokens of `text`, which ends an answer; of another where the tokenizer has none for it.
  static func behind(_ text: String, _ tokenizer: Tokenizer) -> [Int32] {
    [text, ".", " the"].lazy.map { tokenizer.encode($0) }.first { !$0.isEmpty } ?? []
  }

  /// The tokens of the first right answer, as they follow the prompt.
  private func answer(
    _ line: TaskFile.Line, behind text: String, prompt: [Int32], start: [Int32]
  ) throws(FileError) -> [Int32] {
    let isParted = text.last?.isWhitespace ?? true
    let answer = (isParted ? "" : " ") + (line.references.first ?? "")
    let whole = start + tokenizer.encode(text + answer)
    let tokens =
      whole.starts(with: prompt)
      ? Array(whole.dropFirst(prompt.count)) : tokenizer.encode(answer)
    guard !tokens.isEmpty else {
      throw invalid(line, "the answer", "tokens of the tokenizer", "none")
    }
    return tokens
  }

  /// The first and the last half of `room` tokens.
  private func cut(
    _ prompt: [Int32], to room: Int, around: (head: Int, tail: Int), _ line: TaskFile.Line,
    limit: Int, answer: Int
  ) throws(FileError) -> [Int32] {
    guard task.truncates == .middle else {
      throw invalid(
        line, "the sample", "at most \(limit) tokens, \(answer) of them for the answer",
        "\(prompt.count + answer)",
        fix: "raise its context as far as the model allows, or set truncation: middle")
    }
    let first = room / 2
    guard room > 0, around.head <= first, around.tail <= room - first else {
      throw invalid(
        line, "the sample", "at most \(limit) tokens, \(answer) of them for the answer",
        "\(around.head + around.tail + answer) without the context",
        fix: "raise its context, or shorten the question; only the context may be cut")
    }
    return prompt.prefix(first) + prompt.suffix(room - first)
  }

  private func invalid(
    _ line: TaskFile.Line, _ place: String, _ expected: String, _ found: String,
    fix: String = "correct the line"
  ) -> FileError {
    .invalid(
      path: file.path, place: "line \(line.number): \(place)", expected: expected, found: found,
      fix: fix)
  }

  /// The tokens in which a word begins: those with a letter behind white space, and the first.
  private func wordStarts(_ tokens: [Int32]) -> [Int] {
    var isBetween = true
    var starts: [Int] = []
    for (place, token) in tokens.enumerated() {
      let bytes = tokenizer.piece(of: token, isFirst: false)?.bytes ?? []
      var begins = false
      for byte in bytes {
        let isSpace = byte == 0x20 || (0x09...0x0D).contains(byte)
        begins = begins || isBetween && !isSpace
        isBetween = isSpace
      }
      if begins { starts.append(place) }
    }
    return starts.isEmpty ? [0] : starts
  }
}
