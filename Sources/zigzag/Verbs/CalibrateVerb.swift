import ArgumentParser
import MapReporter

/// `zigzag calibrate`: gates alone.
struct CalibrateVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "calibrate",
    abstract: "Learn the gates, or continue to learn them.",
    discussion: """
      The first step of `zigzag run`. An interrupted calibration continues from its last checkpoint, \
      to the same bits as if it had never stopped. Other settings than the checkpoint's are refused.

        zigzag calibrate configs/smollm2-135m.yaml --set calibration.steps=200

      The path of the gates (TSV, one line per layer) goes to standard output.
      """)

  @OptionGroup var source: ConfigurationOptions

  @Flag(help: "Only continue: refuse to start where there is no checkpoint.")
  var resume = false

  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    let files = try source.runPipeline(to: .learn, needsCheckpoint: resume)
    try Results.print(files.gates)
  }
}
