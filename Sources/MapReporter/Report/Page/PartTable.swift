import Support

/// A task of several tasks at several lengths, such as RULER's: the average by length, and each by map.
struct PartTable {
  struct Cell {
    let value: String
    let range: String
  }

  struct Row {
    let name: String
    let cells: [Cell]
  }

  /// Words for the metric.
  let metric: String
  /// Lengths in tokens.
  let lengths: [String]
  /// A row for each map: averages over the tasks, by length.
  let averages: [Row]
  /// The maps of ``averages``, heads of columns.
  let maps: [String]
  /// A row for each task: averages over the lengths, by map.
  let parts: [Row]
  /// Whether the task has no such places; the template sees stored properties alone.
  let isEmpty: Bool

  /// A map that is shown.
  private struct Shown: Hashable {
    let method: CurveMethod
    let sparsity: Double

    var title: String {
      method == .full || method == .streaming
        ? method.title : "\(method.title), \(shortPercent(sparsity))"
    }
  }

  /// The tables of the points of `task`.
  init(_ points: [PlacePoint], task: String) {
    let own = points.filter { point in
      guard point.task == task, point.seed == nil, case .task = point.place else { return false }
      // Where all layers retrieve, or stream, maps do not differ.
      let isEnd = point.requestedSparsity == 0 || point.requestedSparsity == 1
      return !isEnd || point.method == .full || point.method == .streaming
    }
    let scored = CurveMetric.allCases.first { metric in own.contains { $0.metric == metric } }
    let chosen = own.filter { $0.metric == scored }
    let shown = chosen.map { Shown(method: $0.method, sparsity: $0.requestedSparsity) }.distinct
    let sizes = Set(chosen.compactMap { Self.place($0)?.length }).sorted()
    let names = chosen.compactMap { Self.place($0)?.name }.distinct
    metric = scored?.title.lowercasedFirst ?? ""
    lengths = sizes.map { grouped($0) }
    maps = shown.map(\.title)
    func cell(_ isWanted: (PlacePoint) -> Bool) -> Cell {
      Self.cell(chosen.filter(isWanted).map(\.estimate), scored)
    }
    func isOf(_ map: Shown, _ point: PlacePoint) -> Bool {
      point.method == map.method && point.requestedSparsity == map.sparsity
    }
    averages = shown.map { map in
      Row(
        name: map.title,
        cells: sizes.map { size in cell { isOf(map, $0) && Self.place($0)?.length == size } })
    }
    isEmpty = shown.isEmpty
    parts = names.map { name in
      Row(
        name: name,
        cells: shown.map { map in cell { isOf(map, $0) && Self.place($0)?.name == name } })
    }
  }

  private static func place(_ point: PlacePoint) -> (name: String, length: Int)? {
    guard case .task(let name, let length) = point.place else { return nil }
    return (name, length)
  }

  /// The mean of estimates; half the width of its interval is the root of the sum of theirs squared, over their number.
  private static func cell(_ estimates: [Estimate], _ metric: CurveMetric?) -> Cell {
    guard let metric, !estimates.isEmpty else { return Cell(value: "–", range: "") }
    let count = Double(estimates.count)
    let mean = estimates.reduce(0) { $0 + $1.value } / count
    let half =
      estimates.reduce(0) { sum, estimate in
        let half = (estimate.high - estimate.low) / 2
        return sum + half * half
      }.squareRoot() / count
    return Cell(value: metric.text(mean), range: "± \(metric.text(half))")
  }
}
