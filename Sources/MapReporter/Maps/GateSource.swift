import Foundation
import GateOptimizer
import ModelLoader
import Support
import Transformer

/// Gates that were learned elsewhere, or scores of heads as gates: a DuoAttention table, its pattern folder, or a
/// file of any `HeadScoreFormat`.
public struct GateSource: Sendable {
  /// The gates, (L, K).
  public let gates: GateMatrix
  /// The file they were read from.
  public let file: String
  /// What was done to the values, and what a cut of them does, that a reader should know of: a sentence each.
  public let notes: [String]
  /// What that file is, if it says how many key-value heads a layer has; nil if it is of query heads alone.
  package let kindOfKeyValueHeads: String?
  /// The model that was scored, as far as the file says.
  private let model: HeadMap.Model?

  /// Reads the gates at `path`.
  ///
  /// - Parameters:
  ///   - path: A table (TSV), a folder with one named `full_attention_heads.tsv`,
  ///     `adapter_weights.tsv` or `gates.tsv`, or a file of scores.
  ///   - keyValueHeads: Key-value heads of a layer, which only scores of query heads need.
  ///   - model: The model that the gates are for: it tells its heads, and scores that name another model are refused.
  ///   - modelName: How to name that model in errors.
  ///   - grouping: How query heads that share a key-value head become one; nil takes the largest.
  /// - Throws: `FileError` naming the file and the place in it, and
  ///   ``MapReporterError/invalidValue(place:expected:found:)`` where scores lack `keyValueHeads`,
  ///   a folder has several tables, or the file holds a finished map.
  public init(
    path: String, keyValueHeads: Int? = nil, model: HeadMap.Model? = nil,
    modelName: String = "the model", grouping: HeadScores.Grouping? = nil
  ) throws {
    let read = try ImportedFile(
      path, model: model, modelName: modelName, keyValueHeads: keyValueHeads, grouping: grouping,
      for: .cutting)
    (gates, file, notes) = (read.content.asGates, read.path, read.notes)
    self.model = read.model
    kindOfKeyValueHeads = read.format.isOfQueryHeadsAlone ? nil : read.format.title
  }

  /// The map that these gates make at `sparsity`.
  ///
  /// - Parameters:
  ///   - criterion: How layers are chosen; nil cuts head by head, as DuoAttention does.
  ///   - sparsity: The share of layers, or heads, that stream, 0…1.
  ///   - window: What the streaming heads see.
  ///   - space: The heads that maps of the model decide on; nil for all, and passed over for a model of another shape,
  ///     which is refused where the map gets its model.
  /// - Returns: A map that names no model: ``HeadMap/completed(by:mapName:modelName:)`` adds it.
  /// - Throws: `GateOptimizerError` where the criterion cannot judge these gates.
  public func map(
    by criterion: Criterion?, sparsity: Double, window: HeadMap.Window, space: MapSpace? = nil
  ) throws -> HeadMap {
    let own = space.flatMap { $0.layers == self.gates.layers ? $0 : nil }
    let gates = own.map { self.gates.within($0) } ?? self.gates
    let heads =
      try criterion.map { criterion throws(GateOptimizerError) in
        try gates.layerMap(by: criterion, sparsity: sparsity).heads(keyValueHeads: gates.heads)
      } ?? gates.headCut(sparsity: sparsity)
    return try HeadMap(
      model: model ?? HeadMap.Model(layers: gates.layers, keyValueHeads: gates.heads),
      window: window,
      gates: (0..<gates.layers).map { Array(gates.clipped[layer: $0]) }, heads: heads,
      criterion: HeadMap.Criterion(
        name: criterion?.name ?? CurveMethod.headMixed.name, weight: criterion?.weight),
      requestedSparsity: sparsity, calibration: HeadMap.Calibration(source: file))
  }

  /// The sizes in the `config.json` beside the table: DuoAttention's `sink_size` and `recent_size`.
  ///
  /// - Returns: Nil where there is no such file, or another of that name without these keys.
  /// - Throws: `FileError`.
  public func window() throws(FileError) -> HeadMap.Window? {
    let url = URL(fileURLWithPath: file).deletingLastPathComponent()
      .appending(path: "config.json")
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    let sizes = try JSONFile.decode(
      Sizes.self,
      from: try TextFile.bytes(
        at: url.path, what: "configuration", limit: FileLimit.modelConfiguration),
      path: url.path, format: "DuoAttention's config.json")
    guard let sink = sizes.sink_size, let recent = sizes.recent_size else { return nil }
    return HeadMap.Window(sink: sink, recent: recent)
  }

  private struct Sizes: Decodable {
    let sink_size: Int?
    let recent_size: Int?
  }
}
