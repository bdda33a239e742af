import ArgumentParser
import MapReporter

/// `zigzag report`: the page of a run folder.
struct ReportVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Draw a run's page and figures again.",
    discussion: """
      Reads only the run folder and needs no model: report.html is one self-contained page, figures/ \
      holds the same pictures as SVG.

        zigzag report runs/smollm2-135m
      """)

  @Argument(help: "A run folder.")
  var run: String

  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    try Results.print(try FinishedRun(folder: run).writeReport())
  }
}
