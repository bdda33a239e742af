import GateOptimizer

/// A way to choose layers without learned gates, to be measured against.
public enum Baseline: String, SettingChoice {
  /// Streaming layers spread evenly over the model.
  case alternating
  /// The first layers are retrieval layers.
  case first
  /// The last layers are retrieval layers.
  case last
  /// The layers stream whose attention falls most on what a streaming head sees (LightTransfer, arXiv
  /// 2410.13846).
  case lazy

  /// Words for a legend.
  var title: String {
    switch self {
    case .alternating: "Alternating layers"
    case .first: "First layers retrieve"
    case .last: "Last layers retrieve"
    case .lazy: "Lazy layers stream"
    }
  }

  /// Which of `layers` layers are retrieval layers when `streaming` of them stream; nil where that
  /// depends on the model.
  ///
  /// Alternating: layer l streams iff ⌊(l + 1)·n/L⌋ > ⌊l·n/L⌋ for n of L.
  package func retrievalLayers(of layers: Int, streaming: Int) -> [Bool]? {
    switch self {
    case .alternating:
      (0..<layers).map { ($0 + 1) * streaming / layers == $0 * streaming / layers }
    case .first: (0..<layers).map { $0 < layers - streaming }
    case .last: (0..<layers).map { $0 >= streaming }
    case .lazy: nil
    }
  }
}
