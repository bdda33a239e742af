import ArgumentParser
import MapReporter

/// `zigzag run`: from a configuration to a report.
struct RunVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Learn gates, rank layers, measure accuracy and write the report.",
    discussion: """
      Everything goes into one folder, runs/NAME. Steps whose results are there are skipped, and an \
      interrupted one goes on where it stopped, so the same command can be given again at any time.

        zigzag run configs/smollm2-135m.yaml
        zigzag run configs/smollm2-135m.yaml --set name=short --set calibration.steps=40

      The path of the report goes to standard output.
      """)

  @OptionGroup var source: ConfigurationOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    let files = try source.runPipeline(to: .report)
    try Results.print(files.report)
  }
}

/// `zigzag calibrate`: gates alone.
struct CalibrateVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "calibrate",
    abstract: "Learn the gates, or go on learning them.",
    discussion: """
      The first step of `zigzag run`. An interrupted calibration continues from its last checkpoint, \
      to the same bits as if it had never stopped; one with other settings is refused.

        zigzag calibrate configs/smollm2-135m.yaml --set calibration.steps=200

      The path of the gates (TSV, one line per layer) goes to standard output.
      """)

  @OptionGroup var source: ConfigurationOptions

  @Flag(help: "Continue from the checkpoint; as it does anyway, but one must be there.")
  var resume = false

  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    let files = try source.runPipeline(to: .gates, needsCheckpoint: resume)
    try Results.print(files.gates)
  }
}

/// `zigzag evaluate`: gates and accuracies.
struct EvaluateVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measure accuracy against sparsity.",
    discussion: """
      Learns the gates first where there are none. Scores full attention, all streaming, single \
      heads, layers by each criterion and random choices on the same held-out samples. Only what \
      the evaluation section asks for and was not measured yet is measured.

        zigzag evaluate configs/smollm2-135m.yaml --set evaluation.samples=16

      The path of the curves (CSV) goes to standard output.
      """)

  @OptionGroup var source: ConfigurationOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    let files = try source.runPipeline(to: .curves)
    try Results.print(files.curves)
  }
}

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
