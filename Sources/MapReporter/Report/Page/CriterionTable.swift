import Support

/// Accuracy per method at about 25, 50 and 75 %: a row per method, random draws as median and range.
struct CriterionTable {
  struct Cell {
    let value: String
    let range: String
    let isBest: Bool
  }

  struct Row {
    let name: String
    let kind: String
    let cells: [Cell]
  }

  struct Column {
    let title: String
    /// The sparsity that the layers allow, where it is another one.
    let possible: String?
    let span: Int
  }

  let columns: [Column]
  let metrics: [String]
  let rows: [Row]
  let isEmpty: Bool
  /// How many samples the intervals are over, in words.
  let samples: String

  private static let targets = [0.25, 0.5, 0.75]

  /// A table of one task's points.
  init(_ points: [CurvePoint]) {
    samples = points.samples
    let sparsities = Self.sparsities(points)
    let shown = CurveMetric.scored(in: points)
    columns = sparsities.map { sparsity in
      let possible = points.first {
        $0.requestedSparsity == sparsity && $0.method.isLayerExclusive
      }.map { shortPercent($0.achievedSparsity) }
      let title = shortPercent(sparsity)
      return Column(
        title: title, possible: possible == title ? nil : possible, span: shown.count)
    }
    metrics = sparsities.flatMap { _ in shown.map(\.shortTitle) }
    let keys = sparsities.flatMap { sparsity in shown.map { Key(sparsity: sparsity, metric: $0) } }
    let best = keys.map { Self.best(points, $0) }
    rows = Self.methods(points).map { method in
      Row(
        name: method.title, kind: Self.kind(method),
        cells: zip(keys, best).map { Self.cell(points, method, $0, best: $1) })
    }
    isEmpty = sparsities.isEmpty
  }

  private struct Key {
    let sparsity: Double
    let metric: CurveMetric
  }

  /// The requested sparsities nearest to the targets, the higher one where two are as near.
  private static func sparsities(_ points: [CurvePoint]) -> [Double] {
    let swept = points.filter { isSwept($0.method) }
    // Random draws may be few: the maps say which columns there are.
    let maps = swept.filter { $0.method.isLayerExclusive }
    let tried = Set((maps.isEmpty ? swept : maps).map(\.requestedSparsity))
    let nearest = targets.compactMap { target in
      tried.min { left, right in
        let (near, far) = (abs(left - target), abs(right - target))
        return abs(near - far) < 1e-9 ? left > right : near < far
      }
    }
    return nearest.distinct
  }

  /// Whether a method has a value for each sparsity, unlike full and all streaming.
  private static func isSwept(_ method: CurveMethod) -> Bool {
    switch method {
    case .full, .streaming, .imported(_, nil): false
    default: true
    }
  }

  /// References around the rest: full first, then maps, random draws, all streaming last.
  private static func methods(_ points: [CurvePoint]) -> [CurveMethod] {
    let names = points.map(\.method).distinct
    let order: [(CurveMethod) -> Bool] = [
      { $0 == .full }, { !isEnd($0) && !$0.isRandom }, \.isRandom, { $0 == .streaming },
    ]
    return order.flatMap { belongs in names.filter { belongs($0) } }
  }

  private static func isEnd(_ method: CurveMethod) -> Bool {
    method == .full || method == .streaming
  }

  private static func kind(_ method: CurveMethod) -> String {
    if !isSwept(method) { return "reference" }
    return method.isRandom ? "random" : "map"
  }

  private static func estimates(
    _ points: [CurvePoint], _ method: CurveMethod, _ key: Key
  ) -> [Estimate] {
    let isSwept = isSwept(method)
    return points.filter { point in
      point.method == method
        && (!isSwept || abs(point.requestedSparsity - key.sparsity) < 1e-9)
    }.compactMap { $0.estimate(key.metric) }
  }

  /// The best layer-exclusive value of a column.
  private static func best(_ points: [CurvePoint], _ key: Key) -> Double? {
    let values = points.filter { $0.method.isLayerExclusive }.map(\.method)
      .flatMap { estimates(points, $0, key) }.map(\.value)
    return key.metric.isShare ? values.max() : values.min()
  }

  private static func cell(
    _ points: [CurvePoint], _ method: CurveMethod, _ key: Key, best: Double?
  ) -> Cell {
    let found = estimates(points, method, key)
    let values = found.map(\.value).sorted()
    guard let first = found.first, let low = values.first, let high = values.last else {
      return Cell(value: "–", range: "", isBest: false)
    }
    if method.isRandom {
      return Cell(
        value: key.metric.text(Bootstrap.quantile(0.5, of: values)),
        range: "\(key.metric.text(low)) … \(key.metric.text(high))", isBest: false)
    }
    return Cell(
      value: key.metric.text(first.value),
      range: first.range(key.metric.text),
      isBest: method.isLayerExclusive && first.value == best)
  }
}
