import ModelLoader
import Support

/// What can go wrong between a map and the page that shows it, but for what is wrong with a file: that is a
/// `FileError`.
public enum MapReporterError: ZigzagError, Equatable {
  /// A value given to the library by a config or the command line is impossible.
  case invalidValue(place: String, expected: String, found: String)
  /// A map that mixes head kinds within a layer was asked for in a format of whole layers.
  case headMixed(format: String, layers: Int, heads: Int, mixedLayers: [Int])
  /// A format cannot hold this map, whatever its kind.
  case notExpressible(format: String, reason: String)
  /// A map belongs to a model of another shape; shapes are layers × key-value heads.
  case shapeMismatch(
    map: String, mapLayers: Int, mapHeads: Int, model: String, modelLayers: Int, modelHeads: Int)
  /// A map belongs to a model of the same shape with other weights.
  case otherWeights(map: String, mapHash: String, model: String, modelHash: String)
  /// A map belongs to a model of the same shape and weights with another configuration or tokenizer.
  case otherModel(map: String, model: String, differences: [String])
  /// A page template does not parse.
  case brokenTemplate(name: String, reason: String)
  /// Measuring was stopped; nothing was written.
  case stopped

  /// Usage, bad data, missing input or unwritable output, for the exit code.
  public var category: ErrorCategory {
    switch self {
    case .shapeMismatch, .otherWeights, .otherModel, .brokenTemplate:
      .badData
    case .invalidValue, .headMixed, .notExpressible: .usage
    case .stopped: .interrupted
    }
  }

  /// One sentence that names the file and the place, what was expected, what was found, what to do.
  public var description: String {
    switch self {
    case .invalidValue(let place, let expected, let found):
      "\(place) must be \(expected), but is \(found.shown()); change it."
    case .headMixed(let format, let layers, let heads, let mixedLayers):
      "\(format) describes whole layers, but this map of \(layers) layers × \(heads) key-value heads "
        + "mixes retrieval and streaming heads in \(Self.list(mixedLayers)); choose a "
        + "layer-exclusive map, or a format of single heads (duo-attention, kvpress, fluentllm, rtp-llm)."
    case .notExpressible(let format, let reason):
      "\(format) cannot hold this map: \(reason)."
    case .shapeMismatch(
      let map, let mapLayers, let mapHeads, let model, let modelLayers, let modelHeads):
      "\(map) is for \(mapLayers) layers × \(mapHeads) key-value heads, but \(model) has "
        + "\(modelLayers) × \(modelHeads); use the map that was made for this model."
    case .otherWeights(let map, let mapHash, let model, let modelHash):
      "\(map) was made for weights with the hash \(mapHash.prefix(12))…, but those of \(model) are "
        + "\(modelHash.prefix(12))…; use the map that was made for this model."
    case .otherModel(let map, let model, let differences):
      "\(map) was made for another model than \(model): \(differences.joined(separator: "; ")); use the "
        + "map that was made for this model."
    case .brokenTemplate(let name, let reason):
      "The page template \(name) does not parse: \(reason); report this as a bug."
    case .stopped:
      "The measuring was stopped and nothing was written; start it again."
    }
  }

  /// "layer 3", "layers 3, 5 and 7", at most eight named.
  private static func list(_ layers: [Int]) -> String {
    guard layers.count > 1 else { return "layer \(layers.first.map(String.init) ?? "?")" }
    guard layers.count <= 8 else {
      return "\(layers.count) layers (the first is layer \(layers[0]))"
    }
    let head = layers.dropLast().map(String.init).joined(separator: ", ")
    return "layers \(head) and \(layers[layers.count - 1])"
  }
}
