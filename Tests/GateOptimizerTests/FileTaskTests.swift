import Foundation
import GateOptimizer
import ModelLoader
import Support
import TestSupport
import Testing

/// Tasks from files: what lines say, and what samples are made of them.
@Suite struct FileTaskTests {
  private let scratch: TemporaryFolder
  private let tokenizer: Tokenizer

  init() throws {
    scratch = try TemporaryFolder()
    tokenizer = try EmbeddedModel.tokenizer()
  }

  private func file(_ lines: String...) throws -> String {
    try scratch.write(lines.map { $0 + "\n" }.joined(), to: "tasks.jsonl")
  }

  private func sampler(
    _ path: String, longest: Int = 400, _ change: (inout FileTask) -> Void = { _ in }
  ) throws -> FileSampler {
    var task = FileTask(file: path)
    change(&task)
    try task.validate()
    return try FileSampler(task, longest: longest, tokenizer: tokenizer)
  }

  private func text(_ tokens: some Sequence<Int32>) -> String { tokenizer.decode(Array(tokens)) }

  // MARK: Samples

  @Test func aLineIsAPromptAndItsAnswer() throws {
    let path = try file(
      #"{"prompt": "What is red?", "answer": ["the apple", "apple"], "more": 3}"#, "",
      #"{"answer": "a river", "prompt": "Name a\nriver.\n"}"#)
    let samples = try sampler(path)
    #expect(samples.count == 2)
    let one = try samples.sample(index: 0, context: nil)
    #expect(text(one.tokens) == "What is red? the apple\n")
    #expect(text(one.tokens[one.answers[0]]) == " the apple")
    #expect(one.answers.count == 1 && one.labelRows.lowerBound == one.answers[0].lowerBound)
    // A token follows, so that the last one of the answer is read.
    #expect(one.labelRows.upperBound == one.length && one.answers[0].upperBound < one.length)
    #expect(one.key?.references == ["the apple", "apple"])
    #expect(one.key?.maximumTokens == 64 && !one.isTruncated)
    // A token in which each word begins.
    #expect(one.firstTokens.count == 2 && one.firstTokens[0] == one.answers[0].lowerBound)
    // No blank where the prompt ends with white space, and round again after the last line.
    let two = try samples.sample(index: 3, context: nil)
    #expect(text(two.tokens) == "Name a\nriver.\na river\n")
    #expect(try samples.sample(index: 1, context: nil) == two)
    #expect(try sampler(path) { $0.skip = 1 }.sample(index: 0, context: nil) == two)
  }

  @Test func templatesAndFormsStandAround() throws {
    let path = try file(
      #"{"context": "All of {question} it.", "input": "Who?", "answers": ["Ada"], "all_classes": null}"#
    )
    let sample = try sampler(path) {
      $0.format = .longBench
      $0.prompt = "<{context}|{question}>"
      ($0.prefix, $0.suffix) = ("[", "]:")
    }.sample(index: 0, context: nil)
    // What a field holds is no template.
    #expect(text(sample.tokens) == "[<All of {question} it.|Who?>]: Ada\n")
    let plain = try sampler(path) { $0.format = .longBench }.sample(index: 0, context: nil)
    #expect(text(plain.tokens).hasSuffix("\n\nQuestion: Who?\nAnswer: Ada\n"))
    let other = try sampler(path) {
      $0.fields.question = "context"
      $0.fields.answers = "input"
    }.sample(index: 0, context: nil)
    #expect(text(other.tokens) == "All of {question} it. Who?\n")
    // Its tokenizer has no such tokens.
    #expect(throws: GateOptimizerError.self) { try sampler(path) { $0.chat = .llama3 } }
    #expect(
      text(
        try sampler(path) { ($0.format, $0.chat) = (.longBench, .mistral) }
          .sample(index: 0, context: nil).tokens
      ).hasPrefix("[INST] "))
  }

