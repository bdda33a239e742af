import Foundation
import ModelLoader
import TestSupport
import Testing
import Transformer

/// Every result of a run knows what it was made from, and is not used with anything else.
@Suite struct ResultTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try TinyModel.write(to: scratch.path("tiny.h5"))
    try scratch.write(TinyRun.configuration(steps: 6, checkpointEvery: 2), to: "run.yaml")
    #expect(try scratch.zigzag("run", "run.yaml", "-q").code == 0)
  }

  private static let results = ["search-layers.csv", "scores.csv", "attention.tsv", "curves.csv"]

  private func remove(_ files: String...) throws {
    for file in files {
      try FileManager.default.removeItem(atPath: scratch.path("runs/tiny/\(file)"))
    }
  }

  /// The results are those of a run of what is there now in a folder of its own.
  private func expectNewResults() throws {
    #expect(try scratch.zigzag("run", "run.yaml", "-q", "--runs", "fresh").code == 0)
    for file in ["gates.tsv"] + Self.results {
      #expect(
        try scratch.text(of: "runs/tiny/\(file)") == scratch.text(of: "fresh/tiny/\(file)"),
        "\(file)")
    }
  }

  @Test(arguments: ["weights", "configuration", "tokenizer"])
  func withoutGatesAnotherModelMeasuresAnew(part: String) throws {
    let scores = try scratch.text(of: "runs/tiny/scores.csv")
    try remove("gates.tsv", "checkpoint.h5")
    var configuration = TinyModel.configuration
    if part == "configuration" { configuration.eachKind { $0.rotary?.theta = 100_000 } }
    try TinyModel.write(
      configuration, to: scratch.path("tiny.h5"), seed: part == "weights" ? 8 : 7,
      addsPrefixSpace: part == "tokenizer")
    let outcome = try scratch.zigzag("run", "run.yaml")
    #expect(outcome.code == 0, "\(outcome.errors)")
    for result in ["search-layers.csv", "attention.tsv", "scores.csv, task words"] {
      #expect(
        outcome.errors.contains("\(result) does not belong to what is there now"),
        "\(result): \(outcome.errors)")
    }
    #expect(outcome.errors.contains("the \(part) "))
    #expect(try scratch.text(of: "runs/tiny/scores.csv") != scores)
    try expectNewResults()
  }

  /// The record may be gone too: what the results were made from is beside them.
  @Test func theRecordIsNotNeeded() throws {
    try remove("run.json")
    try TinyModel.write(to: scratch.path("tiny.h5"), seed: 8)
    expectRefusal(
      try scratch.zigzag("run", "run.yaml", "-q"), code: 64,
      saying: "gates.tsv does not belong to what is there now", "the weights are")
    try remove("gates.tsv", "checkpoint.h5")
    #expect(try scratch.zigzag("run", "run.yaml", "-q").code == 0)
    try expectNewResults()
  }

  @Test func otherTextsMeasureAnew() throws {
    func text(_ words: String) -> String { (0..<300).map { "\(words) \($0). " }.joined() }
    try scratch.write(text("A text of some words, and of"), to: "text.txt")
    let prose = TinyRun.configuration(steps: 6, checkpointEvery: 2).replacing(
      "answer_lead_in: \"\"}}]", with: "answer_lead_in: \"\"}}, {name: book, prose: {every: 4}}]")
    try scratch.write(
      prose + "\nhaystack: {evaluation: {files: [text.txt]}}\n", to: "judged.yaml")
    let judged = ["run", "judged.yaml", "--set", "name=judged"]
    let first = try ToolRunner.run(judged, in: scratch.path)
    #expect(first.code == 0, "\(first.errors)")
    let before = try scratch.text(of: "runs/judged/scores.csv")
    let search = try scratch.text(of: "runs/judged/search-layers.csv")
    for file in ["gates.tsv", "checkpoint.h5"] {
      try FileManager.default.removeItem(atPath: scratch.path("runs/judged/\(file)"))
    }
    try scratch.write(text("Other words are here, hear them:"), to: "text.txt")
    let outcome = try ToolRunner.run(judged, in: scratch.path)
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(
      outcome.errors.contains("scores.csv, task book does not belong to what is there now"))
    #expect(outcome.errors.contains("text.txt is another file now"))
    #expect(!outcome.errors.contains("search-layers.csv was not made"))
    #expect(try scratch.text(of: "runs/judged/scores.csv") != before)
    #expect(try scratch.text(of: "runs/judged/search-layers.csv") == search)
  }

  @Test func gatesThatWereChangedAreNoticed() throws {
    let gates = try scratch.text(of: "runs/tiny/gates.tsv")
    try scratch.write("0.5\t0.25\n1\t0\n", to: "runs/tiny/gates.tsv")
    for arguments in [
      ["run", "run.yaml"], ["evaluate", "run.yaml"], ["rank", "runs/tiny", "-s", "0.5"],
      ["export", "runs/tiny"], ["report", "runs/tiny"],
    ] {
      expectRefusal(
        try ToolRunner.run(arguments + ["-q"], in: scratch.path), code: 64,
        saying: "gates.tsv does not belong to what is there now",
        "was changed or replaced after the run wrote it")
    }
    // As the sentence says: without it, the gates come from the checkpoint.
    try remove("gates.tsv")
    let again = try scratch.zigzag("run", "run.yaml", "-q")
    #expect(again.code == 0, "\(again.errors)")
    #expect(try scratch.text(of: "runs/tiny/gates.tsv") == gates)
    try expectNewResults()
  }

  /// Gates from elsewhere, in a folder that knows nothing of them, are no gates that were searched with.
  @Test func otherGatesAreSearchedAgain() throws {
    let ledger = scratch.path("runs/tiny/results.json")
    let data = try Data(contentsOf: URL(fileURLWithPath: ledger))
    var json = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    json["gates.tsv"] = nil
    try JSONSerialization.data(withJSONObject: json).write(to: URL(fileURLWithPath: ledger))
    try scratch.write("0.5\t0.25\n1\t0\n", to: "runs/tiny/gates.tsv")
    expectRefusal(
      try scratch.zigzag("report", "runs/tiny"), code: 64,
      saying: "search-layers.csv does not belong to what is there now",
      "gates.tsv is another file now", "search again with zigzag search")
    try remove("checkpoint.h5")
    let outcome = try scratch.zigzag("run", "run.yaml")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("warning: runs/tiny does not say what gates.tsv"))
    #expect(outcome.errors.contains("search-layers.csv does not belong to what is there now"))
    #expect(outcome.errors.contains("gates.tsv is another file now"))
    #expect(try scratch.zigzag("report", "runs/tiny").code == 0)
  }

  /// One number of a result that was changed by hand, for one that is as good in itself.
  private func change(_ file: String, _ old: String, _ new: String) throws {
    let text = try scratch.text(of: "runs/tiny/\(file)")
    #expect(text.contains(old), "\(text)")
    let place = try #require(text.range(of: old))
    try scratch.write(text.replacingCharacters(in: place, with: new), to: "runs/tiny/\(file)")
  }

  @Test(arguments: [
    ("search-layers.csv", "search-layers.csv"), ("attention.tsv", "attention.tsv"),
    ("scores.csv", "scores.csv, task words"),
  ])
  func resultsThatWereChangedAreMadeAgain(file: String, name: String) throws {
    let before = try Self.results.map { try scratch.text(of: "runs/tiny/\($0)") }
    switch file {
    case "search-layers.csv": try change(file, "\n1,", "\n1,1")
    case "attention.tsv": try change(file, "e-01", "e-02")
    default:
      // The first sum, made another whole number.
      let line = try #require(
        scratch.text(of: "runs/tiny/scores.csv").split(separator: "\n").dropFirst().first)
      var fields = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      fields[5] = fields[5] == "0" ? "1" : "0"
      try change(file, String(line), fields.joined(separator: ","))
    }
    let outcome = try scratch.zigzag("run", "run.yaml")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(
      outcome.errors.contains(
        "\(name) does not belong to what is there now, so that it is made again: \(name) "
          + "was changed or replaced after the run wrote it"), "\(outcome.errors)")
    #expect(try Self.results.map { try scratch.text(of: "runs/tiny/\($0)") } == before)
    // What is right again is not made once more.
    let again = try scratch.zigzag("run", "run.yaml")
    #expect(!again.errors.contains("made again"), "\(again.errors)")
  }

  @Test(arguments: [
    ("search-layers.csv", "search again"), ("curves.csv", "measure again"),
    ("places.csv", "measure again"),
  ])
  func readersRefuseResultsThatWereChanged(file: String, advice: String) throws {
    let before = try scratch.text(of: "runs/tiny/\(file)")
    switch file {
    case "search-layers.csv": try change(file, "\n1,", "\n1,1")
    case "curves.csv": try change(file, "words,", "word,")
    default: try scratch.write(before + "\n", to: "runs/tiny/\(file)")
    }
    let verbs =
      [["report", "runs/tiny"], ["report", "--compare", "runs/tiny", "runs/tiny"]]
      + (file == "search-layers.csv"
        ? [["rank", "runs/tiny", "-s", "0.5"], ["export", "runs/tiny"]] : [])
    for arguments in verbs {
      expectRefusal(
        try ToolRunner.run(arguments + ["-q"], in: scratch.path), code: 64,
        saying: "does not belong to what is there now",
        "\(file) was changed or replaced after the run wrote it", advice)
    }
    #expect(try scratch.zigzag("run", "run.yaml", "-q").code == 0)
    #expect(try scratch.text(of: "runs/tiny/\(file)") == before)
    #expect(try scratch.zigzag("report", "runs/tiny", "-q").code == 0)
  }

  @Test(arguments: ["search-layers.csv", "places.csv"])
  func readersRefuseWhatIsMissing(file: String) throws {
    try FileManager.default.removeItem(atPath: scratch.path("runs/tiny/\(file)"))
    expectRefusal(
      try scratch.zigzag("report", "runs/tiny", "-q"), code: 64, saying: "\(file) is missing",
      "measure again")
  }

  /// The page says what was measured, not what was asked for since.
  @Test(arguments: [
    "evaluation.samples=900", "evaluation.bootstrap=60", "evaluation.tasks.0.name=others",
  ])
  func curvesOfOtherSettingsAreNotReported(setting: String) throws {
    #expect(try scratch.zigzag("calibrate", "run.yaml", "-q", "--set", setting).code == 0)
    expectRefusal(
      try scratch.zigzag("report", "runs/tiny", "-q"), code: 64, saying: "curves.csv",
      "the settings of the evaluation are others now", "measure again")
  }

  /// A disk that fills up twice in a row leaves the scores that were there.
  @Test func scoresThatCouldNotBeWrittenTwice() throws {
    let scores = try scratch.text(of: "runs/tiny/scores.csv")
    let whole = scratch.path("runs/tiny/scores.csv")
    for _ in 0..<2 {
      let failed = try ToolRunner.run(
        ["evaluate", "run.yaml", "-q", "--set", "evaluation.samples=40"], in: scratch.path,
        shell: "ulimit -f 9; exec \"$@\"")
      #expect(failed.code == 73, "\(failed.code) \(failed.errors)")
      #expect(failed.errors.contains("scores.csv"), "\(failed.errors)")
    }
    let kept = try String(contentsOfFile: whole, encoding: .utf8)
    #expect(Set(scores.split(separator: "\n")).isSubset(of: kept.split(separator: "\n")))
    let outcome = try scratch.zigzag("evaluate", "run.yaml")
    #expect(outcome.code == 0 && !outcome.errors.contains("made again"), "\(outcome.errors)")
  }

  /// A process that is killed between the entry and the file leaves the file of the entry before.
  @Test func theScoresBeforeTheLastSampleAreTheRuns() throws {
    let ledger = scratch.path("runs/tiny/results.json")
    let data = try Data(contentsOf: URL(fileURLWithPath: ledger))
    let read = try JSONSerialization.jsonObject(with: data) as? [String: [String: String]]
    var json = try #require(read)
    let hash = try #require(json["scores.csv, task words"]?["content"])
    json["scores.csv, task words"]?["content before"] = hash
    json["scores.csv, task words"]?["content"] = String(repeating: "0", count: 64)
    try JSONSerialization.data(withJSONObject: json).write(to: URL(fileURLWithPath: ledger))
    let outcome = try scratch.zigzag("run", "run.yaml")
    #expect(outcome.code == 0)
    #expect(!outcome.errors.contains("made again"), "\(outcome.errors)")
  }

  /// Without both records the checkpoint still knows which model and which gates these are.
  @Test func theCheckpointKnowsItsModel() throws {
    try remove("results.json", "run.json")
    let taken = try scratch.zigzag("run", "run.yaml")
    #expect(taken.code == 0)
    #expect(taken.errors.contains("warning: runs/tiny does not say what gates.tsv"))

    try remove("results.json", "run.json")
    let gates = try scratch.text(of: "runs/tiny/gates.tsv")
    try scratch.write("0.5\t0.25\n1\t0\n", to: "runs/tiny/gates.tsv")
    expectRefusal(
      try scratch.zigzag("run", "run.yaml", "-q"), code: 64,
      saying: "checkpoint.h5 beside it holds other gates")
    try scratch.write(gates, to: "runs/tiny/gates.tsv")
    try TinyModel.write(to: scratch.path("tiny.h5"), seed: 8)
    expectRefusal(
      try scratch.zigzag("run", "run.yaml", "-q"), code: 64,
      saying: "gates.tsv does not belong to what is there now",
      "checkpoint.h5 beside it is of other weights")
  }

  @Test func aReportIsOfItsCurves() throws {
    // Gates and maps are the run's, but accuracy was measured with others.
    let ledger = scratch.path("runs/tiny/results.json")
    let data = try Data(contentsOf: URL(fileURLWithPath: ledger))
    let read = try JSONSerialization.jsonObject(with: data) as? [String: [String: String]]
    var json = try #require(read)
    json["curves.csv"]?["file gates.tsv"] = String(repeating: "0", count: 64)
    try JSONSerialization.data(withJSONObject: json).write(to: URL(fileURLWithPath: ledger))
    expectRefusal(
      try scratch.zigzag("report", "runs/tiny"), code: 64,
      saying: "curves.csv does not belong to what is there now", "gates.tsv is another file now",
      "measure again with zigzag evaluate")
    #expect(try scratch.zigzag("evaluate", "run.yaml", "-q").code == 0)
    #expect(try scratch.zigzag("report", "runs/tiny").code == 0)
  }

  /// A search that was begun with another model is begun again.
  @Test func aSearchOnItsWayIsOfItsModel() throws {
    let identity = "weights 0, configuration 0, tokenizer 0, texts 0, settings 0, search 0, gates 0"
    try remove("search-layers.csv")
    try scratch.write(
      "{\"identity\": \"\(identity)\", \"state\": {\"branches\": [{\"estimates\": [null, null], "
        + "\"kept\": [true, true]}], \"losses\": {\"11\": [9, 9]}, \"removed\": 0, \"samples\": 2}}",
      to: "runs/tiny/search-layers.json")
    let outcome = try scratch.zigzag("run", "run.yaml")
    #expect(outcome.code == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("so that it is begun again"), "\(outcome.errors)")
  }

  @Test func aDamagedLedgerIsRefused() throws {
    try scratch.write("{", to: "runs/tiny/results.json")
    for arguments in [["run", "run.yaml"], ["report", "runs/tiny"]] {
      expectRefusal(
        try ToolRunner.run(arguments + ["-q"], in: scratch.path), code: 65, saying: "results.json")
    }
  }
}
