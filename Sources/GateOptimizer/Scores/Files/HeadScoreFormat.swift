import Foundation
import Support

/// A way to write scores of heads to a file: zigzag's own and those of the field.
public enum HeadScoreFormat: String, CaseIterable, Sendable {
  /// zigzag's own, with what the scores were made of: ``ScoreRecord``.
  case zigzag
  /// Retrieval_Head's object from head to a list of numbers (JSON).
  case retrievalHead = "retrieval-head"
  /// QRHead's list of all heads with their numbers, best first (JSON).
  case qrHead = "qrhead"
  /// QRHead's set of the best heads, in order and without numbers (YAML).
  case qrHeadSet = "qrhead-set"
  /// MMRetHead's list of heads, beside its arguments (JSON).
  case mmRetHead = "mmrethead"
  /// KVzip's tensor of key-value heads (`.pt`).
  case kvzip
  /// DuoAttention's table of gates, which RLKV writes too (TSV).
  case duoAttention = "duo-attention"

  /// What a file of this format is, with its article or owner, as messages and help name it.
  public var title: String {
    switch self {
    case .zigzag: "zigzag's own scores (JSON)"
    case .retrievalHead: "Retrieval_Head's scores (JSON)"
    case .qrHead: "QRHead's list (JSON)"
    case .qrHeadSet: "QRHead's attn_head_set (YAML)"
    case .mmRetHead: "MMRetHead's head_score_list (JSON)"
    case .kvzip: "KVzip's tensor (.pt)"
    case .duoAttention: "a table of gates (TSV)"
    }
  }

  /// What a file of this format holds, in one line of a help page.
  public var summary: String {
    switch self {
    case .zigzag: "every number, with the method, its settings, the model and the texts"
    case .retrievalHead: "one number for each query head, from 0 to 50"
    case .qrHead: "all query heads with their numbers, best first"
    case .qrHeadSet: "the names of the best query heads, best first"
    case .mmRetHead: "all query heads with their numbers, best first, and the settings"
    case .kvzip: "a tensor of one float16 number for each key-value head"
    case .duoAttention: "one gate from 0 to 1 for each key-value head"
    }
  }

  /// The name of a file of this format, where nobody gives another.
  public var fileName: String {
    switch self {
    case .zigzag: "scores.json"
    case .retrievalHead: "retrieval-head.json"
    case .qrHead: "qrhead.json"
    case .qrHeadSet: "qrhead-set.yaml"
    case .mmRetHead: "mmrethead.json"
    case .kvzip: "kvzip.pt"
    case .duoAttention: "full_attention_heads.tsv"
    }
  }

  /// Whether a file has numbers of query heads, so that those of a group are to become one.
  public var isOfQueryHeads: Bool? {
    switch self {
    case .retrievalHead, .qrHead, .qrHeadSet, .mmRetHead: true
    case .kvzip, .duoAttention: false
    case .zigzag: nil
    }
  }

  /// Whether a file may name some query heads alone.
  public var namesSome: Bool {
    switch self {
    case .qrHead, .qrHeadSet, .mmRetHead: true
    case .zigzag, .retrievalHead, .kvzip, .duoAttention: false
    }
  }

  /// The format that `content` says; what it leaves open, the name at the end of `path` decides.
  ///
  /// - Returns: Nil where both say nothing.
  package init?(_ content: FileContent, path: String) {
    switch content {
    case .json(let document):
      if content.member("format") != nil {
        self = .zigzag
      } else if content.member(HeadListFile.key) != nil {
        self = .mmRetHead
      } else if RetrievalScores.hasScores(document) {
        self = .retrievalHead
      } else if HeadListFile.isList(document) {
        self = .qrHead
      } else {
        return nil
      }
    case .zip: self = .kvzip
    case .text(let text) where HeadSetFile.isSet(text): self = .qrHeadSet
    case .text(let text) where GateTable.isTable(text): self = .duoAttention
    case .text where path.hasSuffix(".yaml") || path.hasSuffix(".yml"): self = .qrHeadSet
    case .text where path.hasSuffix(".tsv"), .bytes where path.hasSuffix(".tsv"):
      self = .duoAttention
    case .text, .damagedJSON, .bytes: return nil
    }
  }
}

extension HeadScoreFormat {
  /// How scores become those of a format that has less room.
  public struct Options: Sendable {
    /// How the query heads of a key-value head become one number.
    public var grouping = HeadScores.Grouping.max
    /// How many heads a set names, at most all.
    public var count = 16
    /// The heads that lists and sets name, best first; nil for all.
    public var heads: [HeadPlace]?

    /// The largest of a group, lists of all heads, and sets of the 16 best.
    public init() {}
  }

  /// The bytes of a file of this format.
  ///
  /// - Parameters:
  ///   - record: The scores and what they were made of.
  ///   - options: How they are made to fit.
  ///   - file: Names the scores in errors.
  /// - Returns: The bytes.
  /// - Throws: `FileError` where the format has no room for a number, or for key-value heads.
  public func bytes(
    of record: ScoreRecord, options: Options = Options(), file: String
  ) throws(FileError) -> Data {
    let scores = record.scores
    if isOfQueryHeads == true, scores.unit == .keyValue {
      throw .invalid(
        path: file, place: "the scores", expected: "scores of query heads, which \(rawValue) holds",
        found: "scores of key-value heads",
        fix: "write "
          + "\(Self.allCases.filter { $0.isOfQueryHeads != true }.map(\.rawValue).joined(separator: ", "))"
      )
    }
    let heads = options.heads ?? scores.ranked
    switch self {
    case .zigzag: return Data(try record.json().utf8)
    case .retrievalHead: return Data(try RetrievalScores.text(of: scores, file: file).utf8)
    case .qrHead: return Data(HeadListFile.text(of: heads, scores).utf8)
    case .qrHeadSet: return Data(HeadSetFile.text(of: heads, count: options.count).utf8)
    case .mmRetHead:
      return Data(HeadListFile.text(of: heads, scores, arguments: record.settings).utf8)
    case .kvzip:
      let grouped = scores.grouped(keyValueHeads: record.keyValueHeads, by: options.grouping)
      return try KVzipScores.bytes(of: grouped, file: file)
    case .duoAttention:
      let gates = scores.gates(keyValueHeads: record.keyValueHeads, grouping: options.grouping)
      return Data(gates.tsv.utf8)
    }
  }

  /// Writes a file of this format, under a temporary name first.
  ///
  /// - Throws: `FileError` as ``bytes(of:options:file:)``, and where `path` cannot be written.
  public func write(
    _ record: ScoreRecord, to path: String, options: Options = Options()
  ) throws(FileError) {
    try AtomicFile.write(try bytes(of: record, options: options, file: path), to: path)
  }
}
