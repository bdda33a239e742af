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
  func read(_ path: String, model: HeadMap.Model?) throws -> GateSource {
    try scores.read(path, model: model)
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
    guard sink == nil, recent == nil, scores.kvHeads == nil else {
      throw .usage("--sink, --recent and --kv-heads are for gates, but \(reason)")
    }
  }

  /// Whether `path` is a run folder, or one in which nothing else could be found either.
  static func isRunFolder(_ path: String) -> Bool {
    let isRun = FileManager.default.fileExists(atPath: RunFiles(folder: path).configuration)
    return isRun || (isFolder(path) && ImportedFile.tables(in: path).isEmpty)
  }

  /// Whether `path` is a table, a folder with one, or retrieval scores, rather than a finished map.
  static func holdsGates(_ path: String) -> Bool { ImportedFile.format(of: path) != .headMap }
}

/// What retrieval scores leave open.
struct ScoreOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Key-value heads of a layer, for Retrieval_Head's scores, which are of query heads.",
      valueName: "heads"))
  var kvHeads: Int?

  /// Refuses an option that would have no effect.
  func refuse(because reason: String) throws(ToolError) {
    guard kvHeads == nil else {
      throw .usage("--kv-heads is for scores of query heads, but \(reason); leave it out")
    }
  }

  /// Reads the gates at `path`.
  func read(_ path: String, model: HeadMap.Model?) throws -> GateSource {
    let source = try GateSource(path: path, keyValueHeads: kvHeads ?? model?.keyValueHeads)
    if source.isTable {
      try refuse(because: "\(source.file) is a table, which has a column for each key-value head")
    }
    for note in source.notes { Logger(label: "gates").warning("\(note)") }
    return source
  }
}

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
