import GateOptimizer

/// How a map was made.
///
/// Its name is text in tables alone.
public indirect enum CurveMethod: Sendable, Hashable {
  /// Full attention everywhere.
  case full
  /// Every head streams.
  case streaming
  /// DuoAttention's cut, head by head.
  case headMixed
  /// Whole layers, chosen by a criterion.
  case layers(Criterion)
  /// Single heads, searched on the loss.
  case searchedHeads
  /// A baseline drawn with a seed: random layers, or random heads.
  case random(of: String)
  /// A baseline that needs no gates.
  case baseline(Baseline)
  /// Gates or a map from elsewhere, under the name the configuration gives them; `method` tells how
  /// gates became maps, and is nil for a finished map.
  case imported(name: String, method: CurveMethod?)
  /// Maps of the scores that a method gives heads; the second tells how scores became maps.
  case scored(ScoreMethod, CurveMethod)
  /// Anything else, by its name.
  case other(String)

  /// Reads a method name as curves.csv has it.
  public init(_ name: String) {
    switch name {
    case "full": self = .full
    case "streaming", "all-streaming": self = .streaming
    case "head-mixed": self = .headMixed
    case "heads:search": self = .searchedHeads
    case _ where name.hasPrefix("random-"):
      self = .random(of: String(name.dropFirst("random-".count)))
    case _ where name.utf8.starts(with: "imported:".utf8):
      // By scalars: a combining mark behind a colon makes one character of both.
      let parts = name.unicodeScalars.split(
        separator: ":", maxSplits: 2, omittingEmptySubsequences: false
      ).map { String($0) }
      self = .imported(name: parts[1], method: parts.count > 2 ? CurveMethod(parts[2]) : nil)
    case _ where name.hasPrefix("score:"):
      let parts = name.split(separator: ":", maxSplits: 2).map { String($0) }
      guard parts.count == 3, let method = ScoreMethod(rawValue: parts[1]) else {
        self = .other(name)
        return
      }
      self = .scored(method, CurveMethod(parts[2]))
    default:
      if name.hasSuffix("-layers"), let baseline = Baseline(rawValue: String(name.dropLast(7))) {
        self = .baseline(baseline)
      } else if name.hasPrefix("layer:"), let criterion = Criterion(String(name.dropFirst(6))) {
        self = .layers(criterion)
      } else {
        self = .other(name)
      }
    }
  }

  /// The name in curves.csv.
  public var name: String {
    switch self {
    case .full: "full"
    case .streaming: "streaming"
    case .headMixed: "head-mixed"
    case .searchedHeads: "heads:search"
    case .layers(let criterion): "layer:\(criterion.description)"
    case .random(let what): "random-\(what)"
    case .baseline(let baseline): "\(baseline.rawValue)-layers"
    case .imported(let name, let method): "imported:\(name)" + (method.map { ":\($0.name)" } ?? "")
    case .scored(let scores, let method): "score:\(scores.rawValue):\(method.name)"
    case .other(let name): name
    }
  }

  /// The name without a criterion's weight, by which figures choose a colour.
  var family: String {
    if case .layers(let criterion) = self { "layer:\(criterion.name)" } else { name }
  }

  /// Words for a legend.
  public var title: String {
    switch self {
    case .full: "Full attention"
    case .streaming: "All streaming"
    case .headMixed: "Single heads (head-mixed)"
    case .searchedHeads: "Single heads by search"
    case .layers(let criterion): "Layers by \(criterion.description)"
    case .random(let what): "Random \(what)"
    case .baseline(let baseline): baseline.title
    case .imported(let name, let method):
      method.map { "\(name): \($0.title.lowercasedFirst)" } ?? name
    case .scored(let scores, .headMixed): "\(scores.title): heads"
    case .scored(let scores, let method): "\(scores.title): \(method.title.lowercasedFirst)"
    case .other(let name): name
    }
  }

  /// The method of maps that were searched.
  package static func searched(_ unit: MapUnit) -> CurveMethod {
    unit == .layers ? .layers(.search) : .searchedHeads
  }

  /// Whether the method decides layer by layer with a criterion, so that it can be recommended.
  public var isLayerExclusive: Bool {
    if case .layers = self { return true }
    return false
  }

  /// False for layers by a criterion that is not among `criteria`; nil stands for all of them.
  package func isMeasured(with criteria: [Criterion]?) -> Bool {
    guard case .layers(let criterion) = self, let criteria else { return true }
    return criteria.contains(criterion)
  }

  /// The scores that the method's maps are made of; nil for all others.
  package var scores: ScoreMethod? {
    if case .scored(let scores, _) = self { scores } else { nil }
  }

  /// Whether the method is a random baseline.
  public var isRandom: Bool {
    if case .random = self { return true }
    return false
  }
}

extension Sequence where Element: Hashable {
  /// Each element once, in the order in which they first appear.
  package var distinct: [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}
