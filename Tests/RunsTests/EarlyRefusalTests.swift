import Foundation
import GateOptimizer
import Support
import TestSupport
import Testing

@testable import MapReporter
@testable import Runs

/// What a run would be refused for at its end is refused before it begins.
@Suite struct EarlyRefusalTests {
  private func refusal(_ yaml: String, overrides: [String] = []) -> String {
    do {
      let document = try ConfigurationDocument(
        yaml: "name: test\nmodel: tiny.h5\n" + yaml, path: "c.yaml", overrides: overrides)
      _ = try RunConfiguration(document)
      return ""
    } catch {
      return "\(error)"
    }
  }

  @Test(arguments: [
    ("ranking: {sparsities: [0.5, 0.25, 0.50]}", "ranking.sparsities has 0.5 twice"),
    (
      "ranking: {sparsities: [0.3, 0.3000001]}",
      "ranking.sparsities has 0.3 and 0.3000001, which tables do not tell apart"
    ),
    ("ranking: {sparsities: [0.1, -0.0]}", "ranking.sparsities has -0.0; write 0"),
    ("ranking: {criteria: [max, balance, max]}", "ranking.criteria has max twice"),
    (
      "ranking: {criteria: ['weighted:0.5', 'weighted:0.50']}",
      "ranking.criteria has weighted:0.5 twice"
    ),
    (
      "ranking: {criteria: ['weighted:0', 'weighted:-0']}",
      "ranking.criteria has weighted:0.0 twice"
    ),
    ("search: {sparsities: [1, 1.0]}", "search.sparsities has 1.0 twice"),
    ("evaluation: {sparsities: [0, 0.5, 5e-1]}", "evaluation.sparsities has 0.5 twice"),
    ("evaluation: {random_sparsities: [0, 0]}", "evaluation.random_sparsities has 0.0 twice"),
    ("evaluation: {criteria: [count, count]}", "evaluation.criteria has count twice"),
    ("evaluation: {baselines: [last, last]}", "evaluation.baselines has last twice"),
    ("evaluation: {random_layer_seeds: [7, 7]}", "evaluation.random_layer_seeds has 7 twice"),
    ("evaluation: {random_head_seeds: [1, 0x1]}", "evaluation.random_head_seeds has 1 twice"),
    (
      "evaluation: {maps: [{name: a, file: x}, {name: a, file: y}]}",
      "evaluation.maps has two maps named a"
    ),
    (
      "evaluation: {maps: [{name: a, file: x, criteria: [max, max]}]}",
      "evaluation.maps.0.criteria has max twice"
    ),
    (
      "evaluation: {maps: [{name: a, file: x, group: sum}]}",
      "evaluation.maps.0.group is sum; it must be one of max, mean"
    ),
    ("evaluation: {tasks: [{name: a}, {name: a}]}", "evaluation.tasks has two tasks named a"),
    (
      "evaluation: {tasks: [{name: a, sparsities: [0.5, 0.5]}]}",
      "evaluation.tasks.0.sparsities has 0.5 twice"
    ),
    (
      "evaluation: {tasks: [{name: a, criteria: [max, max]}]}",
      "evaluation.tasks.0.criteria has max twice"
    ),
    (
      "evaluation: {tasks: [{name: a, grid: {lengths: [99], depths: [0.5, 0.50000001]}}]}",
      "evaluation.tasks.0.grid.depths has 0.5 and 0.50000001"
    ),
  ])
  func whatIsThereTwice(yaml: String, words: String) {
    let refusal = refusal(yaml + "\n")
    #expect(refusal.contains("c.yaml:3: \(words)"), "\(refusal)")
  }

  /// Names become parts of tables and of file names.
  @Test(arguments: [
    ("\u{301}x", "joins its neighbour"), ("\u{301}\u{302}", "joins its neighbour"),
    ("\u{20E3}", "joins its neighbour"), ("\u{FE0F}a", "joins its neighbour"),
    ("a\u{600}", "joins its neighbour"), ("\u{1F3FB}", "joins its neighbour"),
    ("", "is empty"), (" \u{2003}", "is blank"),
    (String(repeating: "n", count: 201), "has 201 bytes"),
    (String(repeating: "森", count: 70), "has 210 bytes"),
  ])
  func namesThatNoFileOrTableHolds(name: String, words: String) throws {
    let quoted = "'\(name)'"
    for yaml in [
      "evaluation: {tasks: [{name: \(quoted)}]}",
      "evaluation: {maps: [{name: \(quoted), file: x}]}",
    ] {
      let refusal = refusal(yaml + "\n")
      #expect(refusal.hasPrefix("c.yaml:3: evaluation."), "\(refusal)")
      #expect(refusal.contains(words) || yaml.contains("maps") && name.isEmpty, "\(refusal)")
    }
    // Others are taken, marks and all.
    let long = String(repeating: "n", count: 200)
    for name in ["a\u{301}", "森", "नमस्ते", "a, \"b\"", "e\u{301}-1", long] {
      #expect(refusal("evaluation: {tasks: [{name: '\(name)'}]}\n").isEmpty)
    }
  }

