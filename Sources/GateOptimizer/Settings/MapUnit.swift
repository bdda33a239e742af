/// What has a gate of its own while gates are learned, and what a search moves between retrieval and
/// streaming.
public enum MapUnit: String, SettingChoice {
  /// Whole layers, their heads sharing one gate (LoZA, LongCat ZigZag Attention, arXiv 2512.23966).
  case layers
  /// Single key-value heads (DuoAttention).
  case heads

  /// Units in a layer of so many key-value heads.
  public func perLayer(heads: Int) -> Int { self == .layers ? 1 : heads }

  /// A flag per unit as one per layer and key-value head, (L, K).
  public func isRetrieval(_ kept: [Bool], heads: Int) -> [[Bool]] {
    switch self {
    case .layers: kept.map { Array(repeating: $0, count: heads) }
    case .heads:
      stride(from: 0, to: kept.count, by: heads).map { Array(kept[$0..<$0 + heads]) }
    }
  }
}
