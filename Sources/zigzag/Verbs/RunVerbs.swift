import ArgumentParser
import MapReporter
import Runs

/// `zigzag run`: from a configuration to a report.
struct RunVerb: SpreadVerb {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Learn gates, rank layers, measure accuracy and write the report.",
    discussion: """
      Everything goes into one folder, runs/NAME. Steps whose results are there are skipped, \
      and an interrupted step continues. Give the same command again at any time.

        zigzag run configs/smollm2-135m.yaml
        zigzag run configs/smollm2-135m.yaml --set name=short --set calibration.steps=40
        zigzag run configs/smollm2-135m.yaml --plan

      The path of the report goes to standard output.
      """)

  @OptionGroup var source: ConfigurationOptions

  @Flag(
    help: "Only say what each stage takes on this machine, from its beginning; nothing is written.")
  var plan = false

  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    guard !plan else { return try printPlan() }
    let files = try source.runPipeline(to: .report)
    try Results.print(files.report)
  }

  private func printPlan() throws {
    let (document, configuration) = try source.load()
    let plan = try CostPlan(configuration, document: document)
    let rows = plan.lines.map { line in
      ["\(line.stage): \(line.work)", "about \(clock(line.seconds))", byteCount(line.bytes)]
    }
    for row in aligned([["stage", "time", "memory"]] + rows) { try Results.print(row) }
    try Results.print(
      "about \(clock(plan.seconds)) in all, if this machine does nothing else; the model's "
        + "\(byteCount(plan.modelBytes)) are mapped besides")
  }
}

/// `zigzag calibrate`: gates alone.
struct CalibrateVerb: SpreadVerb {
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

/// `zigzag search`: gates and searched maps.
struct SearchVerb: SpreadVerb {
  static let configuration = CommandConfiguration(
    commandName: "search",
    abstract: "Search the layer maps that lose least.",
    discussion: """
      Learns the gates first where there are none. Removes one layer after the other, each time the \
      layer whose removal loses least on calibration samples. Tries swaps at the ranked sparsities. \
      The search section of the configuration has the settings. An interrupted search continues.

        zigzag search configs/smollm2-135m.yaml
        zigzag search configs/smollm2-135m.yaml --set search.units='[layers, heads]'
        zigzag rank runs/smollm2-135m --sparsity 0.5 --criterion search

      The path of each table of maps (CSV) goes to standard output.
      """)

  @OptionGroup var source: ConfigurationOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    let files = try source.runPipeline(to: .search)
    for table in files.searchTables { try Results.print(table) }
  }
}

/// `zigzag evaluate`: gates and accuracies.
struct EvaluateVerb: SpreadVerb {
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