  @Test func theMiddleIsCutAsLongBenchDoes() throws {
    let words = (0..<300).map { "word\($0)" }.joined(separator: " ")
    let path = try file(
      #"{"context": "\#(words)", "input": "Which?", "answers": ["word7"]}"#)
    let whole = try sampler(path, longest: 100_000) {
      $0.format = .longBench
      $0.maximumTokens = 10
    }.sample(index: 0, context: nil)
    let prompt = whole.tokens[..<whole.answers[0].lowerBound]
    let cut = try sampler(path, longest: 200) {
      $0.format = .longBench
      $0.maximumTokens = 10
    }.sample(index: 0, context: nil)
    let room = 200 - max(10, whole.length - whole.answers[0].lowerBound)
    #expect(cut.isTruncated && !whole.isTruncated)
    #expect(
      Array(cut.tokens[..<cut.answers[0].lowerBound])
        == Array(prompt.prefix(room / 2) + prompt.suffix(room - room / 2)))
    #expect(cut.tokens[cut.answers[0]].elementsEqual(whole.tokens[whole.answers[0]]))
    // The question and what stands around it stay.
    expectError(.badData, path, "line 1: the sample", "without the context") {
      try sampler(path, longest: 60) {
        $0.format = .longBench
        $0.maximumTokens = 10
      }.sample(index: 0, context: nil)
    }
    expectError(.badData, path, "line 1: the sample", "at most 200 tokens", "truncation: middle") {
      try sampler(path, longest: 200) {
        $0.format = .longBench
        $0.truncation = .refuse
      }.sample(index: 0, context: nil)
    }
  }

