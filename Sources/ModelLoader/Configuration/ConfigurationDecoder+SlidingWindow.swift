import Support

extension ConfigurationDecoder {
  /// The window that some layers slide over the context, or nil if none does.
  ///
  /// This decoder has no window of the model's own, so the context is limited to the part in which
  /// that window sees everything. Qwen's layers slide where `use_sliding_window` is true, from layer
  /// `max_window_layers` on or as `layer_types` lists them; all layers of a Mistral do unless
  /// `sliding_window` is null; Llama's do not.
  func slidingWindow(
    modelType: String, layers: Int, positions: Int, _ defaults: FamilyDefaults,
    _ warnings: inout ConfigurationWarnings
  ) throws(FileError) -> Int? {
    let listed = try layerTypes(count: layers)
    let isListed = listed?.contains(Self.sliding) ?? false
    let isOn = try flag("use_sliding_window")
    let stated = try optionalSize("sliding_window")
    let window = values["sliding_window"] == nil ? defaults.slidingWindow : stated
    let slides: Bool
    switch modelType {
    case "mistral":
      slides = window != nil
      if slides, isOn == false || listed.map({ !$0.contains(Self.sliding) }) == true {
        warnings.sentences.append(
          "a mistral slides its window over all layers, whatever use_sliding_window and layer_types "
            + "say, as in transformers; set sliding_window to null if it does not")
      }
    case "llama":
      slides = isOn == true && window != nil
      if isOn == nil, source == .configJSON, stated != nil {
        warnings.sentences.append(
          "sliding_window is not used, since a llama has no window, as in transformers")
      }
    default:
      let first = try firstSlidingLayer(defaults)
      slides = isOn == true && window != nil && (listed.map { _ in isListed } ?? (first < layers))
    }
    if isListed && !slides {
      throw invalid(
        "layer_types", "no \"\(Self.sliding)\" where no window is switched on",
        "\"\(Self.sliding)\" in layer_types")
    }
    guard slides, let window else { return nil }
    if window < positions, source != .modelFile {
      warnings.sentences.append(
        "the context is limited to \(window) of \(positions) tokens, the model's own sliding window, "
          + "in which it sees everything")
    }
    return window
  }

  private static let sliding = "sliding_attention"

  /// `max_window_layers`, which may exceed the number of layers or be 0.
  private func firstSlidingLayer(_ defaults: FamilyDefaults) throws(FileError) -> Int {
    guard let value = present("max_window_layers") else { return defaults.maxWindowLayers }
    guard let first = value.integer, first >= 0 else {
      throw invalid("max_window_layers", "a whole number from 0 on", value.quoted)
    }
    return first
  }

  /// The kind of each layer, or nil if the file does not list them.
  private func layerTypes(count: Int) throws(FileError) -> [String]? {
    let key = "layer_types"
    guard let value = present(key) else { return nil }
    guard case .texts(let types) = value else {
      throw invalid(key, "a list of texts, one per layer", value.quoted)
    }
    // Where no layer slides, a list of another length changes nothing, and the weights say how many there are.
    guard types.count == count || !types.contains(Self.sliding) else {
      throw invalid(key, "\(count) texts, one per layer", "\(types.count)")
    }
    // transformers reads "attention" as "full_attention".
    let known = ["full_attention", "attention", Self.sliding]
    if let other = types.first(where: { !known.contains($0) }) {
      throw unsupported(
        key, "a layer of the type \"\(other)\"", "layers of full_attention")
    }
    return types
  }
}
