import GateOptimizer
import Support

extension ImportedFile {
  /// Scores as gates of a model that has so many key-value heads and layers, as far as that is known.
  static func gates(
    of file: HeadScoreFile, _ model: HeadMap.Model?, keyValueHeads: Int?, layers: Int?,
    _ grouping: HeadScores.Grouping?
  ) throws -> (ImportedMap, [String]) {
    let scores = try file.scores(layers: layers, queryHeads: model?.queryHeads)
    let own = scores.unit == .keyValue ? scores.heads : file.record?.keyValueHeads
    guard let heads = own ?? keyValueHeads else {
      throw GateOptimizerError.option(
        name: file.path,
        expected:
          "the number of key-value heads beside scores of query heads, by --kv-heads or --model",
        found: "none")
    }
    try scores.requireGroups(keyValueHeads: heads, file: file.path)
    let grouped = scores.grouped(keyValueHeads: heads, by: grouping ?? .max)
    var notes = note(of: grouped, file).map { [$0] } ?? []
    notes += [file.note(ofOthersIn: scores), file.note(ofEqual: scores)].compactMap(\.self)
    return (.gates(grouped.gates(keyValueHeads: heads)), notes)
  }

  /// Refuses a grouping where there is nothing to group.
  static func require(
    _ grouping: HeadScores.Grouping?, isUsedBy file: String, _ format: Format,
    _ scored: HeadMap.Model?
  ) throws(GateOptimizerError) {
    guard let grouping else { return }
    if case .scores(let kind) = format, kind.isOfQueryHeads ?? (scored?.queryHeads != nil) {
      return
    }
    throw .option(
      name: file, expected: "query heads, which the group \(grouping.rawValue) makes one number of",
      found: "key-value heads, which need no group")
  }

  /// How the numbers of `scores`, of key-value heads, are moved into 0…1; nil where they lie there.
  private static func note(of scores: HeadScores, _ file: HeadScoreFile) -> String? {
    let lowest = scores.values.min() ?? 0
    let largest = scores.values.max() ?? 0
    let kind = file.format == .retrievalHead ? "mean score" : "score"
    switch (lowest < 0, largest - min(lowest, 0) > 1) {
    case (false, false): return nil
    case (false, true):
      return
        "\(file.path): the largest \(kind) is \(Float(largest)), so all scores are divided by it; "
        + "their order stays"
    case (true, false):
      return
        "\(file.path): the lowest \(kind) is \(Float(lowest)), which is taken from all; their order stays"
    case (true, true):
      return
        "\(file.path): scores from \(Float(lowest)) to \(Float(largest)) become gates from 0 to 1; "
        + "their order stays"
    }
  }
}

extension HeadMap.Model {
  /// The model that a file of scores names.
  init(_ record: ScoreRecord) {
    self.init(
      modelType: record.model?.type, layers: record.scores.layers,
      queryHeads: record.scores.unit == .query ? record.scores.heads : nil,
      keyValueHeads: record.keyValueHeads, weightsSHA256: record.model?.weightsSHA256)
    configurationSHA256 = record.model?.configurationSHA256
    tokenizerSHA256 = record.model?.tokenizerSHA256
  }
}