  @Test func aPromptEndsBehindItsContext() throws {
    let words = (0..<300).map { "word\($0)" }.joined(separator: " ")
    let path = try file(
      #"{"context": "All of it.", "input": "Who?", "answers": ["Ada"]}"#,
      #"{"context": "", "input": "Who?", "answers": ["Ada"]}"#,
      #"{"context": "\#(words)", "input": "Who?", "answers": ["Ada"]}"#)
    func sample(_ line: Int, _ prompt: String) throws -> TaskSample {
      try sampler(path, longest: 100) {
        ($0.format, $0.prompt, $0.maximumTokens) = (.longBench, prompt, 4)
        $0.suffix = "\n[answer]"
      }.sample(index: line, context: nil)
    }
    func parts(_ sample: TaskSample) -> [String] {
      let (question, answer) = (sample.boundary(.question), sample.boundary(.answer))
      return [
        text(sample.tokens[..<question]), text(sample.tokens[question..<answer]),
        text(sample.tokens[sample.answers[0]]),
      ]
    }
    let question = "\n\nBy whom? Who?\n[answer]"
    #expect(
      parts(try sample(0, "Read: {context}\n\nBy whom? {question}"))
        == ["Read: All of it.", question, " Ada"])
    #expect(
      parts(try sample(1, "Read: {context}\n\nBy whom? {question}"))
        == ["Read: ", question, " Ada"])
    let cut = try sample(2, "Read: {context}\n\nBy whom? {question}")
    #expect(cut.isTruncated && parts(cut)[1...] == [question, " Ada"])
    #expect(parts(cut)[0].hasPrefix("Read: word0 ") && parts(cut)[0].hasSuffix(" word299"))
    // One token of a prompt at least.
    let bare = try sample(1, "{context}{question}")
    #expect(bare.boundary(.question) == 1)
    // Where the question comes first, the form's end alone stands behind the context.
    #expect(parts(try sample(0, "{question} {context}"))[1] == "\n[answer]")
    // Without a context all of it is the prompt.
    let plain = try sample(0, "{question}")
    #expect(plain.boundary(.question) == plain.boundary(.answer))
  }

  // MARK: What is refused

  @Test(arguments: [
    (#"{"prompt": "a""#, "jsonl:2: not valid JSON"), ("[1]", "line 2: expected an object"),
    (#"{"answer": "b"}"#, "line 2: prompt: expected a text, found no such field"),
    (#"{"prompt": 3, "answer": "b"}"#, "line 2: prompt: expected a text, found the number 3"),
    (
      #"{"prompt": "a"}"#, "line 2: answer: expected a text or a list of texts, found no such field"
    ),
    (#"{"prompt": "a", "answer": []}"#, "line 2: answer: expected at least one right answer"),
    (#"{"prompt": "a", "answer": " "}"#, "line 2: answer: expected answers of at least one letter"),
    (#"{"prompt": "a", "answer": ["b", ""]}"#, "answer 2, which is empty"),
    (#"{"prompt": "a", "answer": ["b", 1]}"#, "expected a list of texts, found the number 1 in it"),
    (#"{"prompt": " ", "answer": "b"}"#, "line 2: prompt: expected a prompt, found blanks"),
    (#"{"prompt": "a", "prompt": "b", "answer": "b"}"#, "jsonl:2: "),
  ])
  func linesThatAreNoSamples(line: String, words: String) throws {
    let path = try file(#"{"prompt": "a", "answer": "b"}"#, line)
    expectError(.badData, path, words) { try sampler(path) }
  }

  @Test func filesThatAreNoTasks() throws {
    expectError(.missingInput, "nothing.jsonl") { try sampler(scratch.path("nothing.jsonl")) }
    let empty = try scratch.write("\n \n", to: "empty.jsonl")
    expectError(.badData, empty, "expected a sample, found none") { try sampler(empty) }
    let few = try file(#"{"prompt": "a", "answer": "b"}"#)
    expectError(.badData, few, "samples behind the 2 that are skipped, found 1 in all") {
      try sampler(few) { $0.skip = 2 }
    }
    let bytes = scratch.path("bytes.jsonl")
    try Data(#"{"prompt": "a", "answer": "b"}"#.utf8 + [0x0A, 0xFF, 0x0A])
      .write(to: URL(fileURLWithPath: bytes))
    expectError(.badData, bytes, "line 2: expected text in UTF-8") { try sampler(bytes) }
    let long = scratch.path("long.jsonl")
    try (Data(#"{"prompt": ""#.utf8) + Data(repeating: 0x61, count: 100 << 20))
      .write(to: URL(fileURLWithPath: long))
    expectError(.badData, long, "line 1: expected at most 16 MiB") { try sampler(long) }
  }

  @Test func classesHaveTheRightOneAmongThem() throws {
    let path = try file(
      #"{"prompt": "a", "answer": "cat", "kinds": ["dog", "cat"]}"#,
      #"{"prompt": "a", "answer": "cow", "kinds": ["dog", "cat"]}"#)
    expectError(.badData, path, "line 2: answer: expected one of the 2 classes") {
      try sampler(path) {
        $0.metrics = [.classification]
        $0.fields.classes = "kinds"
      }
    }
    expectSetting(["fields"], "names no classes") {
      try sampler(path) { $0.metrics = [.classification] }
    }
  }

  @Test func settingsThatMakeNoSamples() throws {
    let path = try file(#"{"prompt": "a", "answer": "b"}"#)
    expectSetting(["prompt"], "must have {context} or {question} in it") {
      try sampler(path) { $0.prompt = "Answer." }
    }
    expectSetting(["prompt"], "has {queston} in it") {
      try sampler(path) { $0.prompt = "{question} {queston}" }
    }
    expectSetting(["prompt"], "has {question} twice") {
      try sampler(path) { $0.prompt = "{question} {question}" }
    }
    expectSetting(["fields"], "names no context") {
      try sampler(path) { $0.prompt = "{context} {question}" }
    }
    expectSetting(["chat"], "keep one of them") {
      try sampler(path) { ($0.chat, $0.prefix) = (.chatML, "x") }
    }
    expectSetting(["metric"], "has f1 twice") { try sampler(path) { $0.metrics = [.f1, .f1] } }
    expectSetting(["stop"], "is empty") { try sampler(path) { $0.stops = [""] } }
  }

  private func expectSetting(
    _ path: [String], _ words: String, _ body: () throws -> FileSampler
  ) {
    let error = #expect(throws: InvalidSetting.self) { _ = try body() }
    #expect(
      error?.path == path && error?.problem.contains(words) == true, "\(String(describing: error))")
  }
}
