import Transformer

/// What has a gate of its own while gates are learned, and what a search moves between retrieval and
/// streaming.
public enum MapUnit: String, SettingChoice {
  /// Whole layers, their heads sharing one gate (LoZA, LongCat ZigZag Attention, arXiv 2512.23966).
  case layers
  /// Single key-value heads (DuoAttention).
  case heads

  /// Units in a layer of so many key-value heads.
  public func perLayer(heads: Int) -> Int { self == .layers ? 1 : heads }

  /// The heads of the units that are true in `kept`, in layers of `heads` key-value heads.
  public func heads(of kept: [Bool], perLayer heads: Int) -> HeadSet {
    switch self {
    case .layers: HeadSet(retrievalLayers: kept, heads: heads)
    case .heads:
      HeadSet(stride(from: 0, to: kept.count, by: heads).map { Array(kept[$0..<$0 + heads]) })
    }
  }
}
