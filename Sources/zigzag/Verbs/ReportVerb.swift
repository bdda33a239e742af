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
      """)

  @Argument(help: ArgumentHelp("A run folder; with --compare two or more.", valueName: "run"))
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

  @OptionGroup(title: "Output") var output: OutputOptions

  func validate() throws {
    if compare {
      guard runs.count > 1 else { throw ValidationError("name two or more runs to compare") }
    } else {
      guard runs.count == 1 else {
        throw ValidationError("name one run, or add --compare to put several in one page")
      }
      guard out == nil, criterion == nil else {
        throw ValidationError("--out and --criterion go with --compare")
      }
    }
  }

  func perform() throws {
    try Results.print(compare ? compareRuns() : drawReport())
  }

  private func drawReport() throws -> String {
    let (page, question) = try FinishedRun.drawReport(in: runs[0])
    if let question { Logger(label: "report").warning("\(question)") }
    return page
  }

  private func compareRuns() throws -> String {
    let criterion = try criterion.map { try Criterion(parsing: $0, option: "--criterion") }
    let out = out ?? "comparison"
    guard !FileManager.default.fileExists(atPath: RunFiles(folder: out).configuration) else {
      throw ToolError.usage("--out is \(out), which is a run's folder; name another one")
    }
    try OutputPath.require(out, otherThan: runs.flatMap(OutputPath.files))
    let comparison = try Comparison(runs: runs, title: "Comparison of runs", criterion: criterion)
    return try out.hasSuffix(".html") ? comparison.writePage(to: out) : comparison.write(to: out)
  }
}
