/// `mlx_config.patch.json` for mlx-lm: `layer_types` and `sliding_window`, merged into `config.json`.
///
/// mlx-lm's sliding window counts the current token and its rotating caches keep no sink.
struct MLXExporter: MapExporter {
  let format = ExportFormat.mlx
  /// Model types whose class in mlx-lm reads `layer_types`; mistral is loaded by llama's.
  static let honoured: Set<String> = ["llama", "mistral", "ministral3", "olmo3"]

  func export(_ map: HeadMap) throws -> MapExport {
    let layers = try requireLayers(map)
    guard layers.contains(true) else {
      throw MapReporterError.notExpressible(
        format: format.rawValue,
        reason: "mlx-lm fails on a layer_types without full_attention; keep at least one retrieval "
          + "layer")
    }
    guard map.model.modelType != "olmo3" || layers.contains(false) else {
      throw MapReporterError.notExpressible(
        format: format.rawValue,
        reason: "mlx-lm's olmo3 fails on a layer_types without sliding_attention; let at least one "
          + "layer stream")
    }
    let patch = Patch(
      layer_types: layers.map { $0 ? "full_attention" : "sliding_attention" },
      sliding_window: map.window.recent)
    return try result(
      [try ExportedFile(path: "mlx_config.patch.json", json: patch)], of: map,
      rule: map.slidingRule, warnings: warnings(for: map))
  }

  private func warnings(for map: HeadMap) -> [String] {
    var warnings = ["Merge mlx_config.patch.json into the config.json of the MLX model."]
    warnings += map.sinkWarning(
      target: "mlx-lm's sliding window", remedy: "widen recent to lose less")
    switch map.model.modelType {
    case nil:
      warnings.append(
        "The map does not name its model_type: mlx-lm ignores layer_types in silence but for "
          + "\(Self.honoured.sorted().joined(separator: ", ")).")
    case let type? where !Self.honoured.contains(type):
      warnings.append(
        "mlx-lm ignores layer_types in silence for \(type); it reads them for "
          + "\(Self.honoured.sorted().joined(separator: ", ")).")
    default: break
    }
    return warnings
  }

  private struct Patch: Encodable {
    let layer_types: [String]
    let sliding_window: Int
  }
}
