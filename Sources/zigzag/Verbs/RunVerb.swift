import ArgumentParser
import MapReporter

/// `zigzag run`: from a configuration to a report.
struct RunVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Learn gates, rank layers, measure accuracy and write the report.",
    discussion: """
      Everything goes into one folder, runs/NAME. Steps whose results are there are skipped, \
      and an interrupted step continues. Give the same command again at any time.

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
