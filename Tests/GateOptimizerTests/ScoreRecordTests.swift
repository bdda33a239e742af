import Foundation
import GateOptimizer
import Support
import TestSupport
import Testing

/// zigzag's own file of scores.
@Suite struct ScoreRecordTests {
  private let scratch: TemporaryFolder

  init() throws { scratch = try TemporaryFolder() }

  private static let hash = String(repeating: "0f", count: 32)

  /// Two layers of four query heads with everything said.
  private static let record: ScoreRecord = {
    var record = ScoreRecord(
      method: "qrhead",
      scores: HeadScores(unit: .query, rows: [[0.1, -0.25, 1e-7, 3], [0, 1 / 3, 1e17, 0.5]]),
      keyValueHeads: 2)
    record.settings = ["null_query": "N/A", "late": "yes"]
    record.model = ScoreRecord.Model(type: "llama", identity: ModelIdentity())
    record.model?.weightsSHA256 = hash
    record.model?.tokenizerSHA256 = "none"
    (record.samples, record.answered, record.seed) = (70, 64, -3)
    record.texts = ["a b.txt": hash]
    record.zigzag = "0.9.0"
    return record
  }()

  private func read(_ text: String) throws -> ScoreRecord {
    let file = try HeadScoreFile(contentsOf: try scratch.write(text, to: "scores.json"))
    #expect(file.format == .zigzag)
    return try #require(file.record)
  }

  @Test func everyBitIsReadBack() throws {
    let text = try Self.record.json()
    let again = try read(text)
    #expect(again == Self.record)
    #expect(
      again.scores.values.map(\.bitPattern) == Self.record.scores.values.map(\.bitPattern))
    #expect(try again.json() == text)
    var random = TestRandom(seed: 7)
    let values = (0..<600).map { _ in
      Double.random(in: -1...1, using: &random)
        * pow(10, Double.random(in: -90...90, using: &random))
    }
    let many = ScoreRecord(
      method: "x", scores: HeadScores(unit: .keyValue, layers: 100, heads: 6, values: values),
      keyValueHeads: 6)
    let back = try read(try many.json())
    #expect(back.scores.values.map(\.bitPattern) == values.map(\.bitPattern))
  }

  @Test func theTextIsLaidOutForPeople() throws {
    let text = try Self.record.json()
    #expect(text.hasPrefix("{\n  \"answered\": 64,\n  \"format\": \"zigzag-head-scores\",\n"))
    #expect(text.contains("\n  \"heads\": \"query\",\n  \"heads_per_layer\": 4,\n"))
    #expect(text.contains("  \"scores\": [\n    [0.1, -0.25, 1e-07, 3],\n    [0, 0.333"))
    #expect(text.hasSuffix("\n}\n"))
    // What is not known is not written.
    let bare = ScoreRecord(
      method: "x", scores: HeadScores(unit: .keyValue, rows: [[-0.0]]), keyValueHeads: 1)
    let words = try bare.json()
    for key in ["model", "samples", "answered", "seed", "\"zigzag\""] {
      #expect(!words.contains(key), "\(key)")
    }
    #expect(words.contains("[0]"))
    #expect(try read(words) == bare)
  }

  @Test(arguments: [
    ("\"zigzag-head-scores\"", "\"other\"", "format: expected zigzag-head-scores, found \"other\""),
    ("\"version\": 1", "\"version\": 2", "version: expected 1, which this zigzag reads, found 2"),
    ("\"seed\"", "\"sead\"", "sead: expected one of the keys format, version"),
    ("\"type\"", "\"kind\"", "model.kind: expected one of the keys type"),
    ("\"heads\": \"query\"", "\"heads\": \"both\"", "heads: expected query or key-value"),
    (
      "\"heads\": \"query\"", "\"heads\": \"key-value\"",
      "key_value_heads: expected 4, as heads_per"
    ),
    (
      "\"key_value_heads\": 2", "\"key_value_heads\": 3", "a divisor of 4, the query heads, found 3"
    ),
    ("\"key_value_heads\": 2", "\"key_value_heads\": 0", "key_value_heads: expected 1 to 4096"),
    ("\"layers\": 2", "\"layers\": 3", "scores: expected 3 rows, one per layer, found 2"),
    ("\"heads_per_layer\": 4", "\"heads_per_layer\": 6", "scores[0]: expected 6 numbers"),
    ("-0.25", "-1e101", "scores[0][1]: expected a number between -1e100 and 1e100"),
    ("-0.25", "null", "scores[0][1]: expected a number, found null"),
    ("\"samples\": 70", "\"samples\": -1", "samples: expected at least 0, found -1"),
    ("\"samples\": 70", "\"samples\": 63", "answered: expected at most 63"),
    ("\"method\": \"qrhead\"", "\"method\": 1", "method: expected a string"),
    ("\"tokenizer_sha256\": \"none\"", "\"tokenizer_sha256\": \"0F\"", "64 lower-case hexadecimal"),
    ("\"late\": \"yes\"", "\"late\": true", "settings.late: expected a string, found true"),
    ("\"late\": \"yes\"", "\"late\": \"a\", \"late\": \"b\"", "keep one of them"),
  ])
  func whatIsWrongIsNamed(part: String, other: String, words: String) throws {
    let text = try Self.record.json()
    #expect(text.contains(part))
    let error = #expect(throws: FileError.self) {
      try read(text.replacingOccurrences(of: part, with: other))
    }
    #expect(error?.description.contains("scores.json") == true)
    #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
  }

  @Test func aMissingKeyIsNamed() throws {
    for key in ["method", "layers", "heads_per_layer", "key_value_heads", "scores", "version"] {
      let lines = try Self.record.json().split(separator: "\n")
      let first = try #require(lines.firstIndex { $0.hasPrefix("  \"\(key)\":") })
      let last = key == "scores" ? first + 3 : first
      let text = (lines[..<first] + lines[(last + 1)...]).joined(separator: "\n")
      let error = #expect(throws: FileError.self) { try read(text) }
      #expect(error?.description.contains("\(key): expected a value, found nothing") == true)
    }
  }
}
