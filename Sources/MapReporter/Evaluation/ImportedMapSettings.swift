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
  init(contentsOf file: String, layers: Int, heads: Int) throws {
    let found: (layers: Int, heads: Int)
    if file.hasSuffix(".json") {
      let map = try HeadMap.read(from: URL(fileURLWithPath: file))
      self = .map(map.headFull)
      found = (map.model.layers, map.model.keyValueHeads)
    } else {
      let gates = try GateMatrix(contentsOf: file)
      found = (gates.layers, gates.heads)
      let isMap = gates.values.allSatisfy { $0 == 0 || $0 == 1 }
      self =
        isMap ? .map((0..<gates.layers).map { gates[layer: $0].map { $0 == 1 } }) : .gates(gates)
    }
    guard found == (layers, heads) else {
      throw RunError.malformed(
        path: file,
        problem:
          "it is for \(found.layers) layers × \(found.heads) key-value heads, but the model has "
          + "\(layers) × \(heads); take the file that was made for this model")
    }
  }

  /// The gates; of a map 1 for retrieval heads and 0 for streaming heads, (L, K).
  var asGates: GateMatrix {
    switch self {
    case .gates(let gates): gates
    case .map(let isRetrieval):
      GateMatrix(
        layers: isRetrieval.count, heads: isRetrieval[0].count,
        values: isRetrieval.joined().map { $0 ? 1 : 0 })
    }
  }
}
