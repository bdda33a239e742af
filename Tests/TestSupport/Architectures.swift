import Transformer

/// The architectures the tests run: tiny ones of each kind.
public enum Architectures {
  /// Grouped heads, H ≠ K.
  public static let llama = ModelConfiguration(
    modelType: "llama", layers: 3, hidden: 24, feedForward: 40, queryHeads: 6, keyValueHeads: 2,
    headDim: 6, vocabulary: 50, maxPositions: 512)
  /// Biases.
  public static let qwen2 = ModelConfiguration(
    modelType: "qwen2", layers: 2, hidden: 20, feedForward: 33, queryHeads: 3, keyValueHeads: 3,
    headDim: 8, vocabulary: 50, maxPositions: 512, attentionBias: true)
  /// Norms of each head.
  public static let qwen3 = ModelConfiguration(
    modelType: "qwen3", layers: 3, hidden: 18, feedForward: 30, queryHeads: 4, keyValueHeads: 2,
    headDim: 10, vocabulary: 50, maxPositions: 512, queryKeyNorm: true)
  /// All of them.
  public static let all = [llama, qwen2, qwen3]
}
