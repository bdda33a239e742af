/// `hf_overrides.json` for vLLM: `layer_types` and `sliding_window` over the model's configuration.
struct VLLMExporter: MapExporter {
  let format = ExportFormat.vllm

  func export(_ map: HeadMap) throws -> MapExport {
    let patch = LayerTypesPatch(map, layers: try requireLayers(map))
    var warnings = [
      "Give the file's contents to vLLM as --hf-overrides; its llama and mistral classes honour "
        + "layer_types."
    ]
    warnings += map.sinkWarning(
      target: "vLLM's sliding window",
      remedy: "widen recent, or use a back end that keeps a sink")
    if let type = map.model.modelType, type.hasPrefix("qwen") {
      warnings.append("vLLM honours layer_types for \(type) only with --model-impl transformers.")
    }
    return try result(
      [try ExportedFile(path: "hf_overrides.json", json: patch)], of: map,
      rule: map.slidingRule, warnings: warnings)
  }
}
