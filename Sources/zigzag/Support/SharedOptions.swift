import ArgumentParser
import Logging
import MapReporter

/// Options every verb takes.
struct OutputOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Show no progress, and nothing below a warning.")
  var quiet = false

  @Option(
    help: ArgumentHelp(
      "Least level that is logged: \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "level"))
  var logLevel = Logger.Level.info

  /// Puts the options into effect.
  func apply() {
    let level = quiet ? max(logLevel, .warning) : logLevel
    LoggingSystem.bootstrap { _ in ConsoleLogHandler(logLevel: level) }
    ProgressMeter.isShown.store(!quiet, ordering: .relaxed)
  }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}

/// Options of verbs that read a run configuration.
struct ConfigurationOptions: ParsableArguments {
  @Argument(help: "The run's configuration (YAML).")
  var config: String

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "Overrides one setting, such as calibration.steps=40; may be repeated.",
      valueName: "key=value"))
  var overrides: [String] = []

  @Option(help: ArgumentHelp("The folder that run folders are in.", valueName: "folder"))
  var runs = "runs"

  /// Reads, overrides and checks the configuration.
  func load() throws(RunError) -> (ConfigurationDocument, RunConfiguration) {
    let document = try ConfigurationDocument(contentsOf: config, overrides: overrides)
    return (document, try RunConfiguration(document))
  }
}

/// A verb of the tool: applies the shared options, then performs.
protocol Verb: ParsableCommand {
  /// The options every verb takes.
  var output: OutputOptions { get }
  /// Does the work; results to standard output.
  func perform() throws
}

extension Verb {
  func run() throws {
    output.apply()
    try perform()
  }
}
