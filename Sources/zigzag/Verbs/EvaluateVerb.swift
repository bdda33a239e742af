import ArgumentParser
import MapReporter

/// `zigzag evaluate`: gates and accuracies.
struct EvaluateVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measure accuracy against sparsity.",
    discussion: """
      Learns the gates first where there are none. Scores full attention, all streaming, single \
      heads, layers by each criterion and random choices on the same held-out samples. What is \
      already measured is kept.

        zigzag evaluate configs/smollm2-135m.yaml --set evaluation.samples=16

      The path of the curves (CSV) goes to standard output.
      """)

  @OptionGroup var source: ConfigurationOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    let files = try source.runPipeline(to: .evaluate)
    try Results.print(files.curves)
  }
}
