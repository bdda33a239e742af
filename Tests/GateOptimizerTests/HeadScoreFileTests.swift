import Foundation
import GateOptimizer
import Support
import TestSupport
import Testing

/// The one reader of all files of scores: kinds, lists and sets.
@Suite struct HeadScoreFileTests {
  private let scratch: TemporaryFolder
  private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appending(path: "Fixtures/qrhead")

  init() throws { scratch = try TemporaryFolder() }

  private func read(_ text: String, _ name: String = "file") throws -> HeadScoreFile {
    try HeadScoreFile(contentsOf: try scratch.write(text, to: name))
  }

  private func list(_ text: String, _ name: String = "file") throws -> HeadList {
    guard case .list(let list) = try read(text, name).content else {
      throw FileError.missing(path: name, what: "list")
    }
    return list
  }

  /// The sentence that `text` is refused with, for a model of 2 layers × 2 query heads where one is given.
  private func refusal(_ text: String, _ name: String = "file", model: Bool = true) -> String {
    do {
      let file = try read(text, name)
      _ = try file.scores(layers: model ? 2 : nil, queryHeads: model ? 2 : nil)
      return ""
    } catch {
      return "\(error)"
    }
  }

  /// Names lead astray in all of them.
  @Test(arguments: [
    (#"{"0-0": [0.5]}"#, "a.tsv", HeadScoreFormat.retrievalHead),
    (#"[["0-0", 0.5]]"#, "a.tsv", .qrHead),
    (#"{"args": {}, "head_score_list": [["0-0", 1]]}"#, "a.yaml", .mmRetHead),
    ("# set\nattn_head_set: 0-0\n", "a.json", .qrHeadSet), ("0.5\t1\n", "a.json", .duoAttention),
    ("# only\n 1 # one\n", "a", .duoAttention), ("\u{FEFF}attn_head_set: 0-0", "a", .qrHeadSet),
  ])
  func theContentDecidesFirst(text: String, name: String, format: HeadScoreFormat) throws {
    #expect(try read(text, name).format == format)
  }

  /// Where the content says nothing, the reader that the name asks for says what is missing.
  @Test(arguments: [
    ("model: x\n", "a.yaml", "a line attn_head_set"), ("x\n", "a.tsv", "a finite decimal number"),
    ("", "a.tsv", "an empty file"),
  ])
  func theNameDecidesSecond(text: String, name: String, words: String) {
    #expect(refusal(text, name).contains(words), "\(refusal(text, name))")
  }

  @Test(arguments: [
    ("hello\nyou", "found the text \"hello\"; "), ("", "found an empty file"),
    ("[]", "a list of 0"),
    (#"{"a": 1, "b": 2, "c": 3, "d": 4}"#, #"a JSON object with "a", "b", "c", …"#),
    ("[[0, 1]]", "a list of 1"), ("{\"a\": 1", "not JSON: "), ("\u{80}", "found "),
  ])
  func aFileOfNoKindIsRefusedWithTheKinds(text: String, words: String) {
    let refusal = refusal(text)
    #expect(refusal.contains("expected scores of heads"), "\(refusal)")
    #expect(refusal.contains(words), "\(refusal)")
    for format in HeadScoreFormat.allCases { #expect(refusal.contains(format.title)) }
  }

  @Test func otherBytesAreNamed() throws {
    for (bytes, words) in [
      ([0x80, 2, 0] as [UInt8], "a pickle"), ([0x93] + Array("NUMPY".utf8), "a NumPy array"),
      ([0xE9, 0x41], "other bytes"),
    ] {
      try Data(bytes).write(to: URL(fileURLWithPath: scratch.path("bytes.pt")))
      let error = #expect(throws: FileError.self) {
        try HeadScoreFile(contentsOf: scratch.path("bytes.pt"))
      }
      #expect(error?.description.contains(words) == true)
    }
    let twice = refusal("{\"0-0\": [1],\n\"0-0\": [2]}")
    #expect(twice.contains("line 2") && twice.contains("keep one of them"), "\(twice)")
    #expect(throws: FileError.self) { try HeadScoreFile(contentsOf: scratch.path("none")) }
  }

  // MARK: Lists

  /// Of all heads: numbers as they are, whatever their order.
  @Test(arguments: [
    #"[["1-1", 0.5], ["0-1", 0.25], ["1-0", 0], ["0-0", -0.25]]"#,
    #"{"args": {"k": 1}, "head_score_list": [["0-0", -0.25], ["0-1", 0.25], ["1-0", 0], ["1-1", 0.5]]}"#,
  ])
  func aWholeListNeedsNoModel(text: String) throws {
    let file = try read(text)
    let expected = HeadScores(unit: .query, rows: [[-0.25, 0.25], [0, 0.5]])
    #expect(try file.scores() == expected)
    #expect(try file.scores(layers: 2, queryHeads: 2) == expected)
    let other = #expect(throws: FileError.self) { try file.scores(layers: 2, queryHeads: 4) }
    #expect(other?.description.contains("2 layers × 4 query heads") == true)
    #expect(other?.description.contains("all heads of 2 layers × 2 query heads") == true)
  }

  /// The others count as the lowest, and never more than 0.
  @Test(arguments: [
    (#"[["1-1", 0.5], ["0-1", 0.25]]"#, [[0, 0.25], [0, 0.5]]),
    (#"[["1-1", 0.5], ["0-1", -0.25]]"#, [[-0.25, -0.25], [-0.25, 0.5]]),
    ("attn_head_set: '1-1, 0-1'", [[0, 0.5], [0, 1]]),
    ("attn_head_set: 0-1,1-0,0-0,1-1", [[0.5, 1], [0.75, 0.25]]),
  ])
  func aListOfSomeHeadsIsCompleted(text: String, rows: [[Double]]) throws {
    #expect(try read(text).scores(layers: 2, queryHeads: 2).rows == rows)
  }

  @Test(arguments: [
    (#"[["1-1", 0.5], ["1-1", 0.25]]"#, "found 1-1 twice"),
    (#"[["2-0", 0.5]]"#, "found the head 2-0"), (#"[["0-2", 0.5]]"#, "found the head 0-2"),
    (#"[["0-2", 0.5]]"#, "2 layers × 2 query heads, as the model has"),
    (#"[["0-2"]]"#, "a pair such as [\"13-18\", 0.41] at place 0"),
    (#"[["0-0", 1], ["0-1", "x"]]"#, "at place 1"), (#"[["0-0", 1], 2]"#, "found the number 2"),
    (#"[["0_0", 1]]"#, "found \"0_0\""), (#"[["0-5000", 1]]"#, "found \"0-5000\""),
    (#"[["0-0", 1e101]]"#, "between -1e100 and 1e100 for the head 0-0, found 1e+101"),
    (#"{"head_score_list": {}}"#, "expected a list, found an object of 0 keys"),
    (#"{"head_score_list": []}"#, "at least one head"),
  ])
  func whatIsNoListIsRefused(text: String, words: String) {
    #expect(refusal(text).contains(words), "\(refusal(text))")
  }

  @Test func aListOfSomeHeadsNeedsTheModel() {
    for text in [#"[["1-1", 0.5]]"#, "attn_head_set: 1-1", #"[["0-0", 0.5]]"#] {
      #expect(refusal(text, model: false).contains("give the model with --model"))
    }
  }

  // MARK: Sets

  @Test(arguments: [
    "attn_head_set: \"13-18,13-21\"", "attn_head_set: '13-18,13-21'  # best first",
    "a: b\nattn_head_set : 13-18,13-21 # a, b\nc: 0-0\n",
    "attn_head_set:\t13-18, 13-21\r\nx: y\r\n",
    "  nested_attn_head_set: 1-1\n  attn_head_set: 1-1\nattn_head_set: 13-18,13-21",
    "#attn_head_set: 1-1\nattn_head_set: \"13-18,13-21\" #\n",
  ])
  func aSetIsOneLine(text: String) throws {
    let list = try list(text)
    #expect(list.places.map(\.description) == ["13-18", "13-21"] && list.scores == nil)
  }

  @Test(arguments: [
    ("attn_head_set: full_heads", "found full_heads, which ranks none"),
    ("attn_head_set: \"full_heads\"", "line 1"), ("x: y\nattn_head_set: 1-1,,0-0", "line 2"),
    ("attn_head_set:\n  - 1-1", "heads on this line"),
    ("attn_head_set: # none", "heads on this line"),
    ("attn_head_set: [1-1]", "found \"[1-1]\""), ("attn_head_set: \"1-1", "heads on this line"),
    ("attn_head_set: \"1-1\" x", "heads on this line"),
    ("attn_head_set: \"1-1\"#", "heads on this"),
    ("attn_head_set: |\n  1-1", "heads on this line"),
    ("attn_head_set: 1-1,01-0", "found \"01-0\""),
    ("attn_head_set: 1-1\nattn_head_set: 0-0", "line 2: expected one attn_head_set"),
    ("attn_head_set: 1-1,1-1", "found 1-1 twice"), ("attn_head_set: 1-1,2-0", "found the head 2-0"),
    ("attn_head_set: \"\"", "found \"\""),
  ])
  func whatIsNoSetIsRefused(text: String, words: String) {
    #expect(refusal(text).contains(words), "\(refusal(text))")
  }

  /// The published sets of five models parse, and are written again as they were.
  @Test(arguments: [
    ("Llama-3.1-8B-Instruct.LongMemEval", 32, 32, 16), ("Llama-3.1-8B-Instruct.NQ", 32, 32, 16),
    ("Llama-3.1-70B-Instruct.LongMemEval", 80, 64, 32), ("Llama-3.2-1B-Instruct.NQ", 16, 32, 16),
    ("Llama-3.2-3B-Instruct.LongMemEval", 28, 24, 16), ("Qwen2.5-7B-Instruct.NQ", 28, 28, 16),
  ])
  func publishedSets(name: String, layers: Int, queryHeads: Int, count: Int) throws {
    let path = Self.fixtures.appending(path: "\(name).yaml").path
    let file = try HeadScoreFile(contentsOf: path)
    #expect(file.format == .qrHeadSet)
    let scores = try file.scores(layers: layers, queryHeads: queryHeads)
    #expect(scores.values.count { $0 > 0 } == count && scores.values.max() == 1)
    var options = HeadScoreFormat.Options()
    options.count = count
    let record = ScoreRecord(method: "set", scores: scores, keyValueHeads: queryHeads)
    let text = String(
      decoding: try HeadScoreFormat.qrHeadSet.bytes(of: record, options: options, file: "set"),
      as: UTF8.self)
    #expect(text.hasPrefix("attn_head_set: \""))
    #expect(try String(contentsOfFile: path, encoding: .utf8).hasSuffix("\n" + text))
  }

  @Test func theBestHeadsOfAPublishedSet() throws {
    let path = Self.fixtures.appending(path: "Llama-3.1-8B-Instruct.LongMemEval.yaml").path
    let scores = try HeadScoreFile(contentsOf: path).scores(layers: 32, queryHeads: 32)
    #expect(scores.ranked.prefix(3).map(\.description) == ["13-18", "13-21", "8-11"])
    // The third of 16 has (16 − 2) / 16; query heads 8…11 are key-value head 2's.
    #expect(scores.rows[8][11] == 0.875)
    #expect(scores.gates(keyValueHeads: 8)[8, 2] == 0.875)
    #expect(scores.gates(keyValueHeads: 8, grouping: .mean)[8, 2] == 0.21875)
  }
}
