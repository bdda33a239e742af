import ArgumentParser
import Foundation
import Logging
import MapReporter
import Runs
import Support
import Transformer

/// Options every verb takes.
struct OutputOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Show no progress, and nothing below a warning.")
  var quiet = false

  @Option(
    help: ArgumentHelp(
      "The least level that is logged.", valueName: "level"))
  var logLevel = Logger.Level.info

  /// Puts the options into effect.
  func apply() {
    let level = quiet ? max(logLevel, .warning) : logLevel
    LoggingSystem.bootstrap { _ in ConsoleLogHandler(shownLevel: level) }
    ProgressMeter.isShown.store(!quiet, ordering: .relaxed)
  }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}

extension ProductLibrary: ExpressibleByArgument {}

/// The option of verbs that compute without a run configuration.
struct ProductOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Whose matrix products to compute with: own or openblas.",
      discussion: "Without it: those that suit the CPU.", valueName: "library"))
  var products: ProductLibrary?

  /// Puts the option into effect.
  func apply() throws(ToolError) {
    do {
      try ProductKernels.choose(products)
    } catch {
      throw .missing("--products is openblas, but \(error)")
    }
  }
}

/// Options of verbs that read a run configuration.
struct ConfigurationOptions: ParsableArguments {
  @Argument(help: "The run's configuration (YAML).")
  var config: String?

  @Option(
    help: ArgumentHelp(
      "Instead of a configuration: make this run again, from the same model and texts.",
      valueName: "run.json"))
  var from: String?

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "Overrides one setting, such as calibration.steps=40; may be repeated.",
      valueName: "key=value"))
  var overrides: [String] = []

  @Option(help: ArgumentHelp("The folder that run folders are in.", valueName: "folder"))
  var runs = "runs"

  /// Reads, overrides and checks the configuration.
  func load() throws -> (ConfigurationDocument, RunConfiguration) {
    let document =
      if let config {
        try ConfigurationDocument(contentsOf: config, overrides: overrides)
      } else {
        try ConfigurationDocument(record: from ?? "", overrides: overrides)
      }
    return (document, try RunConfiguration(document))
  }

  func validate() throws {
    guard (config == nil) != (from == nil) else {
      throw ValidationError("name either a configuration or a run.json with --from")
    }
  }
}

extension ConfigurationOptions {
  /// Runs the pipeline up to `goal` and returns the names of the run's files.
  func runPipeline(
    to goal: Stage, needsCheckpoint: Bool = false
  ) throws -> RunFiles {
    let (document, configuration) = try load()
    var pipeline = try Pipeline(
      configuration, document: document, runs: runs,
      origin: try from.map { try RunOrigin(contentsOf: $0) }, ranks: Job.ranks,
      observer: ConsoleObserver())
    let files = pipeline.files
    if needsCheckpoint && !FileManager.default.fileExists(atPath: files.checkpoint) {
      throw FileError.missing(
        path: files.checkpoint, what: "file", fix: "leave out --resume to start from the first step"
      )
    }
    Console.shared.alsoLog(to: files.log)
    try pipeline.run(to: goal)
    return files
  }
}

/// A verb of the tool: applies the shared options, then performs.
protocol Verb: ParsableCommand {
  /// The options every verb takes.
  var output: OutputOptions { get }
  /// Does the work; results to standard output.
  func perform() throws
}

/// A verb whose work several ranks share.
protocol SpreadVerb: Verb {}

extension Verb {
  func run() throws {
    output.apply()
    try perform()
  }
}
