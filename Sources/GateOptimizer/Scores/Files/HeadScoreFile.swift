import Foundation
import Support

/// A file with scores of heads, of whatever kind: the one reader of them all.
///
/// The kind is decided by the content first and by the name where the content leaves it open.
public struct HeadScoreFile: Sendable {
  /// The file.
  public let path: String
  /// How it is written.
  public let format: HeadScoreFormat
  /// What it holds.
  public let content: Content
  /// What zigzag's own file says besides; nil for any other.
  public let record: ScoreRecord?

  /// What a file of scores holds.
  public enum Content: Sendable, Equatable {
    /// A number for every head.
    case scores(HeadScores)
    /// Query heads in their order, perhaps some of a model's only.
    case list(HeadList)
  }

  /// Reads the file at `path`.
  ///
  /// - Throws: `FileError` where nothing is there, the file is of no kind, or not what its kind must be.
  public init(contentsOf path: String) throws(FileError) {
    let bytes = try RetrievalScores.bytes(at: path)
    let content = FileContent(bytes)
    guard let format = HeadScoreFormat(content, path: path) else {
      throw content.refusal(
        of: path, expected: "scores of heads", kinds: HeadScoreFormat.allCases.map(\.title))
    }
    try self.init(bytes, content, format, path: path)
  }

  /// Reads `bytes`, which are `content`, as a file of `format`.
  package init(
    _ bytes: Data, _ content: FileContent, _ format: HeadScoreFormat, path: String
  ) throws(FileError) {
    (self.path, self.format) = (path, format)
    record = format == .zigzag ? try ScoreRecord.parse(bytes, path: path) : nil
    if let record {
      self.content = .scores(record.scores)
      return
    }
    switch (format, content) {
    case (.retrievalHead, .json(let document)):
      self.content = .scores(try RetrievalScores.parse(document, file: path))
    case (.qrHead, .json(let document)), (.mmRetHead, .json(let document)):
      self.content = .list(try HeadListFile.parse(document, file: path))
    case (.qrHeadSet, .text(let text)):
      self.content = .list(try HeadSetFile.parse(text, file: path))
    case (.kvzip, _): self.content = .scores(try KVzipScores.parse(bytes, file: path))
    default:
      let gates = try GateTable.parse(bytes, file: path)
      self.content = .scores(
        HeadScores(
          unit: .keyValue, layers: gates.layers, heads: gates.heads, values: gates.values))
    }
  }

  /// The heads that are named where others of a model are not, best first; nil where all have a number.
  package func named(of scores: HeadScores) -> [HeadPlace]? {
    guard case .list(let list) = content, list.places.count < scores.values.count else {
      return nil
    }
    return list.places
  }

  /// The heads that have numbers in the file, by these `scores`, best first.
  package func ranked(in scores: HeadScores) -> [HeadPlace] {
    guard let named = named(of: scores).map(Set.init) else { return scores.ranked }
    return scores.ranked.filter(named.contains)
  }

  /// How many heads are taken where nobody says it: all of a set without numbers, or ``usual``.
  package var usualCount: Int {
    if case .list(let list) = content, list.scores == nil { return list.places.count }
    return Self.usual
  }

  /// Heads that are taken of scores, as QRHead takes them of models up to 8B.
  package static let usual = 16

  /// What is said where the heads that a file does not name are to have numbers, too; nil where it names all.
  package func note(ofOthersIn scores: HeadScores) -> String? {
    named(of: scores).map {
      "\(path) names \($0.count) of \(scores.values.count) query heads; the others count as the lowest and go by "
        + "lower layer and head"
    }
  }

  /// What is said of scores that rank nothing; nil where two of them differ.
  package func note(ofEqual scores: HeadScores) -> String? {
    guard let first = scores.values.first, scores.values.allSatisfy({ $0 == first }),
      scores.values.count > 1
    else { return nil }
    return
      "\(path) has the same score, \(first), for all heads, which then go by lower layer and head"
  }

  /// The number of every head; of a list of some heads, those of the others count as the lowest.
  ///
  /// - Parameters:
  ///   - layers: Layers of the model, L, which a list of some heads needs; nil where it is not known.
  ///   - queryHeads: Its query heads in a layer, H, likewise.
  /// - Returns: The scores, of query heads or of key-value heads, as the file has them.
  /// - Throws: `FileError` where query heads are those of another shape, or the model has to be known.
  public func scores(layers: Int? = nil, queryHeads: Int? = nil) throws(FileError) -> HeadScores {
    switch content {
    case .scores(let scores):
      if let queryHeads, scores.unit == .query, scores.heads != queryHeads {
        throw .invalid(
          path: path, place: "the scores",
          expected: "numbers for \(queryHeads) query heads of a layer, as the model has",
          found: "\(scores.heads)", fix: "name the scores of this model")
      }
      return scores
    case .list(let list):
      if let layers, let queryHeads {
        return try list.completed(layers: layers, queryHeads: queryHeads, file: path)
      }
      guard let whole = list.wholeShape else {
        throw .invalid(
          path: path, place: "the heads",
          expected: "a model that says how many heads there are, since only some are named",
          found: "\(list.places.count) heads", fix: "give the model with --model")
      }
      return try list.completed(
        layers: whole.layers, queryHeads: whole.queryHeads, file: path)
    }
  }
}

extension FileContent {
  /// The error of a file that is of none of the `kinds`.
  package func refusal(of path: String, expected: String, kinds: [String]) -> FileError {
    if case .damagedJSON(let error) = self, error.isKeyTwice { return error.inFile(path) }
    var fix = "what is read is \(kinds.dropLast().joined(separator: ", ")) or \(kinds.last ?? "")"
    if case .bytes(.pickle) = self {
      fix += "; save a tensor with torch.save of PyTorch 1.6 or later, whose file is a zip archive"
    }
    return .invalid(path: path, place: "the file", expected: expected, found: found, fix: fix)
  }
}
