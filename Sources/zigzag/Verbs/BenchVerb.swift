import ArgumentParser
import Bench
import Foundation
import Logging
import MapReporter
import ModelLoader
import Runs
import Support
import Transformer

/// `zigzag bench`: what this machine makes of a model.
struct BenchVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure the speed and memory of a model on this machine.",
    discussion: """
      Times are medians after a warm-up. GFLOP counts what the mathematics needs; a share is a \
      share of the rate of large float32 products (OpenBLAS), measured in the same rounds. Memory is \
      the process's: to compare it with another program, measure one length alone.

        zigzag bench models/smollm2-135m-instruct.h5
        zigzag bench models/smollm2-135m-instruct.h5 --measure step --lengths 1024,8192 --json
        zigzag bench models/smollm2-135m-instruct.h5 --measure maps --gates runs/smollm2-135m

      Measures: gemm, the large products themselves; attention, one layer's, full and streaming; \
      prefill, to the final hidden states; decode, token by token; step, the two-stream step that \
      gates are learned with; prompts, maps that stream after the prompt alone; kept-step, a step of \
      their gates; maps, prefill and decode with full, streaming, head-mixed and layer-exclusive \
      patterns, streaming where --phase says.

      --write-step leaves a step's tokens, gates, gradients and loss in a folder, so that another \
      implementation can make exactly this step; --step-from measures that step and prints JSON.
      """)

  @Argument(help: "A model file (HDF5).")
  var model: String

  @Option(
    help: ArgumentHelp(
      "What to measure: \(names(of: BenchSettings.Measure.allCases)).",
      discussion: "Without it: everything.", valueName: "measures"))
  var measure: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Tokens to measure with.",
      discussion: "Without it: all of --tokens, or \(names(of: BenchSettings().lengths)).",
      valueName: "lengths"))
  var lengths: String?

  @Option(parsing: .unconditional, help: "First tokens that streaming heads see.")
  var sink = BenchSettings().window.sink

  @Option(
    parsing: .unconditional, help: "Last tokens that streaming heads see, the current one included."
  )
  var recent = BenchSettings().window.recent

  @Option(
    help: ArgumentHelp(
      "Where the maps that are compared stream: everywhere, decode or prompt.", valueName: "phase"))
  var phase = Deployment.Phase.everywhere

  @Option(parsing: .unconditional, help: "Label rows of a step, at its end.")
  var labels = BenchSettings().labels

  @Option(
    help: ArgumentHelp(
      "Memory for a step's activations: 2GiB, or 60% of free memory. Without it: all.",
      valueName: "size"))
  var memoryBudget: String?

  @Option(parsing: .unconditional, help: "Rounds behind a median.")
  var repeats = BenchSettings().repeats

  @Option(parsing: .unconditional, help: "Tokens to decode.")
  var decodeTokens = BenchSettings().decodeTokens

  @Option(
    help: ArgumentHelp(
      "Token ids to measure with (.npy). Without it: passkey samples.", valueName: "ids.npy"))
  var tokens: String?

  @Option(
    name: [.customLong("gates"), .customLong("run")],
    help: ArgumentHelp(
      "Gates for the maps: a table (TSV), a folder with one, scores (JSON) or a run folder.",
      discussion: "Without it: random gates.", valueName: "gates"))
  var gates: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Shares of streaming layers in maps: up to 1, or percent.", valueName: "sparsities"))
  var sparsities = "50,75"

  @Option(parsing: .unconditional, help: "Seed of samples and gates.")
  var seed = BenchSettings().seed

  @Option(help: ArgumentHelp("Write the measured step to a folder.", valueName: "folder"))
  var writeStep: String?

  @Option(help: ArgumentHelp("Measure exactly the step in a folder.", valueName: "folder"))
  var stepFrom: String?

  @Flag(help: "Print everything as JSON.")
  var json = false

  @Option(
    name: .shortAndLong, help: ArgumentHelp("Also write the JSON to a file.", valueName: "file"))
  var out: String?

  @OptionGroup var products: ProductOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    guard BLASRuntime.isAvailable else {
      throw ToolError.missing("speeds are compared with OpenBLAS, but \(MissingOpenBLAS())")
    }
    try products.apply()
    guard writeStep == nil || stepFrom == nil else {
      throw ToolError.usage("--write-step and --step-from contradict each other; keep one of them")
    }
    // A file that cannot be written should be known before anything is measured.
    if let out {
      try OutputPath.require(out, otherThan: [model, tokens] + (gates.map(OutputPath.files) ?? []))
      _ = try TemporaryFile(for: out)
    }
    let bench = try bench()
    if let stepFrom {
      try show(try bench.repeatStep(from: stepFrom).json())
    } else {
      let report = try writeStep.map { try bench.run(writingStepTo: $0) } ?? bench.run()
      try show(try report.json(), text: json ? nil : BenchTables(report: report).lines)
    }
  }

  /// Prints `text`, or JSON where there is none.
  private func show(_ json: String, text: [String]? = nil) throws {
    if let out { try AtomicFile.write(json, to: out) }
    for line in text ?? [String(json.dropLast())] { try Results.print(line) }
  }

  private func bench() throws -> Bench {
    let loaded = try ModelFile.open(path: model)
    let c = loaded.configuration
    let ids = try tokens.map { try BenchTokens(contentsOf: $0, vocabulary: c.vocabulary) }
    let settings = try settings(tokens: ids)
    let gates = try gates.map {
      if GateOptions.isRunFolder($0), !RunFiles(folder: $0).has(.gates) {
        throw FileError.missing(
          path: $0, what: "table of gates in this run", fix: "learn gates first, or name a table")
      }
      return try GateSource(
        path: GateOptions.isRunFolder($0) ? RunFiles(folder: $0).gates : $0,
        model: HeadMap.Model(c, identity: loaded.identity), modelName: model)
    }
    for note in gates?.notes ?? [] { Logger(label: "gates").warning("\(note)") }
    return try Bench(
      loaded, settings: settings, tokens: ids, gates: gates, observer: ConsoleObserver())
  }

  private func settings(tokens: BenchTokens?) throws -> BenchSettings {
    var settings = BenchSettings()
    if let measure {
      settings.measures = try list(
        measure, "--measure", of: names(of: BenchSettings.Measure.allCases)
      ) { BenchSettings.Measure(rawValue: $0) }
    }
    if let tokens { settings.lengths = [tokens.ids.count] }
    if let lengths {
      settings.lengths = try list(lengths, "--lengths", of: "whole numbers of tokens") { Int($0) }
    }
    settings.sparsities = try list(sparsities, "--sparsities", of: "numbers") { text in
      Double(text).map { $0 > 1 ? $0 / 100 : $0 }
    }
    (settings.window.sink, settings.window.recent) = (sink, recent)
    (settings.labels, settings.repeats, settings.decodeTokens) = (labels, repeats, decodeTokens)
    settings.seed = seed
    settings.phase = phase
    if let memoryBudget {
      guard let budget = ByteBudget(memoryBudget) else {
        throw ToolError.usage(
          "--memory-budget is \(memoryBudget); write a size such as 4GiB, or 60%")
      }
      settings.memoryBudget = budget.byteCount
    }
    return settings
  }

  /// The parts of a list with commas.
  private func list<Value>(
    _ text: String, _ option: String, of kind: String, _ value: (String) -> Value?
  ) throws(ToolError) -> [Value] {
    var values: [Value] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let word = part.trimmingCharacters(in: .whitespaces)
      guard let next = value(word) else {
        throw .usage("\(option) has \"\(word)\" in it; it must list \(kind), with commas between")
      }
      values.append(next)
    }
    return values
  }
}

/// Names with commas between.
private func names(of values: [some CustomStringConvertible]) -> String {
  values.map(\.description).joined(separator: ",")
}

private func names(of measures: [BenchSettings.Measure]) -> String {
  names(of: measures.map(\.rawValue))
}
