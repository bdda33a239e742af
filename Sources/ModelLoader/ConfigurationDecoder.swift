import Foundation
import Transformer

/// Reads a model's configuration from Hugging Face keys, whichever file they come from, and refuses
/// what the decoder does not compute.
struct ConfigurationDecoder {
  /// Values by Hugging Face key.
  let values: [String: MetadataValue]
  /// The file they come from, for messages.
  let path: String
  /// How that file calls a key, for messages.
  let place: @Sendable (_ key: String) -> String

  /// No size may exceed this, so that no product of two, in bytes, exceeds an Int.
  static let largestSize = 1 << 28
  static let supportedTypes = ["llama", "mistral", "qwen2", "qwen3"]

  /// The configuration, with every size positive and consistent.
  func decode() throws(ModelLoaderError) -> ModelConfiguration {
    let modelType = try text("model_type")
    guard Self.supportedTypes.contains(modelType) else {
      throw .unsupported(
        path: path, place: place("model_type"), found: "\"\(modelType)\"",
        supported: "model_type \(Self.supportedTypes.joined(separator: ", "))")
    }
    try refuseUnsupportedFeatures()
    let queryHeads = try size("num_attention_heads")
    let hidden = try size("hidden_size")
    let isBiased = try flag("attention_bias") ?? (modelType == "qwen2")
    let configuration = ModelConfiguration(
      modelType: modelType,
      layers: try size("num_hidden_layers", atMost: 1 << 16),
      hidden: hidden,
      feedForward: try size("intermediate_size"),
      queryHeads: queryHeads,
      keyValueHeads: try optionalSize("num_key_value_heads") ?? queryHeads,
      headDim: try headDim(hidden: hidden, queryHeads: queryHeads),
      vocabulary: try size("vocab_size"),
      rmsNormEpsilon: Float(try positive("rms_norm_eps", below: 1) ?? 1e-6),
      ropeTheta: try positive("rope_theta", below: 1e15) ?? 10_000,
      ropeScaling: try ropeScaling(),
      maxPositions: try contextLength(modelType: modelType),
      tiedEmbeddings: try flag("tie_word_embeddings") ?? false,
      attentionBias: isBiased,
      queryKeyNorm: modelType == "qwen3")
    try checkHeads(of: configuration)
    return configuration
  }

  private func headDim(hidden: Int, queryHeads: Int) throws(ModelLoaderError) -> Int {
    if let size = try optionalSize("head_dim") { return size }
    guard hidden % queryHeads == 0 else {
      throw invalid(
        "hidden_size", "a multiple of the \(queryHeads) attention heads, or a head_dim", "\(hidden)"
      )
    }
    return hidden / queryHeads
  }

  private func checkHeads(of configuration: ModelConfiguration) throws(ModelLoaderError) {
    let (H, K, D) = (
      configuration.queryHeads, configuration.keyValueHeads, configuration.headDim
    )
    guard H % K == 0 else {
      throw invalid(
        "num_key_value_heads", "a divisor of the \(H) attention heads", "\(K)")
    }
    guard D % 2 == 0 else {
      throw invalid("head_dim", "an even size, since RoPE rotates pairs", "\(D)")
    }
    guard H * D <= Self.largestSize else {
      throw invalid(
        "num_attention_heads", "heads of at most \(Self.largestSize) features together",
        "\(H) heads of \(D)")
    }
  }

  /// The context the model was made for; where a model slides a window over it, the part in which
  /// that window sees everything, since this decoder has no window of the model's own.
  private func contextLength(modelType: String) throws(ModelLoaderError) -> Int {
    let positions = try size("max_position_embeddings")
    let slides = try flag("use_sliding_window") ?? (modelType == "mistral")
    guard slides, let window = try optionalSize("sliding_window") else { return positions }
    return min(positions, window)
  }

  private func refuseUnsupportedFeatures() throws(ModelLoaderError) {
    if let activation = values["hidden_act"]?.text, !["silu", "swish"].contains(activation) {
      throw unsupported("hidden_act", "the activation \"\(activation)\"", "hidden_act \"silu\"")
    }
    if try flag("mlp_bias") == true {
      throw unsupported("mlp_bias", "a bias in the feed-forward block", "mlp_bias false")
    }
    if let factor = values["partial_rotary_factor"]?.real, factor != 1 {
      throw unsupported(
        "partial_rotary_factor", "rotating a part of each head (\(factor))",
        "RoPE over the whole head")
    }
    if values["quantization_config"] != nil {
      throw unsupported(
        "quantization_config", "a quantised checkpoint",
        "float32, float16 or bfloat16 weights, or a .gguf file")
    }
  }

  // MARK: Values

  private func text(_ key: String) throws(ModelLoaderError) -> String {
    guard let value = values[key] else { throw missing(key, "text") }
    guard let text = value.text else { throw invalid(key, "text", value.quoted) }
    return text
  }

  private func flag(_ key: String) throws(ModelLoaderError) -> Bool? {
    guard let value = values[key] else { return nil }
    guard let flag = value.bool else { throw invalid(key, "true or false", value.quoted) }
    return flag
  }

  private func size(
    _ key: String, atMost limit: Int = largestSize
  ) throws(ModelLoaderError) -> Int {
    guard let size = try optionalSize(key, atMost: limit) else {
      throw missing(key, "a whole number")
    }
    return size
  }

  private func optionalSize(
    _ key: String, atMost limit: Int = largestSize
  ) throws(ModelLoaderError) -> Int? {
    guard let value = values[key] else { return nil }
    guard let size = value.integer, size >= 1, size <= limit else {
      throw invalid(key, "a whole number from 1 to \(limit)", value.quoted)
    }
    return size
  }

  private func positive(
    _ key: String, below limit: Double
  ) throws(ModelLoaderError) -> Double? {
    guard let value = values[key] else { return nil }
    guard let number = value.real, number > 0, number < limit else {
      throw invalid(key, "a number above 0 and below \(limit)", value.quoted)
    }
    return number
  }

  // MARK: Errors

  private func missing(_ key: String, _ expected: String) -> ModelLoaderError {
    invalid(key, expected, "nothing")
  }

  func invalid(_ key: String, _ expected: String, _ found: String) -> ModelLoaderError {
    .invalid(
      path: path, place: place(key), expected: expected, found: found,
      fix: "correct the configuration or fetch the model again")
  }

  func unsupported(_ key: String, _ found: String, _ supported: String) -> ModelLoaderError {
    .unsupported(path: path, place: place(key), found: found, supported: supported)
  }
}
