/// `swaa.json`, the arguments of SWAAConfig in sliding-window-attention-adaptation.
///
/// Listed layers keep full attention; the others keep the sink (`keep_first`) and a window that
/// counts the current token, also while decoding (`force_fa_decode` false).
struct SWAAExporter: MapExporter {
  let format = ExportFormat.swaa
  /// Model types its patch for transformers knows.
  static let supported: Set<String> = ["llama", "qwen2", "qwen3", "qwen3_moe"]

  func export(_ map: HeadMap) throws -> MapExport {
    let layers = try requireLayers(map)
    let arguments = Arguments(
      sliding_window_size: map.window.recent, keep_first: map.window.sink, force_fa_decode: false,
      non_sliding_layers: layers.indices.filter { layers[$0] })
    var warnings = [
      "Build SWAAConfig from the file's keys and set it as model.config.swaa_config; it needs that "
        + "project's own flash-attention."
    ]
    if let type = map.model.modelType, !Self.supported.contains(type) {
      warnings.append("SWAA's patch does not know \(type).")
    }
    return try result(
      [try ExportedFile(path: "swaa.json", json: arguments)], of: map,
      rule: map.exactRule, warnings: warnings)
  }

  private struct Arguments: Encodable {
    let sliding_window_size: Int
    let keep_first: Int
    let force_fa_decode: Bool
    let non_sliding_layers: [Int]
  }
}
