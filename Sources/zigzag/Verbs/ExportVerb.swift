import ArgumentParser
import Foundation
import GateOptimizer
import Logging
import MapReporter
import Runs
import Support

/// `zigzag export`: a map in the formats of runtimes.
struct ExportVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write a map in a runtime's own format.",
    discussion: """
      SOURCE is a run folder, a headmap.json, or gates that were learned elsewhere: a table in \
      DuoAttention's format, a folder with one and its config.json, or scores of heads as rank takes \
      them. Of a run folder, the map that its report recommends is written, or the map of \
      --criterion at --sparsity. Gates need --sparsity, and --sink and --recent where no config.json \
      has them. A warning names what a format cannot carry. Where one format is refused, none is \
      written. The files' names go to standard output.

        zigzag export runs/smollm2-135m --format huggingface --format vllm
        zigzag export runs/smollm2-135m --sparsity 0.5 --criterion max --format sglang --out maps
        zigzag export attn_patterns/Llama-3 --sparsity 0.5 --model Llama-3/config.json -f huggingface
        zigzag export full_attention_heads.tsv --sparsity 0.5 --sink 64 --recent 256 -f swaa

      With --check nothing is written. It prints what each layer of a Hugging Face config.json will do \
      in transformers, and fails where that is not what the map of SOURCE asks for, if one is named.

        zigzag export --check Llama-3/config.json maps/headmap.json

      Formats:
      \(ExportFormat.allCases.map { "  \($0.rawValue): \($0.summary)" }.joined(separator: "\n"))
      """)

  @Argument(
    help: ArgumentHelp("A run folder, a headmap.json, or gates.", valueName: "source"))
  var given: String?

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "A format to write; may be repeated. Without it: headmap.", valueName: "format"))
  var format: [ExportFormat] = []

  @Option(
    name: .shortAndLong, parsing: .unconditional,
    help: "The share of layers that stream, from 0 to 1.")
  var sparsity: Double?

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "How layers are chosen: \(Criterion.names.joined(separator: ", ")); or head-mixed.",
      discussion: "Without it: what the run recommends; max for gates."))
  var criterion: String?

  @OptionGroup(title: "Gates learned elsewhere") var gates: GateOptions

  @Option(
    help: ArgumentHelp(
      "The map's model: refuse a map of another one, and add what formats need.",
      discussion: "A model file, a Hugging Face folder or its config.json.", valueName: "model"))
  var model: String?

  @Option(
    help: ArgumentHelp(
      "Print what the layers of a config.json will do in transformers, and compare them with the map.",
      valueName: "file"))
  var check: String?

  @Option(
    help: ArgumentHelp(
      "Where to write.",
      discussion: "Without it: beside a headmap.json, else the folder export of the run or gates.",
      valueName: "folder"))
  var out: String?

  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    if let check { return try compare(check) }
    guard let given else {
      throw ToolError.usage("there is no SOURCE; name a run folder, a headmap.json, or gates")
    }
    try export(given)
  }

  /// Prints what a configuration makes of each layer; refuses it where the map asks for something else.
  private func compare(_ configuration: String) throws {
    guard format.isEmpty, out == nil else {
      throw ToolError.usage("--check writes nothing; leave --format and --out out")
    }
    let read = try TransformersConfiguration(contentsOf: configuration)
    for (layer, kind) in read.layers.enumerated() {
      try Results.print("layer \(layer)\t\(kind)")
    }
    let logger = Logger(label: "export")
    guard let given else { return logger.info("\(read.reason)") }
    let known =
      try model.map { try HeadMap.Model(contentsOf: $0) }
      ?? HeadMap.Model(contentsOf: configuration, hasOwnWindows: false)
    let map = try chosenMap(given, model: known).map
      .completed(by: known, mapName: given, modelName: model ?? configuration)
    try read.check(against: map, mapName: given, path: configuration)
    logger.info("\(configuration) does in transformers what \(given) asks for")
    if let warning = map.warning(in: .huggingFace) { logger.warning("\(warning)") }
  }

  private func export(_ source: String) throws {
    try requireOnce(format.map(\.rawValue), "--format")
    let known = try model.map { try HeadMap.Model(contentsOf: $0) }
    var (map, folder, remark, measured) = try chosenMap(source, model: known)
    let logger = Logger(label: "export")
    if let known, let model {
      if let question = map.model.openQuestion(of: source, against: known.identity) {
        logger.warning("\(question)")
      }
      map = try map.completed(by: known, mapName: source, modelName: model)
    }
    if let remark { logger.warning("\(remark)") }
    let place = URL(fileURLWithPath: out ?? folder)
    let exports = try (format.isEmpty ? [.headMap] : format).map {
      ($0, try $0.export(map))
    }
    for file in exports.flatMap(\.1.files) {
      try OutputPath.require(
        place.appending(path: file.path).path,
        otherThan: OutputPath.files(of: source) + (model.map(OutputPath.files) ?? []))
    }
    for (format, export) in exports {
      for place in try export.write(to: place) { try Results.print(place.relativePath) }
      for warning in export.warnings { logger.warning("\(format.rawValue): \(warning)") }
      for sentence in measured?.sentences(on: map, in: format) ?? [] {
        logger.info("\(format.rawValue): \(sentence)")
      }
    }
  }

  /// The map, the folder it is written to by default, what has to be said of the choice, and what was measured of
  /// the map.
  private func chosenMap(_ source: String, model: HeadMap.Model?) throws -> (
    map: HeadMap, folder: String, remark: String?, measured: MeasuredMap?
  ) {
    if GateOptions.isRunFolder(source) {
      try gates.refuse(because: "\(source) is a run folder, which has a window of its own")
      let (map, remark, measured) = try mapOfRun(source)
      return (map, "\(source)/export", remark, measured)
    }
    let folder = URL(fileURLWithPath: source).deletingLastPathComponent().path
    if try GateOptions.holdsGates(source) {
      let map = try mapOfGates(source, model: model)
      return (map, "\(isFolder(source) ? source : folder)/export", nil, nil)
    }
    guard sparsity == nil && criterion == nil else {
      throw ToolError.usage(
        "\(source) is one finished map; --sparsity and --criterion choose among those of a run folder "
          + "or of gates")
    }
    try gates.refuse(because: "\(source) is a finished map, which has a window of its own")
    return (try .read(from: URL(fileURLWithPath: source)), folder, nil, nil)
  }

  /// A criterion by name; nil for a head-mixed map.
  private func criterion(named name: String) throws -> Criterion? {
    name == "head-mixed" ? nil : try Criterion(parsing: name, option: "--criterion")
  }

  private func mapOfRun(_ source: String) throws -> (
    map: HeadMap, remark: String?, measured: MeasuredMap?
  ) {
    let run = try FinishedRun(folder: source)
    // With --model the same question is asked of the model that is named.
    if let question = run.openQuestion, model == nil {
      Logger(label: "export").warning("\(question)")
    }
    let recommended = try sparsity == nil || criterion == nil ? run.recommendedMap() : nil
    let remark = try remark(on: recommended, of: run, source)
    let sparsity = sparsity ?? recommended?.sparsity ?? 0.5
    let criterion =
      try criterion.map(criterion(named:))
      ?? recommended?.criterion ?? run.configuration.ranking.criteria.first ?? .search
    let method = criterion.map(CurveMethod.layers) ?? .headMixed
    let map = try criterion.map { try run.map(by: $0, sparsity: sparsity) }
    return (
      try map ?? run.headMixedMap(sparsity: sparsity), remark,
      try run.measured(method, sparsity: sparsity)
    )
  }

  /// What the run's own recommendation leaves open, where it decides what is exported.
  private func remark(
    on recommended: RecommendedMap?, of run: FinishedRun, _ source: String
  ) throws -> String? {
    guard sparsity == nil else { return nil }
    guard let recommended else {
      return "\(source): \(try run.lackOfRecommendation(instead: "half of the layers stream"))"
    }
    return recommended.isEnough ? nil : "\(source): \(recommended)"
  }

  private func mapOfGates(_ source: String, model: HeadMap.Model?) throws -> HeadMap {
    guard FileManager.default.fileExists(atPath: source) else {
      throw FileError.missing(path: source, what: "map, run folder or table of gates")
    }
    guard let sparsity else {
      throw ToolError.usage(
        "\(source) holds gates; say with --sparsity what share of the layers is to stream")
    }
    let read = try gates.read(source, model: model, named: self.model)
    return try read.map(
      by: try criterion(named: criterion ?? "max"), sparsity: sparsity,
      window: try gates.window(of: read), space: model?.space)
  }
}

extension ExportFormat: ExpressibleByArgument {}
