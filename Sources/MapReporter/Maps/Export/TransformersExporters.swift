/// The keys of a Hugging Face configuration that make single layers slide; nil keys are left out.
struct LayerTypesPatch: Encodable {
  var layerTypes: [String]
  var slidingWindow: Int
  var useSlidingWindow: Bool?
  var maxWindowLayers: Int?
  var modelType: String?
  var architectures: [String]?
  private let sourceType: String?

  /// Model types whose layers transformers 5 builds by `layer_types`, some with a switch of their own.
  static let honoured: Set<String> = [
    "ministral", "mistral", "smollm3", "olmo3", "qwen2", "qwen3",
  ]

  /// The patch that holds for every family.
  init(_ map: HeadMap, layers: [Bool]) {
    layerTypes = layers.map { $0 ? "full_attention" : "sliding_attention" }
    slidingWindow = map.window.recent
    sourceType = map.model.modelType
    useWindowSwitch()
  }

  /// Qwen and SmolLM3 slide only when switched on; Qwen also counts layers from the bottom.
  private mutating func useWindowSwitch() {
    switch sourceType {
    case "qwen2", "qwen3":
      useSlidingWindow = true
      maxWindowLayers = layerTypes.count
    case "smollm3": useSlidingWindow = true
    default: break
    }
  }

  /// The patch for transformers, where llama's weights must be loaded as ministral's.
  func forTransformers() -> LayerTypesPatch {
    guard sourceType == "llama" else { return self }
    var patch = self
    patch.modelType = "ministral"
    patch.architectures = ["MinistralForCausalLM"]
    return patch
  }

  enum CodingKeys: String, CodingKey {
    case architectures
    case layerTypes = "layer_types"
    case maxWindowLayers = "max_window_layers"
    case modelType = "model_type"
    case slidingWindow = "sliding_window"
    case useSlidingWindow = "use_sliding_window"
  }
}

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
      warnings: warnings(for: map))
  }

  private func warnings(for map: HeadMap) -> [String] {
    var warnings = [
      "Merge config.patch.json into the model's config.json; transformers reads no patch by itself."
    ]
    // Masks are of a kind of layer: they would replace the model's own windows, too.
    if map.window.deployment != map.deployment(in: .huggingFace), map.hasStreaming,
      map.model.ownWindows == nil
    {
      warnings.append(
        "transformers computes the map as it is where attention_mask={\"full_attention\": …, "
          + "\"sliding_attention\": …} gives the exact masks.")
    }
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

/// `hf_overrides.json` for vLLM: `layer_types` and `sliding_window` over the model's configuration.
struct VLLMExporter: MapExporter {
  let format = ExportFormat.vllm

  func export(_ map: HeadMap) throws -> MapExport {
    let patch = LayerTypesPatch(map, layers: try requireLayers(map))
    var warnings = [
      "Give the file's contents to vLLM as --hf-overrides; its llama and mistral classes honour "
        + "layer_types."
    ]
    if let type = map.model.modelType, type.hasPrefix("qwen") {
      warnings.append("vLLM honours layer_types for \(type) only with --model-impl transformers.")
    }
    return try result(
      [try ExportedFile(path: "hf_overrides.json", json: patch)], of: map,
      warnings: warnings)
  }
}

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
      warnings: warnings(for: map))
  }

  private func warnings(for map: HeadMap) -> [String] {
    var warnings = ["Merge mlx_config.patch.json into the config.json of the MLX model."]
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
      warnings: warnings)
  }

  private struct Arguments: Encodable {
    let sliding_window_size: Int
    let keep_first: Int
    let force_fa_decode: Bool
    let non_sliding_layers: [Int]
  }
}
