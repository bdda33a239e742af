import ArgumentParser
import Foundation
import GateOptimizer
import Logging
import MapReporter
import Runs

/// `zigzag report`: the page of a run folder, or of several.
struct ReportVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Draw a run's page and figures again, or compare runs.",
    discussion: """
      Reads only the run folder and needs no model: report.html is one self-contained page, figures/ \
      holds the same pictures as SVG. A folder in which a run is at work is refused.

        zigzag report runs/smollm2-135m

      With --compare one page compares several runs with the first: the settings in which they differ, \
      their accuracies, and how stable their layers are.

        zigzag report --compare runs/smollm2-135m runs/short --out short.html

      It also compares files of gates and scores of one model, whoever wrote them: how they rank the heads, \
      and how much they agree.

        zigzag report --compare full_attention_heads.tsv scores.pt runs/smollm2-135m/heads-qrhead.json
      """)

  @Argument(
    help: ArgumentHelp(
      "A run folder; with --compare two or more, or files of gates and scores.", valueName: "run"))
  var runs: [String]

  @Flag(help: "Compare the runs in one page.")
  var compare = false

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "With --compare, where the page goes: a folder, which also gets tables and figures, or a .html "
        + "file. The default is comparison/.", valueName: "path"))
  var out: String?

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "With --compare, the criterion whose layers and accuracies the figures show; by default "
        + "the criterion with the most accurate layers.", valueName: "criterion"))
  var criterion: String?

  @OptionGroup(title: "Scores of query heads") var scores: ScoreOptions

  @Option(
    help: ArgumentHelp(
      "With --compare, the model that files of gates and scores are of.",
      discussion: "A model file, a Hugging Face folder or its config.json.", valueName: "model"))
  var model: String?

  @OptionGroup(title: "Output") var output: OutputOptions

  func validate() throws {
    if compare {
      guard runs.count > 1 else { throw ValidationError("name two or more runs to compare") }
    } else {
      guard runs.count == 1 else {
        throw ValidationError("name one run, or add --compare to put several in one page")
      }
      guard out == nil, criterion == nil, model == nil, scores.kvHeads == nil, scores.group == nil
      else {
        throw ValidationError(
          "--out, --criterion, --model, --kv-heads and --group go with --compare")
      }
    }
  }

  func perform() throws {
    guard compare else { return try Results.print(drawReport()) }
    try Results.print(runs.allSatisfy(GateOptions.isRunFolder) ? compareRuns() : compareScores())
  }

  private func drawReport() throws -> String {
    let (page, question) = try FinishedRun.drawReport(in: runs[0])
    if let question { Logger(label: "report").warning("\(question)") }
    return page
  }

  private func compareScores() throws -> String {
    guard criterion == nil else {
      throw ToolError.usage("--criterion is for runs, but not all of these are run folders")
    }
    let out = try place()
    let sizes = try model.map { try HeadMap.Model(contentsOf: $0) }
    let comparison = try ScoreComparison(
      runs, model: sizes, modelName: model ?? "the model", keyValueHeads: scores.kvHeads,
      grouping: scores.group)
    for note in comparison.notes { Logger(label: "report").warning("\(note)") }
    return try comparison.write(to: out)
  }

  /// Where the page goes.
  private func place() throws -> String {
    let out = out ?? "comparison"
    guard !FileManager.default.fileExists(atPath: RunFiles(folder: out).configuration) else {
      throw ToolError.usage("--out is \(out), which is a run's folder; name another one")
    }
    try OutputPath.require(out, otherThan: runs.flatMap(OutputPath.files))
    return out
  }

  private func compareRuns() throws -> String {
    try scores.refuse(because: "these are run folders")
    guard model == nil else {
      throw ToolError.usage("--model is for files of gates and scores, but these are run folders")
    }
    let criterion = try criterion.map { try Criterion(parsing: $0, option: "--criterion") }
    let out = try place()
    let comparison = try Comparison(runs: runs, title: "Comparison of runs", criterion: criterion)
    return try out.hasSuffix(".html") ? comparison.writePage(to: out) : comparison.write(to: out)
  }
}
