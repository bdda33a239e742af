/// `gguf_metadata.json`: the keys of a GGUF file that make single layers slide, with their types.
///
/// `{arch}.attention.sliding_window` counts the current token; of
/// `{arch}.attention.sliding_window_pattern`, one truth value per layer, true is **sliding**.
struct GGUFExporter: MapExporter {
  let format = ExportFormat.gguf

  func export(_ map: HeadMap) throws -> MapExport {
    let layers = try requireLayers(map)
    guard let type = map.model.modelType else {
      throw MapReporterError.notExpressible(
        format: format.rawValue,
        reason: "its keys begin with the model's architecture, and the map does not name its "
          + "model_type; name the model with --model")
    }
    let prefix = "\(Self.architecture(of: type)).attention.sliding_window"
    let metadata = [
      prefix: Entry(type: "UINT32", value: .size(map.window.recent)),
      "\(prefix)_pattern": Entry(type: "ARRAY of BOOL", value: .layers(layers.map { !$0 })),
    ]
    return try result(
      [try ExportedFile(path: "gguf_metadata.json", json: metadata)], of: map,
      rule: map.slidingRule, warnings: warnings(for: map, type: type))
  }

  /// GGUF's name for the architecture of a Hugging Face model type.
  static func architecture(of type: String) -> String {
    switch type {
    case "mistral", "llama": "llama"
    case "olmo3": "olmo2"
    default: type.filter { $0 != "_" }
    }
  }

  private func warnings(for map: HeadMap, type: String) -> [String] {
    let warnings = [
      "Write the two keys into a copy of the GGUF file (with gguf's Python package; --override-kv "
        + "takes no arrays); in the pattern true is sliding.",
      "llama.cpp reads the pattern of few architectures, such as gemma4 and step35, and ignores it in "
        + "silence for others, llama, qwen2 and qwen3 among them: check that "
        + "\(Self.architecture(of: type)) honours it.",
    ]
    return warnings
      + map.sinkWarning(
        target: "llama.cpp's sliding window", remedy: "widen recent to lose less")
  }

  private struct Entry: Encodable {
    let type: String
    let value: Value
  }

  private enum Value: Encodable {
    case size(Int)
    case layers([Bool])

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .size(let size): try container.encode(size)
      case .layers(let layers): try container.encode(layers)
      }
    }
  }
}
