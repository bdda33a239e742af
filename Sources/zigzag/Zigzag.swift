import ArgumentParser
import Foundation
import MapReporter
import ModelLoader
import Transformer

/// The command line: one verb per file, everything else in the libraries.
@main
struct Zigzag: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "zigzag",
    abstract: "Finds the layers of a language model that need its whole context.",
    discussion: """
      A few attention heads of a language model retrieve from far back; the others are content with \
      the first tokens and the recent ones. zigzag learns which are which, decides it layer by \
      layer, measures what each decision costs, and writes maps that runtimes read.

      Begin with a model file and one command:

        zigzag import SmolLM2-135M-Instruct.Q4_1.gguf models/smollm2-135m-instruct.h5
        zigzag run configs/smollm2-135m.yaml

      Results go to standard output; progress and logs to standard error. Exit codes: 0 done, \
      64 usage, 65 bad data, 66 missing input, 73 and 74 cannot write, 75 interrupted and \
      resumable, 70 internal error.
      """,
    version: toolVersion,
    subcommands: [
      RunVerb.self, SweepVerb.self, ImportVerb.self, InspectVerb.self, ForwardVerb.self,
      CalibrateVerb.self, SearchVerb.self, RankVerb.self, EvaluateVerb.self, ExportVerb.self,
      ReportVerb.self, SamplesVerb.self, BenchVerb.self,
    ])

  private static func checkThreads() throws(ToolError) {
    let name = Parallelism.variable
    guard let text = ProcessInfo.processInfo.environment[name] else { return }
    guard let count = Int(text), Parallelism.threads.contains(count) else {
      throw .usage(
        "\(name) is \"\(text)\"; it must be a number of threads from "
          + "\(Parallelism.threads.lowerBound) to \(Parallelism.threads.upperBound), or not be set")
    }
  }

  /// Parses, runs, and turns whatever is thrown into a message and an exit code.
  static func main() {
    Interruption.install()
    MappedFileFault.install(exitCode: ExitFunnel.code(of: .missingInput))
    do {
      try checkThreads()
      var command = try parseAsRoot()
      try command.run()
    } catch {
      ExitFunnel.exit(with: error)
    }
  }
}
