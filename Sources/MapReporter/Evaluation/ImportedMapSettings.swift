import Foundation
import GateOptimizer
import Transformer

/// Gates or a map from elsewhere: an entry of `evaluation.maps`.
public struct ImportedMapSettings: Codable, Sendable, Equatable {
  /// Names it in tables and figures; without ":".
  public var name: String
  /// A gate table in DuoAttention's format, or a headmap.json.
  public var file: String

  /// A file under a name.
  public init(name: String, file: String) {
    self.name = name
    self.file = file
  }

  private enum CodingKeys: String, SettingKey {
    case name
    case file
  }

  /// Reads name and file.
  public init(from decoder: any Decoder) throws {
    let given = try decoder.strictContainer(keyedBy: CodingKeys.self)
    name = try given.decode(String.self, forKey: .name)
    file = try given.decode(String.self, forKey: .file)
  }

  /// Refuses an entry without a usable name.
  ///
  /// - Throws: `InvalidSetting` for the first thing that is wrong.
  func validate() throws(InvalidSetting) {
    try requireSetting(
      !name.isEmpty && !name.contains(":"), CodingKeys.name,
      "is \"\(name)\"; give a name without a colon")
    try requireSetting(!file.isEmpty, CodingKeys.file, "is empty; name a file")
  }
}

/// What an imported file holds.
enum ImportedMap: Sendable {
  /// Gates, to be cut at every sparsity.
  case gates(GateMatrix)
  /// A finished map: kinds of heads, (L, K).
  case map([[Bool]])

  /// Reads a headmap.json or a table; a table of zeros and ones is a finished map.
  ///
  /// - Throws: ``MapReporterError`` or `GateOptimizerError` for a damaged file, ``RunError`` for one of
  ///   another shape than (`layers`, `heads`).
  init(_ settings: ImportedMapSettings, layers: Int, heads: Int) throws {
    let found: (layers: Int, heads: Int)
    if settings.file.hasSuffix(".json") {
      let map = try HeadMap.read(from: URL(fileURLWithPath: settings.file))
      self = .map(map.headFull)
      found = (map.model.layers, map.model.keyValueHeads)
    } else {
      let gates = try GateMatrix(contentsOf: settings.file)
      found = (gates.layers, gates.heads)
      let isMap = gates.values.allSatisfy { $0 == 0 || $0 == 1 }
      self =
        isMap ? .map((0..<gates.layers).map { gates[layer: $0].map { $0 == 1 } }) : .gates(gates)
    }
    try requireShape((layers, heads), found: found, path: settings.file)
  }
}

/// Refuses gates or a map in the file at `path` that are not of the model's shape.
func requireShape(
  _ model: (layers: Int, heads: Int), found: (layers: Int, heads: Int), path: String
) throws(RunError) {
  guard found == model else {
    throw .malformed(
      path: path,
      problem:
        "it is for \(found.layers) layers × \(found.heads) key-value heads, but the model has "
        + "\(model.layers) × \(model.heads); take the file that was made for this model")
  }
}
