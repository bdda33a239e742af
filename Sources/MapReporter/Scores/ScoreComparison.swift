import Foundation
import GateOptimizer
import Support

/// Gates and scores of heads from several files of one model, side by side.
package struct ScoreComparison: Sendable {
  /// The scores as gates, in the order of the files.
  package let scores: [NamedScores]
  /// What was decided and what was done to values, a sentence without an end each.
  package let notes: [String]
  /// The files, and what each is.
  let sources: [(file: String, kind: String)]

  /// Reads files of gates or scores.
  ///
  /// - Parameters:
  ///   - paths: Two or more files, or folders with one table, of any kind that can be cut (``ImportedFile``).
  ///   - model: The model that was scored; where it is not known, files say what they can for one another.
  ///   - modelName: How to name it in errors.
  ///   - keyValueHeads: Key-value heads of a layer, for files of query heads where neither the model nor another file
  ///     says it.
  ///   - grouping: What scores of query heads that share a key-value head become; nil takes the largest.
  /// - Throws: `FileError` and ``MapReporterError`` where a file cannot be read, or is of another shape or model than the
  ///   first.
  package init(
    _ paths: [String], model: HeadMap.Model? = nil, modelName: String = "the model",
    keyValueHeads: Int? = nil, grouping: HeadScores.Grouping? = nil
  ) throws {
    let formats = try paths.map { try ImportedFile.format(of: $0) }
    var known = keyValueHeads ?? model?.keyValueHeads
    var files: [Int: ImportedFile] = [:]
    // Those that say how many key-value heads there are come first.
    let order = paths.indices.sorted {
      (formats[$0].isOfQueryHeadsAlone ? 1 : 0, $0) < (formats[$1].isOfQueryHeadsAlone ? 1 : 0, $1)
    }
    for place in order {
      let takes = formats[place].isOfQueryHeadsAlone
      let file = try ImportedFile(
        paths[place], model: model, modelName: modelName, keyValueHeads: takes ? known : nil,
        grouping: takes ? grouping : nil, for: .cutting)
      known = known ?? file.content.asGates.heads
      files[place] = file
    }
    let read = paths.indices.compactMap { files[$0] }
    let first = read[0].content.asGates
    for file in read {
      let gates = file.content.asGates
      try HeadMap.Model(layers: gates.layers, keyValueHeads: gates.heads).checkShape(
        against: model ?? HeadMap.Model(layers: first.layers, keyValueHeads: first.heads),
        name: file.path, modelName: model == nil ? read[0].path : modelName)
    }
    if let named = read.first(where: { $0.model != nil }), let scored = named.model {
      for file in read {
        try file.model?.checkIdentity(
          against: scored.identity, name: file.path, modelName: named.path)
      }
    }
    let names = Self.names(of: read.map(\.path))
    scores = zip(names, read).map { name, file in
      let gates = file.content.asGates
      return NamedScores(name, model.map { gates.within($0.space) } ?? gates)
    }
    sources = read.map { ($0.path, $0.format.title) }
    notes = read.flatMap(\.notes)
  }

  /// The names of files without folder and ending where these are all different, else their paths.
  private static func names(of paths: [String]) -> [String] {
    let short = paths.map { URL(fileURLWithPath: $0).deletingPathExtension().lastPathComponent }
    return Set(short).count == short.count ? short : paths
  }

  /// A line for every two lists: correlation, empty where one has no order, and layers that both have in their upper half.
  package var table: String {
    var lines = [
      CommaSeparated.line([
        "first", "second", "correlation", "shared_layers", "half_layers", "chance",
      ])
    ]
    for (place, own) in scores.enumerated() {
      for other in scores[(place + 1)...] {
        let agreement = ScoreAgreement(own.gates, other.gates)
        lines.append(
          CommaSeparated.line([
            own.name, other.name, agreement.correlation.map { fixed($0, 6) } ?? "",
            "\(agreement.sharedLayers)", "\(agreement.halfLayers)", fixed(agreement.chance, 6),
          ]))
      }
    }
    return lines.joined()
  }

  /// Writes the page alone where `path` ends with .html, else a folder with the page, the table and the figure.
  ///
  /// - Returns: The page's path.
  /// - Throws: `FileError`, ``MapReporterError``.
  package func write(to path: String) throws -> String {
    guard !path.hasSuffix(".html") else {
      try AtomicFile.write(
        ScorePage(self, files: []).html(), creatingFolderOf: URL(fileURLWithPath: path))
      return path
    }
    let links = [
      PageView.Link(
        path: "./agreement.csv", name: "agreement.csv", summary: "a row for every two lists")
    ]
    let page = ExportedFile(
      path: "comparison.html", text: try ScorePage(self, files: links).html())
    let figure = ExportedFile(
      path: "figures/scores.svg", text: ScorePage.figure(scores).svg(theme: .standalone))
    try MapExport(
      files: [figure, ExportedFile(path: "agreement.csv", text: table), page], warnings: []
    ).write(to: URL(fileURLWithPath: path))
    return "\(path)/\(page.path)"
  }
}
