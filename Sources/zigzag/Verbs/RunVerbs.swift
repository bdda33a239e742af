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

  @OptionGroup(title: "Plan") var plan: PlanOptions

  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    guard !plan.plan else { return try plan.printPlan(source) }
    let files = try source.runPipeline(to: .report)
    try Results.print(files.report)
  }
}

/// What a run will take, here or on other machines.
struct PlanOptions: ParsableArguments {
  @Flag(help: "Only say what each stage takes, from its beginning; nothing is written.")
  var plan = false

  @Option(
    parsing: .unconditional,
    help: "Plan for so many machines, with a rank on each (default: this one).")
  var machines: Int?

  @Option(
    parsing: .unconditional, help: "Plan for machines of so many cores (default: as many as here).")
  var cores: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Plan with cores of this rate (default: that of a short prefill here).",
      valueName: "GFLOP/s"))
  var coreRate: Double?

  @Option(
    help: ArgumentHelp(
      "Plan for a model of these shapes, with the tokenizer of the configuration's.",
      valueName: "config.json"))
  var shapes: String?

  @Flag(help: "The plan as JSON.")
  var json = false

  func validate() throws {
    for (name, value) in [("machines", machines), ("cores", cores)] {
      guard let value else { continue }
      guard (1...1 << 20).contains(value) else {
        throw ValidationError("--\(name) is \(value), but it must be 1 to \(1 << 20)")
      }
    }
    if let coreRate, !(1e-3...1e6).contains(coreRate) {
      throw ValidationError("--core-rate is \(coreRate), but it must be 0.001 to 1000000 GFLOP/s")
    }
    let others: [(String, Bool)] = [
      ("--machines", machines != nil), ("--cores", cores != nil), ("--core-rate", coreRate != nil),
      ("--shapes", shapes != nil), ("--json", json),
    ]
    if !plan, let (name, _) = others.first(where: \.1) {
      throw ValidationError("\(name) is for a plan: add --plan")
    }
  }

  /// Prints a line for each stage of the configuration's run.
  func printPlan(_ source: ConfigurationOptions) throws {
    let (document, configuration) = try source.load()
    let plan = try CostPlan(
      configuration, document: document,
      machines: PlannedMachines(
        count: machines, cores: cores, coreRate: coreRate.map { $0 * 1e9 }),
      shapes: shapes)
    guard !json else { return try Results.print(json: plan) }
    let isShared = plan.machines > 1
    let rows = plan.stages.map { line in
      ["\(line.stage): \(line.work)", "about \(clock(line.seconds))", byteCount(line.bytes)]
        + (isShared ? [byteCount(line.sent)] : [])
    }
    let head =
      ["stage", "time", isShared ? "memory of a rank" : "memory"] + (isShared ? ["sent"] : [])
    for row in aligned([head] + rows) { try Results.print(row) }
    let each = counted(plan.cores, "core")
    let (place, they) =
      if isShared {
        (" on \(plan.machines) machines of \(each)", "they do")
      } else if machines != nil || cores != nil || coreRate != nil {
        (" on a machine of \(each)", "it does")
      } else {
        ("", "this machine does")
      }
    try Results.print(
      "about \(clock(plan.seconds)) in all\(place), if \(they) nothing else; the model's "
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
