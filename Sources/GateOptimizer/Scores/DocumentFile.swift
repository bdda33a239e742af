import Foundation
import Support

/// A file of questions on documents: JSON Lines, read as QRHead's data are.
///
/// A line is an object with `query`, `documents` (texts, or objects with `text` and perhaps `title`), and perhaps `gold`
/// (indices of documents from 0) and `answer`. QRHead's own names are read too: `question`, `paragraphs` with `idx`,
/// `title` and `paragraph_text`, and `gt_docs`, a list of such `idx`. White space around a document's text does not count.
public struct DocumentFile: Sendable {
  /// Where it was read from.
  public let path: String
  /// The samples, in the order of the lines; at least one.
  public let samples: [DocumentSample]
  /// The line of each sample, counted from 1.
  private let lines: [Int]

  /// Reads the file at `path`.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - needsGold: Whether a line without gold documents is refused.
  /// - Throws: `FileError` that names the line and the field.
  public init(contentsOf path: String, needsGold: Bool) throws(FileError) {
    self.path = path
    var samples: [DocumentSample] = []
    let file = try JSONLines(path, what: "file of questions and documents")
    for line in file.lines {
      let reader = Line(path: path, number: line.number)
      samples.append(try reader.sample(file.value(of: line), needsGold: needsGold))
    }
    lines = file.lines.map(\.number)
    guard !samples.isEmpty else {
      throw .invalid(
        path: path, place: "the file", expected: "a question", found: "none",
        fix: "write an object with query and documents into each line")
    }
    self.samples = samples
  }

  /// What names a sample in errors: the file and the sample's line.
  package func place(of sample: Int) -> String { "\(path): line \(lines[sample])" }

  /// Reads a file of documents alone: texts, or objects with `text` and perhaps `title`, one a line.
  ///
  /// - Throws: `FileError` that names the line and the field.
  public static func documents(
    contentsOf path: String
  ) throws(FileError) -> [DocumentSample.Document] {
    var documents: [DocumentSample.Document] = []
    let file = try JSONLines(path, what: "file of documents")
    for line in file.lines {
      let reader = Line(path: path, number: line.number)
      documents.append(try reader.document(file.value(of: line), "the document"))
    }
    guard !documents.isEmpty else {
      throw .invalid(
        path: path, place: "the file", expected: "a document", found: "none",
        fix: "write an object with text into each line")
    }
    return documents
  }

  /// Reads the parts of a line.
  private struct Line {
    let path: String
    let number: Int

    func sample(_ value: JSONValue, needsGold: Bool) throws(FileError) -> DocumentSample {
      guard let members = value.members else { throw invalid("", "an object", value.kind) }
      let query = try field("query", "question", of: members, "")
      guard case .string(let asked)? = query?.value else {
        throw invalid(query?.key ?? "query", "a text", query?.value.kind ?? "no such field")
      }
      guard asked.contains(where: { !$0.isWhitespace }) else {
        throw invalid(query?.key ?? "query", "a question", "blanks")
      }
      let list = try field("documents", "paragraphs", of: members, "")
      let name = list?.key ?? "documents"
      guard case .array(let values)? = list?.value else {
        throw invalid(name, "a list of documents", list?.value.kind ?? "no such field")
      }
      guard !values.isEmpty else { throw invalid(name, "at least one document", "none") }
      var documents: [DocumentSample.Document] = []
      for (index, value) in values.enumerated() {
        documents.append(try document(value, "\(name) \(index)"))
      }
      let given = try field("gold", "gt_docs", of: members, "")
      let gold = try given.map { given throws(FileError) in
        try self.gold(given.value, given.key, values)
      }
      guard !needsGold || gold?.isEmpty == false else {
        throw invalid(
          given?.key ?? "gold", "the indices of the documents that hold the answer",
          gold == nil ? "no such field" : "none")
      }
      var answer: String?
      if let given = members.first(where: { $0.key == "answer" })?.value {
        guard case .string(let text) = given, text.contains(where: { !$0.isWhitespace }) else {
          throw invalid("answer", "a text of at least one letter", given.kind)
        }
        answer = text
      }
      return DocumentSample(
        query: asked, documents: documents, gold: gold ?? [], answer: answer)
    }

    /// The field of either name; `place` tells in errors where both stand.
    private func field(
      _ name: String, _ other: String, of members: [JSONValue.Member], _ place: String
    ) throws(FileError) -> JSONValue.Member? {
      let found = members.filter { $0.key == name || $0.key == other }
      guard found.count <= 1 else {
        throw invalid(place, "one of \(name) and \(other)", "both, so that one would not count")
      }
      return found.first
    }

    func document(
      _ value: JSONValue, _ place: String
    ) throws(FileError) -> DocumentSample.Document {
      let text =
        try field("text", "paragraph_text", of: value.members ?? [], place)?.value ?? value
      guard case .string(let words) = text else {
        throw invalid(
          place, "a text, or an object with text",
          value.members == nil ? value.kind : "an object without a text in text")
      }
      let trimmed = words.trimmingCharacters(in: .whitespacesAndNewlines)
      guard !trimmed.isEmpty else { throw invalid(place, "a text", "blanks") }
      var document = DocumentSample.Document(text: trimmed)
      switch value.members?.first(where: { $0.key == "title" })?.value {
      case .string(let title): document.title = title
      case nil, .null: break
      case let other?: throw invalid("\(place): title", "a text", other.kind)
      }
      return document
    }

    /// The places of the documents that hold the answer: indices, or QRHead's names of documents.
    private func gold(
      _ value: JSONValue, _ name: String, _ documents: [JSONValue]
    ) throws(FileError) -> [Int] {
      guard case .array(let values) = value else {
        throw invalid(name, "a list of indices", value.kind)
      }
      let isNamed = name == "gt_docs"
      var named: [[UInt8]: Int] = [:]
      for (place, document) in documents.enumerated() where isNamed {
        guard let own = document.members?.first(where: { $0.key == "idx" })?.value else { continue }
        if let other = named.updateValue(place, forKey: own.serialized()) {
          throw invalid(
            "paragraphs \(place): idx", "another than that of paragraph \(other)", shown(own))
        }
      }
      var places: [Int] = []
      for value in values {
        let place =
          isNamed
          ? named[value.serialized()]
          : value.integer.flatMap { documents.indices.contains($0) ? $0 : nil }
        guard let place else {
          throw invalid(
            name,
            isNamed
              ? "the idx of documents of the line"
              : "indices from 0 to \(documents.count - 1), since there are \(documents.count) documents",
            shown(value))
        }
        guard !places.contains(place) else {
          throw invalid(name, "each document once", "\(shown(value)) twice")
        }
        places.append(place)
      }
      return places.sorted()
    }

    private func shown(_ value: JSONValue) -> String {
      switch value {
      case .string(let text): text.quotedForMessage
      default: value.real.map { Int(exactly: $0).map(String.init) ?? "\($0)" } ?? value.kind
      }
    }

    private func invalid(_ field: String, _ expected: String, _ found: String) -> FileError {
      .invalid(
        path: path, place: "line \(number)\(field.isEmpty ? "" : ": \(field)")",
        expected: expected, found: found, fix: "correct the line")
    }
  }
}
