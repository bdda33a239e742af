import Support

/// The lines of a task's file, read and checked.
struct TaskFile: Sendable {
  /// What a line says.
  struct Line: Sendable {
    /// Counted from 1.
    let number: Int
    /// The prompt as far as its context, the context, and what follows; all of a prompt without one is context.
    let (head, context, tail): (String, String, String)
    let references: [String]
    let classes: [String]
  }

  let path: String
  /// The lines behind those that are skipped, in their order.
  let lines: [Line]

  /// Reads the file of `task`.
  ///
  /// - Throws: `FileError` that names the line and the field.
  init(_ task: FileTask) throws(FileError) {
    path = task.file
    let file = try JSONLines(path, what: "file of tasks")
    let reader = LineReader(task: task)
    let lines = try file.lines.dropFirst(task.skip).map { line throws(FileError) in
      try reader.read(file.value(of: line), number: line.number)
    }
    guard !lines.isEmpty else {
      throw .invalid(
        path: path, place: "the file",
        expected: task.skip == 0 ? "a sample" : "samples behind the \(task.skip) that are skipped",
        found: file.lines.isEmpty ? "none" : "\(file.lines.count) in all",
        fix: "write an object with prompt and answer into each line")
    }
    self.lines = lines
  }
}

/// Reads a line by the names of its fields.
private struct LineReader {
  let task: FileTask

  func read(_ value: JSONValue, number: Int) throws(FileError) -> TaskFile.Line {
    guard let members = value.members else {
      throw invalid(number, "", "an object", value.kind)
    }
    let names = task.names
    func field(_ name: String?) -> JSONValue? {
      members.first { $0.key.utf8.elementsEqual((name ?? "").utf8) }?.value
    }
    func part(_ template: some StringProtocol) throws(FileError) -> String {
      guard let mark = template.range(of: FileTask.questionMark) else { return String(template) }
      let question = try self.text(field(names.question), names.question ?? "question", number)
      return template[..<mark.lowerBound] + question + template[mark.upperBound...]
    }
    let template = task.template
    let (head, context, tail): (String, String, String)
    if let mark = template.range(of: FileTask.contextMark) {
      head = try part(template[..<mark.lowerBound])
      context = try self.text(field(names.context), names.context ?? "context", number)
      tail = try part(template[mark.upperBound...])
    } else {
      (head, context, tail) = ("", try part(template), "")
    }
    guard [head, context, tail].contains(where: { $0.contains { !$0.isWhitespace } }) else {
      throw invalid(number, names.question ?? "prompt", "a prompt", "blanks")
    }
    let answers = try texts(field(names.answers), names.answers ?? "answer", number)
    guard !answers.isEmpty else {
      throw invalid(number, names.answers ?? "answer", "at least one right answer", "none")
    }
    if let empty = answers.firstIndex(where: { $0.allSatisfy(\.isWhitespace) }) {
      throw invalid(
        number, names.answers ?? "answer", "answers of at least one letter",
        answers.count == 1 ? "an empty one" : "answer \(empty + 1), which is empty")
    }
    var classes: [String] = []
    if task.judgedBy.contains(.classification) {
      classes = try texts(field(names.classes), names.classes ?? "classes", number)
      if let other = answers.first(where: { !classes.contains($0) }) {
        throw invalid(
          number, names.answers ?? "answer", "one of the \(classes.count) classes",
          other.quotedForMessage)
      }
    }
    return TaskFile.Line(
      number: number, head: head, context: context, tail: tail, references: answers,
      classes: classes)
  }

  private func text(
    _ value: JSONValue?, _ name: String, _ number: Int
  ) throws(FileError) -> String {
    guard case .string(let text)? = value else {
      throw invalid(number, name, "a text", value?.kind ?? "no such field")
    }
    return text
  }

  /// A text, or a list of texts.
  private func texts(
    _ value: JSONValue?, _ name: String, _ number: Int
  ) throws(FileError) -> [String] {
    switch value {
    case .string(let text): return [text]
    case .array(let values):
      var texts: [String] = []
      for value in values {
        guard case .string(let text) = value else {
          throw invalid(number, name, "a list of texts", "\(value.kind) in it")
        }
        texts.append(text)
      }
      return texts
    case nil: throw invalid(number, name, "a text or a list of texts", "no such field")
    case let other?: throw invalid(number, name, "a text or a list of texts", other.kind)
    }
  }

  private func invalid(
    _ number: Int, _ field: String, _ expected: String, _ found: String
  ) -> FileError {
    .invalid(
      path: task.file, place: "line \(number)\(field.isEmpty ? "" : ": \(field)")",
      expected: expected, found: found,
      fix: "correct the line, or name its fields by fields and format")
  }
}
