import ArgumentParser
import CBuild
import Foundation
import MapReporter
import ModelLoader
import Support
import Transformer

/// The command line: one verb per file, everything else in the libraries.
@main
struct Zigzag: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "zigzag",
    abstract: "Finds the layers of a language model that need its whole context.",
    discussion: """
      A few attention heads of a language model retrieve from far back; the others need only the \
      first tokens and the most recent ones. zigzag finds the layers that need the whole context, \
      measures what each choice costs, and writes it as a map that runtimes read.

      Begin with a model file and one command:

        zigzag import SmolLM2-135M-Instruct.Q4_1.gguf models/smollm2-135m-instruct.h5
        zigzag run configs/smollm2-135m.yaml

      Results go to standard output; progress and logs to standard error. Exit codes: 0 done, \
      64 usage, 65 bad data, 66 missing input, 73 and 74 cannot write, 75 interrupted \
      or short of memory or open files, 70 internal error.
      """,
    version: toolVersion + (commit.isEmpty ? "" : " (\(commit))"),
    subcommands: [
      RunVerb.self, SweepVerb.self, ImportVerb.self, InspectVerb.self, ForwardVerb.self,
      GenerateVerb.self,
      CalibrateVerb.self, SearchVerb.self, ScoreVerb.self, ConvertVerb.self, RankVerb.self,
      EvaluateVerb.self,
      ExportVerb.self,
      ReportVerb.self, RerankVerb.self, CompressVerb.self, SamplesVerb.self, TokenizeVerb.self,
      BenchVerb.self,
    ])

  /// The commit the tool was built from; empty where nobody knows.
  private static let commit = unsafe String(cString: zz_commit())

  private static func checkThreads() throws(ToolError) {
    let name = Parallelism.variable
    guard let text = ProcessInfo.processInfo.environment[name] else { return }
    guard let count = Int(text), Parallelism.threads.contains(count) else {
      throw .usage(
        "\(name) is \"\(text)\"; it must be a number of threads from "
          + "\(Parallelism.threads.lowerBound) to \(Parallelism.threads.upperBound), or not be set")
    }
  }

  /// Refuses arguments that are not UTF-8: Swift reads them as others, with U+FFFD for what it does not know.
  private static func refuseOtherArguments() throws(ToolError) {
    for index in 1..<max(1, Int(CommandLine.argc)) {
      guard let bytes = unsafe CommandLine.unsafeArgv[index] else { continue }
      guard unsafe String(validatingCString: bytes) == nil else { continue }
      throw .usage(
        "argument \(index) is not UTF-8 text (\(unsafe String(cString: bytes).quotedForMessage)); "
          + "give texts in UTF-8, and rename files whose names are not")
    }
  }

  /// Options whose value may be an empty text.
  private static let textOptions: Set = ["--text", "--prompt"]

  /// Refuses empty paths, names and numbers: a shell variable that was not set makes them, and no verb
  /// could do with one what was meant.
  private static func refuseEmptyArguments() throws(ToolError) {
    var option: String?
    for argument in CommandLine.arguments.dropFirst() {
      if argument.isEmpty, let option, !textOptions.contains(option) {
        throw .usage("\(option) is empty; give it a value, or leave it out")
      }
      if argument.isEmpty, option == nil {
        throw .usage("there is an empty argument; name a file or a folder, or leave it out")
      }
      let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
      if argument.hasPrefix("-"), parts.count == 2, parts[1].isEmpty,
        !textOptions.contains(String(parts[0]))
      {
        throw .usage("\(parts[0]) is empty; give it a value, or leave it out")
      }
      option = argument.hasPrefix("-") ? argument.shown(limit: 100) : nil
    }
  }

  /// Everything happens on a stack that is large enough.
  static func main() {
    Interruption.block()
    unsafe ProcessLimits.onStackOfItsOwn { _ in
      Zigzag.performCommand()
      return nil
    }
  }

  /// Parses, runs, and turns whatever is thrown into a message and an exit code.
  private static func performCommand() {
    do {
      // Before anything that needs files.
      try ProcessLimits.openFiles()
      try ProcessLimits.memory()
      try checkThreads()
    } catch {
      ExitFunnel.exit(with: error)
    }
    // A file that may not grow is then a write that fails, and told as such.
    signal(SIGXFSZ, SIG_IGN)
    MappedFileFault.install(exitCode: ExitFunnel.code(of: .missingInput))
    MemoryShortage.install(exitCode: ExitFunnel.code(of: .interrupted))
    do {
      // Other ranks than the first listen to it alone, not to signals.
      try Job.join(version: configuration.version)
      try Interruption.install()
      try refuseOtherArguments()
      try refuseEmptyArguments()
      var command = try parseAsRoot()
      if Job.ranks != nil, command is any Verb, !(command is any SpreadVerb) {
        throw ToolError.usage(
          "\(type(of: command)._commandName) is the work of one process; several ranks make runs: give them run, "
            + "calibrate, search, score or evaluate")
      }
      try command.run()
      Job.end()
    } catch {
      ExitFunnel.exit(with: error)
    }
  }
}
