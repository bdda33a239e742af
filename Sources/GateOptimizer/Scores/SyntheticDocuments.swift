import Foundation
import ModelLoader
import Transformer

/// Questions on documents that are made: passages of a haystack, each with a needle of its own.
///
/// Each document holds the needle of another passkey, so that a document is told from the others by what its needle
/// names, not by having one. One passkey is asked for. Sample i is a function of (seed, i) alone.
public struct SyntheticDocuments: Sendable {
  /// The wording of needles and questions; as many passkeys as documents, of which one is asked for.
  public let task: PasskeyTask
  /// Tokens of a document without its needle, ≥ 1.
  public private(set) var passage: Int
  private let haystack: Haystack
  private let seed: UInt64
  private let stream: SeededGenerator.Stream
  private let tokenizer: Tokenizer

  /// Questions in the wording of `task`.
  ///
  /// - Parameters:
  ///   - task: The wording; its passkeys are the documents.
  ///   - haystack: Where the passages come from.
  ///   - passage: Tokens of each passage, ≥ 1.
  ///   - seed: The seed of all samples.
  ///   - purpose: What the samples are for; nil for scoring heads.
  ///   - tokenizer: The model's.
  /// - Throws: ``GateOptimizerError`` if the wording is impossible, `FileError` for a haystack that cannot be read.
  public init(
    task: PasskeyTask, haystack: HaystackSource, passage: Int, seed: UInt64,
    purpose: PasskeySampler.Purpose? = nil, tokenizer: Tokenizer
  ) throws {
    try task.validate()
    precondition(passage >= 1, "passages of \(passage) tokens")
    self.task = task
    self.passage = passage
    self.haystack = try Haystack(haystack) { tokenizer.encode($0) }
    self.seed = seed
    stream = purpose?.stream ?? .scores
    self.tokenizer = tokenizer
  }

  /// The same questions with passages so long that a prompt has about `context` tokens.
  ///
  /// - Parameters:
  ///   - context: Tokens of a prompt.
  ///   - wording: How questions are put.
  ///   - place: What names the questions in errors.
  /// - Returns: The questions, nil where the context is too short for them; and tokens of a prompt whose passages have one.
  /// - Throws: ``DocumentProblem`` for a wording that suits no prompt.
  package func filling(
    _ context: Int, wording: DocumentWording, place: String
  ) throws(DocumentProblem) -> (questions: SyntheticDocuments?, shortest: Int) {
    var questions = self
    questions.passage = 1
    let shortest = try DocumentPrompt(
      questions.sample(0), wording: wording, tokenizer: tokenizer, place: place
    ).tokens.count
    questions.passage = (context - shortest) / task.passkeys
    return (questions.passage >= 1 ? questions : nil, shortest)
  }

  /// Sample `index`, always the same.
  public func sample(_ index: Int) -> DocumentSample {
    var generator = SeededGenerator(
      seed: seed, index: UInt64(bitPattern: Int64(index)), stream: stream)
    let values = drawValues(&generator)
    let names = drawNames(&generator)
    let asked = generator.below(task.passkeys)
    let documents = (0..<task.passkeys).map { place in
      document(needle: needle(names[place], values[place]), &generator)
    }
    let question = task.named(task.question, names[asked])
    return DocumentSample(
      query: question.trimmingCharacters(in: .whitespacesAndNewlines), documents: documents,
      gold: [asked], answer: values[asked], needle: needle(names[asked], values[asked]),
      leadIn: task.named(task.answerLeadIn, names[asked]))
  }

  /// Passkeys, all different, without a blank before them.
  private func drawValues(_ generator: inout SeededGenerator) -> [String] {
    var values: [String] = []
    while values.count < task.passkeys {
      let symbols = (0..<task.length).map { _ in generator.pick(task.symbols) }
      let value = String(task.text(of: symbols).dropFirst())
      if !values.contains(value) { values.append(value) }
    }
    return values
  }

  /// What each passkey is called, by its number among ordinals or keys.
  private func drawNames(_ generator: inout SeededGenerator) -> [Int] {
    var names = Array(0..<Swift.max(task.keys.count, task.passkeys))
    for place in 0..<task.passkeys {
      names.swapAt(place, place + generator.below(names.count - place))
    }
    return Array(names.prefix(task.passkeys))
  }

  private func needle(_ name: Int, _ value: String) -> String {
    task.named(task.needle, name).replacing("{passkey}", with: value)
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// A passage with its needle between two sentences.
  private func document(
    needle: String, _ generator: inout SeededGenerator
  ) -> DocumentSample.Document {
    let window = haystack.window(of: passage, from: &generator) { tokenizer.encode($0) }
    let place = generator.pick(window.boundaries)
    func text(_ tokens: some Sequence<Int32>) -> String {
      // The last token may be half a character.
      tokenizer.decode(Array(tokens)).replacing("\u{FFFD}", with: "")
        .trimmingCharacters(in: .whitespacesAndNewlines)
    }
    let parts = [text(window.tokens[..<place]), needle, text(window.tokens[place...])]
    return DocumentSample.Document(
      text: parts.filter { !$0.isEmpty }.joined(separator: " "))
  }
}

extension PasskeyTask {
  /// The passkeys of ten documents: phrases of four words, each called by the name of a guest.
  public static let documents: PasskeyTask = {
    var task = keyValuePairs
    task.kind = .words
    (task.passkeys, task.length, task.questions) = (10, 4, 1)
    task.alphabet = heldOutPasskeys.alphabet
    task.needle = " The password of {key} is {passkey}."
    task.question = "What is the password of {key}?\n"
    task.answerLeadIn = "The password of {key} is"
    return task
  }()

  /// A template with the name of passkey `index`, from 0, in it.
  func named(_ template: String, _ index: Int) -> String {
    template.replacing("{key}", with: keys.indices.contains(index) ? keys[index] : "")
      .replacing("{ordinal}", with: PasskeyTask.ordinal(index + 1))
  }
}
