import ModelLoader
import Support

/// How a set of retrieval layers is judged: what it costs to make every layer wholly one kind.
///
/// a: clipped gates; c = 1 for the heads `HeadSet.largest(of:sparsity:)` keeps at the same sparsity;
/// S: the retrieval layers. The first five are the published ones (ZigzagAttention, arXiv 2508.12407,
/// and its variants), ``layerGate`` is LongCat's (arXiv 2512.23966). docs/method.md shows why sorting
/// layers finds the best S of each.
public enum Criterion: Sendable, Hashable {
  /// Σ a over heads kept by the cut that stream, l ∉ S.
  case lost
  /// `lost` minus Σ a over heads dropped by the cut that become retrieval heads, l ∈ S.
  case balance
  /// `lost` minus w times that gain, 0 ≤ w ≤ 10⁶: w = 0 is `lost`, w = 1 `balance`.
  case weighted(Double)
  /// The number of heads that change kind.
  case count
  /// Heads that turn streaming plus w times those that turn retrieval, 0 ≤ w ≤ 10⁶.
  case weightedCount(Double)
  /// Σ over streaming layers of the layer's largest gate.
  case max
  /// Σ over streaming layers of the layer's one gate; needs gates that are equal within a layer.
  case layerGate
  /// The loss of the map itself, measured: not a function of gates, but found by `MapSearch`.
  case search

  /// The names as written in configs and on the command line.
  public static let names = [
    "search", "max", "balance", "lost", "weighted:W", "count", "weighted-count:W", "layer-gate",
  ]

  /// The name without the weight.
  public var name: String {
    switch self {
    case .lost: "lost"
    case .balance: "balance"
    case .weighted: "weighted"
    case .count: "count"
    case .weightedCount: "weighted-count"
    case .max: "max"
    case .layerGate: "layer-gate"
    case .search: "search"
    }
  }

  /// The weight w, where the criterion has one.
  public var weight: Double? {
    switch self {
    case .weighted(let weight), .weightedCount(let weight): weight
    default: nil
    }
  }
}

extension Criterion: CustomStringConvertible, LosslessStringConvertible {
  /// The name, with the weight after a colon: `balance`, `weighted:0.5`.
  public var description: String {
    weight.map { "\(name):\($0)" } ?? name
  }

  /// Reads ``description``; nil if it is none of ``names`` or its weight is not a number in
  /// 0…10⁶.
  public init?(_ description: String) {
    let parts = description.split(
      separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    // Adding 0 makes 0 of −0, which would have a name of its own.
    let weight = parts.count == 2 ? Double(parts[1]).map { $0 + 0 } : nil
    switch (parts.first, parts.count) {
    case ("lost", 1): self = .lost
    case ("balance", 1): self = .balance
    case ("count", 1): self = .count
    case ("max", 1): self = .max
    case ("layer-gate", 1): self = .layerGate
    case ("search", 1): self = .search
    case ("weighted", 2):
      guard let weight, SettingRange.weight.contains(weight) else { return nil }
      self = .weighted(weight)
    case ("weighted-count", 2):
      guard let weight, SettingRange.weight.contains(weight) else { return nil }
      self = .weightedCount(weight)
    default: return nil
    }
  }

  /// Reads a criterion from a config or an option called `option`.
  ///
  /// - Throws: ``GateOptimizerError/option(name:expected:found:)`` that lists the names.
  public init(parsing text: String, option: String = "criterion") throws(GateOptimizerError) {
    guard let criterion = Criterion(text) else {
      throw .option(
        name: option,
        expected: "one of \(Criterion.names.joined(separator: ", ")) with a number W, 0 ≤ W ≤ 10⁶",
        found: "\"\(text)\"")
    }
    self = criterion
  }
}

extension Criterion: Codable {
  /// Reads a criterion by its name, such as `weighted:0.5`.
  ///
  /// - Throws: ``InvalidSetting`` that lists the names there are.
  public init(from decoder: any Decoder) throws {
    let name = try decoder.singleValueContainer().decode(String.self)
    guard let criterion = Criterion(name) else {
      throw InvalidSetting(
        decoder.codingPath.map(settingName),
        "is \(name.shown()); it must be one of \(Criterion.names.joined(separator: ", ")), 0 ≤ W ≤ 10⁶"
      )
    }
    self = criterion
  }

  /// Writes the criterion's name.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
