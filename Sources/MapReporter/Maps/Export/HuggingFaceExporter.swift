/// `config.patch.json` for Hugging Face transformers 5: `layer_types` and `sliding_window`.
///
/// The keys are to be merged into the model's `config.json`. Window sizes count the current token,
/// as here, so `recent` is carried over unchanged; the sink cannot be expressed.
struct HuggingFaceExporter: MapExporter {
  let format = ExportFormat.huggingFace

  func export(_ map: HeadMap) throws -> MapExport {
    let patch = LayerTypesPatch(map, layers: try requireLayers(map)).forTransformers()
    return try result(
      [try ExportedFile(path: "config.patch.json", json: patch)], of: map,
      rule: map.slidingRule, warnings: warnings(for: map))
  }

  private func warnings(for map: HeadMap) -> [String] {
    var warnings = [
      "Merge config.patch.json into the model's config.json; transformers reads no patch by itself."
    ]
    warnings += map.sinkWarning(
      target: "transformers' sliding_attention",
      remedy:
        "pass attention_mask={\"full_attention\": …, \"sliding_attention\": …} with the exact "
        + "sink and window masks to keep it")
    switch map.model.modelType {
    case "llama":
      warnings.append(
        "transformers' llama ignores layer_types, so the patch loads the same weights as ministral, "
          + "which computes the same when all layers are full.")
    case nil:
      warnings.append(
        "The map does not name its model_type: llama ignores layer_types and qwen needs further "
          + "keys, so check that the layers arrive.")
    case let type? where !LayerTypesPatch.honoured.contains(type):
      warnings.append(
        "Whether transformers' \(type) honours layer_types is not known here: check that the layers "
          + "arrive.")
    default: break
    }
    return warnings
  }
}
