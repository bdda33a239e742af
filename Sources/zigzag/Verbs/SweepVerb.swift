import ArgumentParser
import MapReporter
import Runs

/// `zigzag sweep`: many runs that differ in a few settings, and their comparison.
struct SweepVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "sweep",
    abstract: "Make runs that differ in a few settings, and compare them.",
    discussion: """
      A sweep file names a base configuration, what all runs have in common, and what varies: one \
      setting at a time (vary) or every combination (grid). Each run goes into a folder of its own, \
      runs/SWEEP/RUN. All settings are checked before the first run begins. Finished runs are \
      skipped, and an interrupted run continues. Give the same command again at any time.

        zigzag sweep configs/sweep-passkey.yaml
        zigzag sweep configs/sweep.yaml --list

      The path of the comparison (HTML) goes to standard output; it is written anew after each run.
      """)

  @Argument(help: "The sweep (YAML); docs/sweeps.md says how to write one.")
  var sweep: String

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "Overrides one setting of all runs, such as evaluation.samples=4; may be repeated.",
      valueName: "key=value"))
  var overrides: [String] = []

  @Option(help: ArgumentHelp("The folder that the sweep's folder is in.", valueName: "folder"))
  var runs = "runs"

  @Flag(help: "Print the runs with what each changes, and make none.")
  var list = false

  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    let sweep = try Sweep(contentsOf: sweep, overrides: overrides)
    if list {
      let rows = sweep.runs.map { [$0.name, $0.changes] }
      let width = rows.map(\.[0].count).max() ?? 0
      for row in rows {
        let name = row[0] + String(repeating: " ", count: width - row[0].count)
        try Results.print(row[1].isEmpty ? row[0] : "\(name)  \(row[1])")
      }
      return
    }
    let runner = SweepRunner(sweep, runs: runs, observer: ConsoleObserver())
    try Results.print(runner.run { files in Console.shared.alsoLog(to: files.log) })
  }
}
