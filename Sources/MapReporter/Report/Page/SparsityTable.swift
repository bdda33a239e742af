import Support

/// The first metric at every sparsity that was asked for: a row each, with the nearest that the model's layers
/// allow.
struct SparsityTable {
  struct Cell {
    let value: String
    let isBest: Bool
  }

  struct Row {
    let asked: String
    let possible: String
    let cells: [Cell]
  }

  let metric: String
  let methods: [String]
  let rows: [Row]
  /// Whether there is nothing that the table of a few sparsities does not say.
  let isEmpty: Bool

  /// A table of one task's points; `layers` of the model, where it is known.
  init(_ points: [CurvePoint], layers: Int?) {
    let metric = CurveMetric.scored(in: points).first
    let shown = points.map(\.method).filter(Self.isShown).distinct
    let own = points.filter { shown.contains($0.method) }
    let asked = Set(own.map(\.requestedSparsity)).sorted()
    self.metric = metric.map { $0.isShare ? "\($0.title.lowercasedFirst) in %" : $0.title } ?? ""
    methods = shown.map(\.title)
    rows = asked.map { sparsity in
      let here = own.filter { abs($0.requestedSparsity - sparsity) < 1e-9 }
      let values = shown.map { method in
        here.first { $0.method == method }.flatMap { point in
          metric.flatMap { point.estimate($0)?.value }
        }
      }
      return Row(
        asked: shortPercent(sparsity),
        possible: Self.possible(here.first { $0.method.isLayerExclusive }, layers),
        cells: Self.cells(values, shown, metric))
    }
    isEmpty = metric == nil || rows.isEmpty
  }

  /// The run's own maps.
  private static func isShown(_ method: CurveMethod) -> Bool {
    method.isLayerExclusive || method == .headMixed || method == .searchedHeads
  }

  private static func possible(_ point: CurvePoint?, _ layers: Int?) -> String {
    guard let share = point?.achievedSparsity else { return "–" }
    let count = layers.map { ": \(Int((share * Double($0)).rounded())) of \($0) layers" } ?? ""
    return shortPercent(share) + count
  }

  private static func cells(
    _ values: [Double?], _ methods: [CurveMethod], _ metric: CurveMetric?
  ) -> [Cell] {
    guard let metric else { return [] }
    let layers = zip(values, methods).filter { $1.isLayerExclusive }
      .compactMap { $0.0 }
    let best = metric.isShare ? layers.max() : layers.min()
    return zip(values, methods).map { value, method in
      Cell(
        value: value.map(metric.text) ?? "–",
        isBest: layers.count > 1 && value != nil && value == best
          && method.isLayerExclusive)
    }
  }
}

/// A sparsity that was asked for, and in brackets the one that the layers allow where it is another.
func askedSparsity(_ requested: Double, possible: Double?) -> String {
  let asked = shortPercent(requested)
  guard let possible, shortPercent(possible) != asked else { return asked }
  return "\(shortPercent(possible)) (asked for: \(asked))"
}
