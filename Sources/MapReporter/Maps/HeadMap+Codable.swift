import Support
import Transformer

extension HeadMap: Codable {
  enum CodingKeys: String, CodingKey {
    case schemaVersion = "schema_version"
    case model, window, gates, criterion, sparsity, calibration
    case headFull = "head_full"
    case layerFull = "layer_full"
  }

  /// Writes every key of the format; `layer_full` is null for a map that mixes kinds in a layer.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(Self.schemaVersion, forKey: .schemaVersion)
    try container.encode(model, forKey: .model)
    try container.encode(window, forKey: .window)
    try container.encode(gates, forKey: .gates)
    try container.encode(heads.rows, forKey: .headFull)
    try container.encode(layerFull, forKey: .layerFull)
    try container.encode(criterion, forKey: .criterion)
    try container.encode(sparsity, forKey: .sparsity)
    try container.encode(calibration, forKey: .calibration)
  }

  /// Reads and checks a map; unknown keys are ignored.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let version = try container.decode(Int.self, forKey: .schemaVersion)
    if version != Self.schemaVersion {
      throw ValueFlaw(
        place: "schema_version", expected: "\(Self.schemaVersion), the version this zigzag reads",
        found: "\(version)")
    }
    let sparsity = try container.decode(Sparsity.self, forKey: .sparsity)
    self.init(
      unchecked: try container.decode(Model.self, forKey: .model),
      window: try container.decode(Window.self, forKey: .window),
      gates: try container.decode([[Double]].self, forKey: .gates),
      heads: HeadSet(try container.decode([[Bool]].self, forKey: .headFull)),
      criterion: try container.decode(Criterion.self, forKey: .criterion),
      requestedSparsity: sparsity.requested,
      calibration: try container.decode(Calibration.self, forKey: .calibration))
    let layers = try container.decodeIfPresent([Bool].self, forKey: .layerFull)
    if let flaw = firstFlaw() ?? layerFlaw(layers) ?? achievedFlaw(sparsity.achieved) { throw flaw }
  }

  /// `layer_full` repeats what `head_full` says; a file in which the two differ is damaged.
  private func layerFlaw(_ stated: [Bool]?) -> ValueFlaw? {
    guard let stated else { return nil }
    if stated.count != heads.rows.count {
      return ValueFlaw(
        place: "layer_full", expected: "\(heads.rows.count) values, one per layer",
        found: "\(stated.count)")
    }
    for (layer, isFull) in stated.enumerated() where heads.rows[layer].contains(!isFull) {
      return ValueFlaw(
        place: "layer_full[\(layer)]",
        expected: "what head_full[\(layer)] says (null if a layer mixes kinds)",
        found: "\(isFull)")
    }
    return nil
  }

  private func achievedFlaw(_ stated: Double) -> ValueFlaw? {
    abs(stated - sparsity.achieved) < 1e-6
      ? nil
      : ValueFlaw(
        place: "sparsity.achieved", expected: "head_full's share of false, \(sparsity.achieved)",
        found: "\(stated)")
  }
}
