import Foundation
import GateOptimizer
import Support
import TestSupport
import Testing

/// Files of every format are written, read again, and refused where they have no room.
@Suite struct HeadScoreFormatTests {
  /// Two layers of four query heads in two groups.
  private static let record: ScoreRecord = {
    var record = ScoreRecord(
      method: "x",
      scores: HeadScores(unit: .query, rows: [[0.5, 0.1, 0, 0.25], [2, 0, 0.3, 0.4]]),
      keyValueHeads: 2)
    record.settings = ["b": "1", "a": "\"2\""]
    return record
  }()

  private func text(
    _ format: HeadScoreFormat, _ record: ScoreRecord = record,
    _ options: HeadScoreFormat.Options = .init()
  ) throws -> String {
    String(
      decoding: try format.bytes(of: record, options: options, file: "out"), as: UTF8.self)
  }

  private func written(
    _ format: HeadScoreFormat, _ record: ScoreRecord = record
  ) throws -> HeadScoreFile {
    let folder = try TemporaryFolder()
    try format.write(record, to: folder.path(format.fileName))
    let file = try HeadScoreFile(contentsOf: folder.path(format.fileName))
    #expect(file.format == format)
    return file
  }

  @Test(arguments: [
    HeadScoreFormat.zigzag, .retrievalHead, .qrHead, .mmRetHead,
  ])
  func numbersOfQueryHeadsSurvive(format: HeadScoreFormat) throws {
    #expect(try written(format).scores() == Self.record.scores)
    let random = HeadScores(
      unit: .query, layers: 3, heads: 4, values: (0..<12).map { 1 / Double(3 + $0) })
    let record = ScoreRecord(method: "x", scores: random, keyValueHeads: 2)
    #expect(try written(format, record).scores() == random)
  }

  @Test func queryHeadsOfAGroupBecomeOne() throws {
    #expect(try written(.kvzip).scores().rows == [[0.5, 0.25], [2, Double(Float16(0.4))]])
    // As gates all are divided by the largest.
    #expect(try written(.duoAttention).scores().rows == [[0.25, 0.125], [1, 0.2]])
    var options = HeadScoreFormat.Options()
    options.grouping = .mean
    let text = try text(.duoAttention, Self.record, options)
    #expect(
      try GateMatrix(tsv: text, file: "a").rows
        == [[(0.5 + 0.1) / 2, 0.125], [1, (0.3 + 0.4) / 2]])
  }

  @Test func theFieldsOwnLayouts() throws {
    #expect(
      try text(.qrHead).hasPrefix("[\n  [\"1-0\", 2.0],\n  [\"0-0\", 0.5],\n  [\"1-3\", 0.4],\n"))
    #expect(try text(.qrHead).hasSuffix("  [\"1-1\", 0.0]\n]\n"))
    #expect(
      try text(.mmRetHead).hasPrefix(
        #"{\#n  "args": {"a":"\"2\"","b":"1"},\#n  "head_score_list": [\#n    ["1-0", 2.0],"#))
    #expect(try text(.retrievalHead).hasPrefix("{\n  \"0-0\": [0.5],\n  \"0-1\": [0.1],\n"))
    var options = HeadScoreFormat.Options()
    options.count = 3
    #expect(try text(.qrHeadSet, Self.record, options) == "attn_head_set: \"1-0,0-0,1-3\"\n")
    // A set cannot have more heads than there are; equals go by lower layer, then lower head.
    #expect(
      try text(.qrHeadSet) == "attn_head_set: \"1-0,0-0,1-3,1-2,0-3,0-1,0-2,1-1\"\n")
  }

  @Test func whatHasNoRoomIsRefused() {
    let keyValue = ScoreRecord(
      method: "x", scores: HeadScores(unit: .keyValue, rows: [[1, 0.5]]), keyValueHeads: 2)
    for format in HeadScoreFormat.allCases where format.isOfQueryHeads == true {
      let error = #expect(throws: FileError.self) { try text(format, keyValue) }
      #expect(
        error?.description.contains("scores of query heads, which \(format.rawValue) holds") == true
          && error?.description.contains("write zigzag, kvzip, duo-attention") == true)
    }
    let negative = ScoreRecord(
      method: "x", scores: HeadScores(unit: .query, rows: [[1, -0.5]]), keyValueHeads: 1)
    let error = #expect(throws: FileError.self) { try text(.retrievalHead, negative) }
    #expect(
      error?.description.contains(
        "numbers from 0 to 50, as Retrieval_Head has them, found -0.5 for the head 0-1") == true)
  }

  @Test func namesDiffer() {
    let formats = HeadScoreFormat.allCases
    #expect(Set(formats.map(\.fileName)).count == formats.count)
    #expect(Set(formats.map(\.title)).count == formats.count)
    #expect(formats.allSatisfy { !$0.summary.isEmpty })
  }
}
