import ArgumentParser
import Foundation
import GateOptimizer
import Logging
import MapReporter
import ModelLoader

/// `zigzag export`: a map in the formats of runtimes.
struct ExportVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write a map in a runtime's own format.",
    discussion: """
      SOURCE is a run folder or a headmap.json. Of a run folder, the map that its report recommends \
      is written, or the one of --criterion at --sparsity. What a format cannot carry is said as a \
      warning; the names of the files go to standard output.

        zigzag export runs/smollm2-135m --format huggingface --format vllm
        zigzag export runs/smollm2-135m --sparsity 0.5 --criterion max --format sglang --out maps

      Formats:
      \(ExportFormat.allCases.map { "  \($0.rawValue): \($0.summary)" }.joined(separator: "\n"))
      """)

  @Argument(help: "A run folder, or a headmap.json.")
  var source: String

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "A format to write; may be repeated. Without it: headmap.", valueName: "format"))
  var format: [ExportFormat] = []

  @Option(name: .shortAndLong, help: "The share of layers that stream, from 0 to 1.")
  var sparsity: Double?

  @Option(
    name: .shortAndLong,
    help: "How layers are chosen: \(Criterion.names.joined(separator: ", ")).")
  var criterion: String?

  @Option(
    help: ArgumentHelp("Refuse a map that is not this model's.", valueName: "model.h5"))
  var model: String?

  @Option(help: ArgumentHelp("Where to write; SOURCE's folder without it.", valueName: "folder"))
  var out: String?

  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    let (map, folder) = try chosenMap()
    if let model {
      let found = try ModelFile.inspect(path: model)
      try map.check(
        against: found.contents.configuration, weightsSHA256: found.sha256, mapName: source,
        modelName: model)
    }
    let logger = Logger(label: "export")
    for format in format.isEmpty ? [.headMap] : format {
      let export = try format.exporter.export(map)
      for place in try export.write(to: URL(fileURLWithPath: out ?? folder)) {
        try Results.print(place.relativePath)
      }
      for warning in export.warnings { logger.warning("\(format.rawValue): \(warning)") }
    }
  }

  private func chosenMap() throws -> (map: HeadMap, folder: String) {
    guard isFolder(source) else {
      guard sparsity == nil && criterion == nil else {
        throw ToolError.usage(
          "\(source) is one finished map; --sparsity and --criterion choose among a run folder's")
      }
      let url = URL(fileURLWithPath: source)
      return (try .read(from: url), url.deletingLastPathComponent().path)
    }
    let run = try FinishedRun(folder: source)
    let recommended = try sparsity == nil || criterion == nil ? run.recommendedMap() : nil
    let criterion =
      try criterion.map { try Criterion(parsing: $0, option: "--criterion") }
      ?? recommended?.criterion ?? run.configuration.ranking.criteria[0]
    let sparsity = sparsity ?? recommended?.sparsity ?? 0.5
    return (try run.map(by: criterion, sparsity: sparsity), "\(source)/export")
  }
}

extension ExportFormat: ExpressibleByArgument {}