  @Test func figuresOfOneName() {
    let grid = "grid: {lengths: [99]}"
    let tasks = { (one: String, other: String) in
      "evaluation: {tasks: [{name: '\(one)', \(grid)}, {name: '\(other)', \(grid)}]}\n"
    }
    for (one, other) in [("far a", "far-a"), ("Far", "far"), ("é", "è")] {
      #expect(
        refusal(tasks(one, other)).contains(
          "evaluation.tasks has \(one) and \(other), which tables do not tell apart"))
    }
    #expect(refusal(tasks("far", "near")).isEmpty)
    // Without places there is no such figure.
    #expect(refusal("evaluation: {tasks: [{name: far a}, {name: far-a}]}\n").isEmpty)
  }

  @Test(arguments: [
    "\u{7}", "\u{7F}", "\u{85}", "\u{2028}", "\u{2029}", "\u{FEFF}", "\r", "\u{1B}[31m",
  ])
  func overridesHoldWhatFilesMay(text: String) {
    let code = String(text.unicodeScalars.first?.value ?? 0, radix: 16, uppercase: true)
    for key in ["task.prologue", "model", "haystack.calibration.files"] {
      let value = key.hasSuffix("files") ? "[\"a\(text)b\"]" : "\"a\(text)b\""
      // YAML folds some line ends into blanks by itself; then nothing is left to refuse.
      let escaped = "\"a\\U\(String(format: "%08x", text.unicodeScalars.first?.value ?? 0))b\""
      let found = [value, key.hasSuffix("files") ? "[\(escaped)]" : escaped].map {
        refusal("", overrides: ["\(key)=\($0)"])
      }
      #expect(found[1].contains("the value has the character U+\(code)"), "\(found)")
      #expect(found[1].unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
      #expect(found[0].unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
    }
  }

  /// Whatever a configuration takes, its written-out form gives back: every scalar, alone in a text.
  @Test func textsReadBackAsTheyWere() throws {
    var texts: [String] = []
    var text = "x"
    for value in UInt32(0)...0x10FFFF {
      guard let scalar = Unicode.Scalar(value) else { continue }
      text.unicodeScalars.append(scalar)
      if text.utf8.count > 30_000 {
        texts.append(text + "x")
        text = "x"
      }
    }
    let special = [
      " a", "a ", "1e5", "0x10", "null", "~", "true", "- a", "a: b", "#a", "a #b", "'", "\"",
      "\\", "*a", "&a", "!a", "|", ">", "%", "@", "`", "a\nb", "\n", "\t", "---", "...", "1_000",
      "=", "<<",
    ]
    var (read, refused) = (0, 0)
    for text in texts + special + ["\u{85}", "a\u{2028}"] {
      var configuration = RunConfiguration(name: "test", model: "tiny.h5")
      var task = PasskeyTask()
      task.prologue = text
      configuration.task = .passkeys(task)
      configuration.evaluation.tasks[0].name =
        special.contains(text) && text != "\n" && text != "\t"
        ? text : "words"
      let yaml = try configuration.yaml()
      guard let document = try? ConfigurationDocument(yaml: yaml, path: "c.yaml") else {
        refused += 1
        continue
      }
      let again = try document.decode(RunConfiguration.self)
      #expect(again == configuration, "\(text.prefix(20).debugDescription)")
      read += 1
    }
    // Control characters are in the first text only, line separators in one more.
    #expect(read > 100 && (2...5).contains(refused), "\(read), \(refused)")
  }

  /// A comma ends a field, whatever joins it on a screen.
  @Test func tablesAreReadByScalars() throws {
    let fields = [
      "\u{301}x", "a,b", "\"", "a\"\u{301}b", ",\u{301}", "\n", "\r\n", "\r", "", " ", "森",
      "\u{2028}", "a\u{600}", "\u{1F3FB}", "x\r", "\u{301}",
    ]
    for first in fields {
      for second in fields {
        let row = [first, second, "end"]
        let text = CommaSeparated.line(["one", "two", "three"]) + CommaSeparated.line(row)
        let table = try CommaSeparated(text, path: "t.csv")
        #expect(table.rows.count == 1)
        #expect(table.rows.first?.fields.map { Array($0.utf8) } == row.map { Array($0.utf8) })
      }
    }
    let windows = try CommaSeparated("a,b\r\n1,2\r\n\r\n\"x\r\ny\",4\r\n", path: "t.csv")
    #expect(windows.rows.map(\.fields) == [["1", "2"], ["x\r\ny", "4"]])
    #expect(windows.rows.map(\.line) == [2, 4])
    #expect(
      CurveMethod("imported:\u{301}x:layer:max")
        == .imported(name: "\u{301}x", method: .layers(.max)))
    #expect(CurveMethod("imported:\u{301}") == .imported(name: "\u{301}", method: nil))
  }
}
