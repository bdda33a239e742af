import Foundation
import GateOptimizer
import ModelLoader
import TestSupport
import Testing

@testable import MapReporter
@testable import Runs

/// docs/configuration.md against the settings as they are declared: keys, defaults and ranges.
@Suite struct ConfigurationPageTests {
  /// A line of the page's tables.
  private struct Row {
    let key: String
    let fallback: String
    let range: String

    /// The default where the page gives a value; nil where it says something in words.
    var literal: String? {
      fallback.hasPrefix("`") && fallback.hasSuffix("`")
        ? String(fallback.dropFirst().dropLast()) : nil
    }
  }

  /// A document around an entry of a list, with a hole for one more key of the entry.
  private static let entries = [
    ("evaluation.tasks[].grid.", "evaluation: {tasks: [{name: x, grid: {lengths: [9]%}}]}"),
    ("evaluation.tasks[].prose.", "evaluation: {tasks: [{name: x, prose: {a%}}]}"),
    ("evaluation.tasks[].ruler.", "evaluation: {tasks: [{name: x, ruler: {a%}}]}"),
    ("evaluation.tasks[].fields.", "evaluation: {tasks: [{name: x, file: f, fields: {a%}}]}"),
    ("evaluation.tasks[].", "evaluation: {tasks: [{name: x%}]}"),
    ("evaluation.maps[].", "evaluation: {maps: [{name: x, file: f%}]}"),
  ]

  private let page: String
  private let rows: [Row]

  init() throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appending(path: "../../docs/configuration.md").standardizedFileURL
    page = try String(contentsOf: path, encoding: .utf8)
    rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") }.map { line in
      let cells = line.split(separator: "|", omittingEmptySubsequences: false)
        .map { $0.trimmingCharacters(in: .whitespaces) }
      return Row(
        key: cells[1].replacingOccurrences(of: "`", with: ""), fallback: cells[3], range: cells[4])
    }
  }

  /// A configuration with `value` for `key`, or with nothing for it.
  private func configuration(_ key: String, _ value: String?) throws -> RunConfiguration {
    var yaml = "name: n\nmodel: m\n"
    var overrides = value.map { ["\(key)=\($0)"] } ?? []
    if let (prefix, template) = Self.entries.first(where: { key.hasPrefix($0.0) }) {
      var document = template
      let own = String(key.dropFirst(prefix.count))
      if prefix == "evaluation.tasks[].", own != "file",
        FileTask.CodingKeys(stringValue: own) != nil
      {
        document = document.replacingOccurrences(of: "x%", with: "x, file: f%")
      }
      let pair = value.map { ", \(key.dropFirst(prefix.count)): \($0)" } ?? ""
      yaml += document.replacingOccurrences(
        of: "a%", with: pair.isEmpty ? "" : "\(pair.dropFirst(2))"
      )
      .replacingOccurrences(of: "%", with: pair)
      overrides = []
    }
    return try ConfigurationDocument(yaml: yaml, path: "c.yaml", overrides: overrides)
      .decode(RunConfiguration.self)
  }

  @Test func everyKeyHasARow() throws {
    func names(_ keys: [some CodingKey], _ prefix: String) -> [String] {
      keys.map { prefix + $0.stringValue }
    }
    let sections = RunConfiguration.CodingKeys.allCases.filter {
      ![.name, .model, .seed].contains($0)
    }
    for section in sections { #expect(page.contains("\n## \(section.rawValue)\n"), "\(section)") }
    let sources = names(HaystackSettings.CodingKeys.allCases, "haystack.")
    let known =
      ["name", "model", "seed"] + names(DeploymentSettings.CodingKeys.allCases, "window.") + sources
      + sources.flatMap { names(HaystackSource.CodingKeys.allCases, "\($0).") }
      + names(PasskeyTask.CodingKeys.allCases, "task.")
      + names(CalibrationSettings.CodingKeys.allCases, "calibration.")
      + names(SearchSettings.CodingKeys.allCases, "search.")
      + names(ScoreSettings.CodingKeys.allCases, "scores.")
      + names(DocumentWording.CodingKeys.allCases, "scores.wording.")
      + names(MaskingSettings.CodingKeys.allCases, "scores.masking.")
      + names(RankingSettings.CodingKeys.allCases, "ranking.")
      + names(EvaluationSettings.CodingKeys.allCases, "evaluation.")
      + names(EvaluationTask.CodingKeys.allCases, "evaluation.tasks[].")
      + ["lengths", "depths"].map { "evaluation.tasks[].grid.\($0)" }
      + ["every", "bins"].map { "evaluation.tasks[].prose.\($0)" }
      + names(RulerTask.CodingKeys.allCases, "evaluation.tasks[].ruler.")
      + names(FileTask.FieldNames.CodingKeys.allCases, "evaluation.tasks[].fields.")
      + ["name", "file", "criteria", "kind", "group"].map { "evaluation.maps[].\($0)" }
      + names(ReportSettings.CodingKeys.allCases, "report.")
      + names(ComputeSettings.CodingKeys.allCases, "compute.")
    #expect(rows.map(\.key).sorted() == known.sorted())
  }

  /// Writing a default out changes nothing; where the page gives no value there is none.
  @Test func everyDefaultIsTheDeclaredOne() throws {
    let written = try RunConfiguration(name: "n", model: "m")
      .settings(in: SettingScope(paths: [SettingPath()])).keys
    var literals = 0
    for row in rows where row.fallback != "required" {
      guard let literal = row.literal else {
        #expect(
          !written.contains { $0 == row.key || $0.hasPrefix("\(row.key).") },
          "\(row.key) has a default that the page does not give")
        continue
      }
      literals += 1
      let (given, absent) = try (configuration(row.key, literal), configuration(row.key, nil))
      #expect(given == absent, "\(row.key): \(literal)")
    }
    #expect(literals > 60)
  }

  /// Both ends of a range of numbers are taken, and what lies beyond them is refused by the key's name.
  @Test func everyRangeIsTheDeclaredOne() throws {
    var ranges = 0
    for row in rows {
      guard let match = row.range.wholeMatch(of: /([\d,]+) to ([\d,]+)/) else { continue }
      let ends = [match.output.1, match.output.2].map {
        Decimal(string: $0.replacingOccurrences(of: ",", with: ""))
      }
      let (low, high) = try (#require(ends[0]), #require(ends[1]))
      ranges += 1
      for value in [low, high] {
        #expect(!isRefused(row.key, "\(value)"), "\(row.key): \(value) is in the page's range")
      }
      for value in [low - 1, high + 1] {
        #expect(isRefused(row.key, "\(value)"), "\(row.key): \(value) is beyond the page's range")
      }
    }
    #expect(ranges > 30)
  }

  /// Whether `value` is refused because of `key`, and not because of what it does to another key.
  private func isRefused(_ key: String, _ value: String) -> Bool {
    let path = key.replacingOccurrences(of: "[]", with: ".0").split(separator: ".").map(String.init)
    do {
      try configuration(key, value).validate()
      return false
    } catch let error as InvalidSetting {
      return error.path == path
    } catch {
      return true
    }
  }
}
