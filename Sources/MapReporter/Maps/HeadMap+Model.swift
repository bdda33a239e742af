import Foundation
import ModelLoader
import Transformer

extension HeadMap.Model {
  /// The identity of the model at `path`: a model file, a Hugging Face folder, or its `config.json`.
  ///
  /// A `config.json` tells the shape and the type, which is all that most exports need of a model;
  /// only a model file tells the hash of its weights.
  ///
  /// - Throws: `ModelLoaderError` or ``MapReporterError/invalidFile(path:place:expected:found:)``.
  public init(contentsOf path: String) throws {
    let config = "\(path)/config.json"
    let isFolder = FileManager.default.fileExists(atPath: config)
    guard isFolder || path.hasSuffix(".json") else {
      let found = try ModelFile.inspect(path: path)
      self.init(found.contents.configuration, weightsSHA256: found.sha256)
      return
    }
    try self.init(configuration: URL(fileURLWithPath: isFolder ? config : path))
  }

  private init(configuration url: URL) throws(MapReporterError) {
    let keys = try JSONText.decode(
      Configuration.self, from: try readBytes(of: url), path: url.path,
      format: "a Hugging Face config.json")
    let keyValueHeads = keys.num_key_value_heads ?? keys.num_attention_heads
    let sizes = [
      ("num_hidden_layers", keys.num_hidden_layers), ("num_key_value_heads", keyValueHeads),
      ("num_attention_heads", keys.num_attention_heads),
    ]
    for (place, value) in sizes where !(1...HeadMap.largestCount).contains(value) {
      throw .invalidFile(
        path: url.path, place: place, expected: "at least 1", found: "\(value)")
    }
    guard keys.num_attention_heads % keyValueHeads == 0 else {
      throw .invalidFile(
        path: url.path, place: "num_attention_heads", expected: "a multiple of \(keyValueHeads)",
        found: "\(keys.num_attention_heads)")
    }
    self.init(
      modelType: keys.model_type, layers: keys.num_hidden_layers,
      queryHeads: keys.num_attention_heads, keyValueHeads: keyValueHeads)
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

  private struct Configuration: Decodable {
    let model_type: String?
    let num_hidden_layers: Int
    let num_attention_heads: Int
    let num_key_value_heads: Int?
  }
}

extension HeadMap {
  /// The same map for `model`, with what the map did not say of it.
  ///
  /// - Parameters:
  ///   - model: The model that the map is for.
  ///   - mapName: How to name the map in the error.
  ///   - modelName: How to name the model in the error.
  /// - Returns: The map with the model's type, query heads and hash where it had none.
  /// - Throws: ``MapReporterError/shapeMismatch(map:mapLayers:mapHeads:model:modelLayers:modelHeads:)``
  ///   with both shapes, ``MapReporterError/otherWeights(map:mapHash:model:modelHash:)``.
  public func completed(
    by model: Model, mapName: String, modelName: String
  ) throws(MapReporterError) -> HeadMap {
    try self.model.checkShape(against: model, name: mapName, modelName: modelName)
    if let own = self.model.weightsSHA256, let other = model.weightsSHA256, own != other {
      throw .otherWeights(map: mapName, mapHash: own, model: modelName, modelHash: other)
    }
    let whole = Model(
      modelType: self.model.modelType ?? model.modelType, layers: model.layers,
      queryHeads: self.model.queryHeads ?? model.queryHeads, keyValueHeads: model.keyValueHeads,
      weightsSHA256: self.model.weightsSHA256 ?? model.weightsSHA256)
    return try HeadMap(
      model: whole, window: window, gates: gates, headFull: headFull, criterion: criterion,
      requestedSparsity: sparsity.requested, calibration: calibration)
  }
}
