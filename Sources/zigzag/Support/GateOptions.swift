import ArgumentParser
import Foundation
import GateOptimizer
import Logging
import MapReporter
import ModelLoader
import Runs
import Support

/// Options of verbs that read gates learned elsewhere and need their window.
struct GateOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "First tokens that streaming heads see; else sink_size of the config.json beside the table.",
      valueName: "tokens"))
  var sink: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Last tokens that streaming heads see, the current one included; else recent_size.",
      valueName: "tokens"))
  var recent: Int?

  @OptionGroup var scores: ScoreOptions

  /// Reads the gates at `path`.
  func read(_ path: String, model: HeadMap.Model?, named name: String?) throws -> GateSource {
    try scores.read(path, model: model, named: name)
  }

  /// The window that the options or the file beside the gates say.
  func window(of source: GateSource) throws -> HeadMap.Window {
    let stated = try sink == nil || recent == nil ? source.window() : nil
    guard let sink = sink ?? stated?.sink, let recent = recent ?? stated?.recent else {
      throw ToolError.usage(
        "\(source.file) says nothing of a window, and there is no config.json with sink_size and "
          + "recent_size beside it; give --sink and --recent, the window it was learned with")
    }
    return HeadMap.Window(sink: sink, recent: recent)
  }

  /// Refuses options that would have no effect.
  func refuse(because reason: String) throws(ToolError) {
    guard sink == nil, recent == nil, scores.kvHeads == nil, scores.group == nil else {
      throw .usage("--sink, --recent, --kv-heads and --group are for gates, but \(reason)")
    }
  }

  /// Whether `path` is a run folder, or one in which nothing else could be found either.
  static func isRunFolder(_ path: String) -> Bool {
    let isRun = FileManager.default.fileExists(atPath: RunFiles(folder: path).configuration)
    return isRun || (isFolder(path) && ImportedFile.tables(in: path).isEmpty)
  }

  /// Whether `path` is a table, a folder with one, or scores of heads, rather than a finished map.
  ///
  /// - Throws: what `ImportedFile` refuses a file of no kind with.
  static func holdsGates(_ path: String) throws -> Bool {
    guard FileManager.default.fileExists(atPath: path) else { return !path.hasSuffix(".json") }
    return try ImportedFile.format(of: path) != .headMap
  }
}

/// What scores of query heads leave open.
struct ScoreOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Key-value heads of a layer, for scores of query heads where --model does not tell them.",
      valueName: "heads"))
  var kvHeads: Int?

  @Option(
    help: ArgumentHelp(
      "What scores of query heads that share a key-value head become: max, the default, or mean.",
      valueName: "group"))
  var group: HeadScores.Grouping?

  /// Refuses options that would have no effect.
  func refuse(because reason: String) throws(ToolError) {
    for (name, isGiven) in [("--kv-heads", kvHeads != nil), ("--group", group != nil)]
    where isGiven {
      throw .usage("\(name) is for scores of query heads, but \(reason); leave it out")
    }
  }

  /// Reads the gates at `path` for a model that `name` is the path of.
  func read(_ path: String, model: HeadMap.Model?, named name: String?) throws -> GateSource {
    let source = try GateSource(
      path: path, keyValueHeads: kvHeads ?? model?.keyValueHeads, model: model,
      modelName: name ?? "the model", grouping: group)
    if let kind = source.kindOfKeyValueHeads, kvHeads != nil {
      try refuse(
        because: "\(source.file) is \(kind), which says how many key-value heads a layer has")
    }
    for note in source.notes { Logger(label: "gates").warning("\(note)") }
    return source
  }
}

extension HeadScores.Grouping: ExpressibleByArgument {}

/// Where a verb writes what it was asked for.
enum OutputPath {
  /// Refuses an output that is one of the files that are read, by whatever name.
  ///
  /// - Throws: `ToolError.usage`.
  static func require(_ output: String, otherThan inputs: [String?]) throws(ToolError) {
    guard let written = FileStamp(path: output) else { return }
    for input in inputs.compactMap({ $0 })
    where FileStamp(path: input)?.isSameFile(as: written) == true {
      throw .usage(
        "\(output) would replace \(input), which belongs to what is read; name another place to write"
      )
    }
  }

  /// The files that are read of gates, a map, a model's configuration or a run at `path`.
  static func files(of path: String) -> [String] {
    guard isFolder(path) else { return [path] }
    return RunFiles(folder: path).all + ImportedFile.files(in: path)
  }
}
