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
