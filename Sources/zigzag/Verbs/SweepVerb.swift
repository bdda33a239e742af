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

      A scheduler's array makes one run in each task, several at a time in one folder (docs/cluster.md):

        zigzag sweep configs/sweep.yaml --count
        zigzag sweep configs/sweep.yaml --task "$SLURM_ARRAY_TASK_ID"

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

  @Flag(help: "Print how many runs there are, and make none.")
  var count = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Make one run, counted from 0, and the page of those that are finished.", valueName: "i"))
  var task: Int?

  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    guard [list, count, task != nil].count(where: { $0 }) <= 1 else {
      throw ToolError.usage("--list, --count and --task exclude one another; give one of them")
    }
    let sweep = try Sweep(contentsOf: sweep, overrides: overrides)
    if count { return try Results.print("\(sweep.runs.count)") }
    if let task, !sweep.runs.indices.contains(task) {
      throw ToolError.usage(
        "--task is \(task), but \(sweep.path) has the runs 0 to \(sweep.runs.count - 1); give one of them"
      )
    }
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
    let began = { (files: RunFiles) in Console.shared.alsoLog(to: files.log) }
    try Results.print(task.map { try runner.run($0, began: began) } ?? runner.run(began: began))
  }
}
