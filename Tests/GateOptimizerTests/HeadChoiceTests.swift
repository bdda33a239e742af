import Support
import TestSupport
import Testing
import Transformer

@testable import GateOptimizer

/// Heads as a person names them.
@Suite struct HeadChoiceTests {
  private let scratch: TemporaryFolder
  /// Two layers of four query and two key-value heads.
  private let model = TinyModel.configuration

  init() throws { scratch = try TemporaryFolder() }

  private func heads(_ text: String, _ count: Int? = nil) throws -> String {
    try HeadChoice(text, name: "--heads").heads(count, of: model).map(\.description)
      .joined(separator: " ")
  }

  private func ofOneLayer(_ text: String, _ count: Int? = nil) throws -> String {
    try HeadChoice(text, name: "--heads").headsOfOneLayer(count, of: model).map(\.description)
      .joined(separator: " ")
  }

  private func record(_ unit: HeadScores.Unit, _ rows: [[Double]]) throws -> String {
    let record = ScoreRecord(
      method: "qrhead", scores: HeadScores(unit: unit, rows: rows), keyValueHeads: 2)
    return try scratch.write(try record.json(), to: "record.json")
  }

  @Test func headsByName() throws {
    #expect(try heads("1-3, 0-0") == "1-3 0-0")
    #expect(try heads("all") == "0-0 0-1 0-2 0-3 1-0 1-1 1-2 1-3")
    #expect(try ofOneLayer("1-3,1-0") == "1-3 1-0")
  }

  @Test func headsOfFiles() throws {
    let path = try record(.query, [[1, 4, 4, 2], [3, 3, 3, 3]])
    #expect(try heads(path, 3) == "0-1 0-2 1-0")
    #expect(try heads(path).split(separator: " ").count == 8)
    // The sums are 11 and 12.
    #expect(try ofOneLayer(path, 2) == "1-0 1-1")
    // Equal sums: the lower layer.
    #expect(try ofOneLayer(try record(.query, [[1, 0, 0, 1], [2, 0, 0, 0]]), 1) == "0-0")
    let list = try scratch.write(#"[["1-3", 0.5], ["0-2", 0.4], ["1-1", 0.3]]"#, to: "list.json")
    #expect(try heads(list, 2) == "1-3 0-2")
    #expect(try ofOneLayer(list) == "1-3 1-1")
    // A set has an order alone, and is taken whole.
    let set = try scratch.write("attn_head_set: \"1-3,0-2,0-1\"\n", to: "set.yaml")
    #expect(try heads(set) == "1-3 0-2 0-1" && heads(set, 1) == "1-3")
    // 3/3 stand against 2/3 and 1/3.
    #expect(try ofOneLayer(set) == "0-2 0-1")
    let copies = try scratch.write(
      #"{"0-0": [0], "0-1": [0.5], "0-2": [0], "0-3": [1], "1-0": [0], "1-1": [0], "1-2": [0], "1-3": [0.7]}"#,
      to: "copies.json")
    #expect(try heads(copies, 2) == "0-3 1-3")
  }

  @Test(arguments: [
    ("2-0", "heads of 2 layers × 4 query heads, as the model has, found the head 2-0"),
    ("0-4,0-0", "found the head 0-4"), ("0-1,0-1", "each head once, found 0-1 twice"),
    ("0-1,b", "such as 18-6 between commas, found \"b\""), ("0-1,", "found \"\""),
  ])
  func listsThatAreNone(text: String, words: String) {
    let error = #expect(throws: GateOptimizerError.self) { _ = try heads(text) }
    #expect(error?.description.contains(words) == true, "\(error as Any)")
    #expect(error?.description.hasPrefix("--heads: ") == true)
  }

  @Test func headsOfSeveralLayersAreRefused() {
    for text in ["0-1,1-1", "all"] {
      let error = #expect(throws: GateOptimizerError.self) { _ = try ofOneLayer(text) }
      #expect(
        error?.description.contains("heads of one layer") == true
          && error?.description.contains("layers 0, 1") == true, "\(error as Any)")
    }
  }

  @Test func scoresOfOtherHeadsAreRefused() throws {
    let keyValue = try record(.keyValue, [[1, 0], [0, 1]])
    expectError(.badData, keyValue, "found scores of key-value heads", "qrhead") {
      try heads(keyValue)
    }
    expectError(.badData, "found scores of key-value heads") { try ofOneLayer(keyValue) }
    let deep = try record(.query, [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
    expectError(.badData, "numbers for 2 layers", "found 3") { try heads(deep) }
    let wide = try record(.query, [[1, 0], [0, 1]])
    expectError(.badData, "numbers for 4 query heads") { try heads(wide) }
    let list = try scratch.write(#"[["1-3", 0.5], ["5-2", 0.4]]"#, to: "list.json")
    expectError(.badData, "the head 5-2") { try heads(list) }
    expectError(.missingInput, "nothing.json", "or heads such as 18-6,17-4") {
      try heads("nothing.json")
    }
  }
}
