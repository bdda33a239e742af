import Foundation
import ModelLoader
import Support
import Transformer

extension HeadMap.Model {
  /// The identity of the model at `path`: a model file, a Hugging Face folder, or its `config.json`.
  ///
  /// A `config.json` tells the shape and the type, which is all that most exports need of a model;
  /// only a model file tells its identity: the hashes of its weights, configuration and tokenizer.
  ///
  /// - Parameters:
  ///   - path: A model file, a folder with a `config.json`, or that file.
  ///   - hasOwnWindows: Whether layers that slide in a `config.json` have windows of the model's own; those of a
  ///     configuration that a map was merged into do not.
  /// - Throws: `FileError`.
  public init(contentsOf path: String, hasOwnWindows: Bool = true) throws {
    let config = "\(path)/config.json"
    let isFolder = FileManager.default.fileExists(atPath: config)
    guard isFolder || path.hasSuffix(".json") else {
      let found = try ModelFile.inspect(path: path)
      self.init(found.contents.configuration, identity: found.identity)
      return
    }
    try self.init(
      configuration: URL(fileURLWithPath: isFolder ? config : path), hasOwnWindows: hasOwnWindows)
  }

  private init(configuration url: URL, hasOwnWindows: Bool) throws {
    let bytes = try TextFile.bytes(
      at: url.path, what: "configuration", limit: FileLimit.modelConfiguration)
    if hasOwnWindows,
      let whole = try? ModelConfiguration.shape(configuration: bytes, path: url.path)
    {
      self.init(
        modelType: whole.modelType, layers: whole.layers, queryHeads: whole.queryHeads,
        keyValueHeads: whole.keyValueHeads)
      setWindows(whole)
      return
    }
    let keys = try JSONFile.decode(
      Configuration.self, from: bytes, path: url.path, format: "a Hugging Face config.json")
    let keyValueHeads =
      try keys.num_key_value_heads
      ?? MetadataValue.keyValueHeads(
        configuration: bytes, path: url.path, queryHeads: keys.num_attention_heads)
    let sizes = [
      ("num_hidden_layers", keys.num_hidden_layers), ("num_key_value_heads", keyValueHeads),
      ("num_attention_heads", keys.num_attention_heads),
    ]
    for (place, value) in sizes where !(1...HeadMap.largestCount).contains(value) {
      throw FileError.invalid(
        path: url.path, place: place, expected: "at least 1", found: "\(value)")
    }
    guard keys.num_attention_heads % keyValueHeads == 0 else {
      throw FileError.invalid(
        path: url.path, place: "num_attention_heads", expected: "a multiple of \(keyValueHeads)",
        found: "\(keys.num_attention_heads)")
    }
    self.init(
      modelType: keys.model_type, layers: keys.num_hidden_layers,
      queryHeads: keys.num_attention_heads, keyValueHeads: keyValueHeads)
    // Which layers have windows is not known of a configuration that is not read as a whole.
    guard !hasOwnWindows || keys.layer_types?.contains("sliding_attention") != true else {
      throw FileError.invalid(
        path: url.path, place: "key layer_types",
        expected: "a configuration that is read as a whole",
        found: "sliding layers of a model that is not",
        fix: "name the imported model file, or correct what its import refuses")
    }
  }

  /// Refuses gates or a map of this shape for a model of another.
  ///
  /// - Throws: ``MapReporterError/shapeMismatch(map:mapLayers:mapHeads:model:modelLayers:modelHeads:)``.
  public func checkShape(
    against model: HeadMap.Model, name: String, modelName: String
  ) throws(MapReporterError) {
    guard layers == model.layers, keyValueHeads == model.keyValueHeads else {
      throw .shapeMismatch(
        map: name, mapLayers: layers, mapHeads: keyValueHeads, model: modelName,
        modelLayers: model.layers, modelHeads: model.keyValueHeads)
    }
  }

  /// Refuses gates or a map of this model for another one, as far as both are known.
  ///
  /// - Throws: ``MapReporterError/otherWeights(map:mapHash:model:modelHash:)`` or
  ///   ``MapReporterError/otherModel(map:model:differences:)``.
  public func checkIdentity(
    against other: ModelIdentity, name: String, modelName: String
  ) throws(MapReporterError) {
    if let own = weightsSHA256, let hash = other.weightsSHA256, own != hash {
      throw .otherWeights(map: name, mapHash: own, model: modelName, modelHash: hash)
    }
    let differences = identity.differences(from: other)
    guard differences.isEmpty else {
      throw .otherModel(map: name, model: modelName, differences: differences)
    }
  }

  /// What a file that names its model by fewer hashes than `other` leaves open, in one sentence; nil where
  /// nothing is, and for what names no model at all, as a table of gates.
  public func openQuestion(of name: String, against other: ModelIdentity) -> String? {
    let missing = identity.missingParts(of: other)
    guard weightsSHA256 != nil, !missing.isEmpty else { return nil }
    return "\(name) was written by an earlier version and does not say the "
      + "\(missing.joined(separator: " and ")) of its model, which could not be compared"
  }

  private struct Configuration: Decodable {
    let model_type: String?
    let num_hidden_layers: Int
    let num_attention_heads: Int
    let num_key_value_heads: Int?
    let layer_types: [String]?
  }
}

extension HeadMap {
  /// The same map for `model`, with what the map did not say of it.
  ///
  /// - Parameters:
  ///   - model: The model that the map is for.
  ///   - mapName: How to name the map in the error.
  ///   - modelName: How to name the model in the error.
  /// - Returns: The map with the model's type, query heads and hashes where it had none.
  /// - Throws: ``MapReporterError/shapeMismatch(map:mapLayers:mapHeads:model:modelLayers:modelHeads:)``
  ///   with both shapes, ``MapReporterError/otherWeights(map:mapHash:model:modelHash:)``,
  ///   ``MapReporterError/otherModel(map:model:differences:)``.
  public func completed(
    by model: Model, mapName: String, modelName: String
  ) throws(MapReporterError) -> HeadMap {
    try self.model.checkShape(against: model, name: mapName, modelName: modelName)
    try self.model.checkIdentity(against: model.identity, name: mapName, modelName: modelName)
    var whole = Model(
      modelType: self.model.modelType ?? model.modelType, layers: model.layers,
      queryHeads: self.model.queryHeads ?? model.queryHeads, keyValueHeads: model.keyValueHeads,
      weightsSHA256: self.model.weightsSHA256 ?? model.weightsSHA256)
    whole.configurationSHA256 = self.model.configurationSHA256 ?? model.configurationSHA256
    whole.tokenizerSHA256 = self.model.tokenizerSHA256 ?? model.tokenizerSHA256
    whole.ownWindows = self.model.ownWindows ?? model.ownWindows
    whole.ownPositions = self.model.ownPositions ?? model.ownPositions
    return try HeadMap(
      model: whole, window: window, gates: gates, heads: whole.space.clearing(heads),
      criterion: criterion,
      requestedSparsity: sparsity.requested, calibration: calibration)
  }
}
