/// A way to score heads that the field has published.
public enum ScoreMethod: String, SettingChoice {
  /// How often a head copies what is generated from the needle (arXiv 2404.15574).
  case retrievalHead = "retrieval-head"
  /// What gold documents get from a query by a query head, faint tokens left out (QRHead, arXiv 2506.09944).
  case queryFocused = "qrhead"
  /// The same with all tokens (arXiv 2605.27243).
  case multimodal
  /// What the needle gets from the last rows (EHPC, arXiv 2501.12959).
  case evaluator
  /// The largest weight of a key while the context is repeated (KVzip, arXiv 2505.23416).
  case repetition = "kvzip"
  /// How far the mean query looks back over copies of the mean key (kvpress, pull request 63).
  case meanQueryKey = "mean-qk"
  /// What a layer gains when it alone sees everything, by KL divergence (arXiv 2606.27791).
  case oneLayerBack = "one-layer-back"
  /// The same by likelihood.
  case oneLayerBackLikelihood = "one-layer-back-nll"
  /// The share of attention that a streaming head would not see (arXiv 2410.13846).
  case lazy

  /// Words for a legend.
  public var title: String {
    switch self {
    case .retrievalHead: "Retrieval heads"
    case .queryFocused: "QRHead"
    case .multimodal: "MMRetHead"
    case .evaluator: "Evaluator heads"
    case .repetition: "KVzip"
    case .meanQueryKey: "Mean q, mean k"
    case .oneLayerBack: "One layer back, KL"
    case .oneLayerBackLikelihood: "One layer back, NLL"
    case .lazy: "Lazy attention"
    }
  }

  /// Whether heads of a layer have scores of their own.
  public var ranksHeads: Bool { self != .oneLayerBack && self != .oneLayerBackLikelihood }

  /// Whether it asks on embeddings, too: what it looks at needs no tokens.
  public var asksOnEmbeddings: Bool {
    switch self {
    case .queryFocused, .multimodal, .evaluator, .repetition, .meanQueryKey: true
    case .retrievalHead, .oneLayerBack, .oneLayerBackLikelihood, .lazy: false
    }
  }

  /// Whether it is of questions on documents; the others are of the samples that maps are searched or gates learned on.
  public var asksOnDocuments: Bool {
    switch self {
    case .oneLayerBack, .oneLayerBackLikelihood, .lazy: false
    default: true
    }
  }
}
