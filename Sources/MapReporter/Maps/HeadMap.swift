import ModelLoader
import Transformer

/// The canonical map, `headmap.json`: which key-value heads of a model see the whole context.
///
/// A value always holds together: shapes agree with ``model``, gates lie in [0, 1], the achieved
/// sparsity is the share of streaming heads. docs/map-format.md and docs/headmap.schema.json
/// specify the file.
public struct HeadMap: Sendable, Hashable {
  /// Versions of the file format: the second one has maps that do not stream everywhere.
  public static let schemaVersions = 1...2

  /// Which model the map is for.
  public let model: Model
  /// What the streaming heads see.
  public let window: Window
  /// Learned gates, (L, K), in [0, 1]; 1 is full attention.
  public let gates: [[Double]]
  /// The heads that see the whole context.
  public let heads: HeadSet
  /// How the heads were chosen.
  public let criterion: Criterion
  /// Share of streaming heads.
  public let sparsity: Sparsity
  /// How the gates were learned.
  public let calibration: Calibration

  /// A map of single heads, which may mix kinds within a layer, or of whole layers.
  ///
  /// - Parameters:
  ///   - model: Which model the map is for, L layers and K key-value heads.
  ///   - window: What the streaming heads see.
  ///   - gates: Learned gates, (L, K), in [0, 1].
  ///   - heads: The heads that see the whole context, (L, K).
  ///   - criterion: How the heads were chosen.
  ///   - requestedSparsity: The share of streaming heads that was asked for, 0…1.
  ///   - calibration: How the gates were learned.
  /// - Throws: ``MapReporterError/invalidValue(place:expected:found:)`` naming the first value that
  ///   does not fit.
  public init(
    model: Model, window: Window, gates: [[Double]], heads: HeadSet, criterion: Criterion,
    requestedSparsity: Double, calibration: Calibration
  ) throws(MapReporterError) {
    self.init(
      unchecked: model, window: window, gates: gates, heads: heads, criterion: criterion,
      requestedSparsity: requestedSparsity, calibration: calibration)
    if let flaw = firstFlaw() {
      throw .invalidValue(place: flaw.place, expected: flaw.expected, found: flaw.found)
    }
  }

  init(
    unchecked model: Model, window: Window, gates: [[Double]], heads: HeadSet,
    criterion: Criterion, requestedSparsity: Double, calibration: Calibration
  ) {
    self.model = model
    self.window = window
    self.gates = gates
    self.heads = heads
    self.criterion = criterion
    sparsity = Sparsity(
      requested: requestedSparsity, achieved: heads.sparsity,
      achievedGlobal: model.ownWindows.flatMap {
        // A damaged file can state other shapes.
        $0.count == model.layers && heads.rows.count == model.layers
          ? model.space.sparsity(of: heads) : nil
      })
    self.calibration = calibration
  }

  /// The kind of each layer, (L), true for retrieval; nil when a layer mixes kinds.
  ///
  /// Derived from ``heads``, so a map that was cut head by head but came out uniform counts as
  /// layer-exclusive.
  public var layerFull: [Bool]? { heads.retrievalLayers }

  /// The map as the attention kernels take it, for a text whose prompt ends before position `promptEnd`; where
  /// everything streams, that decides nothing.
  public func pattern(promptEnd: Int = 0) -> AttentionPattern {
    AttentionPattern(heads, window.deployment.rule(boundary: promptEnd))
  }

  /// Refuses the map for a model of another shape, or another one where its identity is given.
  ///
  /// - Parameters:
  ///   - configuration: The model that is about to run with this map.
  ///   - identity: Which model it is; nil takes any, and so does a map without hashes.
  ///   - mapName: How to name the map in the error, its path say.
  ///   - modelName: How to name the model in the error.
  /// - Throws: ``MapReporterError/shapeMismatch(map:mapLayers:mapHeads:model:modelLayers:modelHeads:)``
  ///   with both shapes, ``MapReporterError/otherWeights(map:mapHash:model:modelHash:)``,
  ///   ``MapReporterError/otherModel(map:model:differences:)``.
  public func check(
    against configuration: ModelConfiguration, identity: ModelIdentity? = nil,
    mapName: String = "The map",
    modelName: String = "the model"
  ) throws(MapReporterError) {
    if model.layers != configuration.layers || model.keyValueHeads != configuration.keyValueHeads {
      throw .shapeMismatch(
        map: mapName, mapLayers: model.layers, mapHeads: model.keyValueHeads, model: modelName,
        modelLayers: configuration.layers, modelHeads: configuration.keyValueHeads)
    }
    if let identity {
      try model.checkIdentity(against: identity, name: mapName, modelName: modelName)
    }
  }
}
