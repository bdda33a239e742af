import Support

/// The figures of a task that tells places apart: needle grids, and losses by position.
struct PlaceFigures {
  let points: [PlacePoint]
  let task: String
  /// The recommended map's method and sparsity, if there is one.
  let recommended: CurvePoint?

  /// A map whose places are shown.
  private struct Shown {
    let method: CurveMethod
    let sparsity: Double
    let title: String
  }

  /// The figure of the task; nil where it has no places.
  func figure(theme: FigureTheme) -> ReportFigures.Figure? {
    let ours = points.filter { point in
      if case .task = point.place { return false }
      return point.task == task && point.seed == nil
    }
    let isGrid = ours.contains { if case .cell = $0.place { true } else { false } }
    guard !ours.isEmpty else { return nil }
    return isGrid ? grids(ours, theme) : positions(ours, theme)
  }

  private func grids(_ ours: [PlacePoint], _ theme: FigureTheme) -> ReportFigures.Figure {
    let panels = shown(ours, withFull: true).map { map in
      let mine = of(map, .tokens, ours)
      return NeedleGridFigure.Panel(
        title: map.title,
        values: mine.reduce(into: [:]) { values, point in
          if case .cell(let length, let depth) = point.place {
            values[NeedleGrid.Cell(length: length, depth: depth)] = point.estimate.value
          }
        })
    }
    let figure = NeedleGridFigure(
      title: "Token accuracy in % by length (across) and depth, \(task)", panels: panels)
    return ReportFigures.Figure(name: "places-\(fileName)", svg: figure.svg(theme: theme))
  }

  private func positions(_ ours: [PlacePoint], _ theme: FigureTheme) -> ReportFigures.Figure {
    let maps = shown(ours, withFull: false)
    let styles = SeriesStyle.styles(for: maps.map(\.method))
    let lines = maps.compactMap { map in
      styles[map.method].map { (map.title, line(of: map, .series($0), ours)) }
    }
    let values = lines.flatMap(\.1.values)
    let last = max((values.map(\.x).max() ?? 1) * 1.06, 1)
    let highest = max((values.map(\.y.high).max() ?? 1) * 1.05, 1e-6)
    let chart = LineChart(
      title: "KL from full attention by position, \(task), nats",
      summary: "\(CurveMetric.divergence.title) by position, for "
        + "\(maps.map(\.title).joined(separator: "; ")).",
      x: LineChart.Axis(
        range: 0...last, ticks: PlotFrame.ticks(0...last, count: 6),
        label: { grouped(Int($0)) }, title: "Position in the text, tokens"),
      y: .decimals(0...highest, count: 5), layers: lines.map { [$0.1] },
      legend: lines.map { .init(label: $0, kind: .line($1.style)) })
    return ReportFigures.Figure(name: "places-\(fileName)", svg: chart.svg(theme: theme))
  }

  /// The loss of a map at the middle of each part, in tokens.
  private func line(
    of map: Shown, _ style: LineStyle, _ ours: [PlacePoint]
  ) -> LineChart.Series {
    let values = of(map, .divergence, ours).map { point in
      var (middle, loss) = (0.0, point.estimate)
      if case .part(let from, let to) = point.place { middle = Double(from + to) / 2 }
      loss.low = max(0, loss.low)
      return LineChart.Value(
        x: middle, y: loss,
        title: "\(map.title) around \(grouped(Int(middle))): "
          + CurveMetric.divergence.text(loss.value))
    }
    return LineChart.Series(
      style: style, values: values.sorted { $0.x < $1.x }, intervals: .band)
  }

  /// Full attention, the recommended layers, single heads and baselines at their sparsity, all streaming.
  private func shown(_ ours: [PlacePoint], withFull: Bool) -> [Shown] {
    let wanted = recommended?.requestedSparsity ?? 0.5
    func at(_ method: CurveMethod) -> Shown? {
      let tried = ours.filter { $0.method == method }.map(\.requestedSparsity)
      let isEnd = method == .full || method == .streaming
      return tried.min { abs($0 - wanted) < abs($1 - wanted) }.map { sparsity in
        Shown(
          method: method, sparsity: sparsity,
          title: method.title + (isEnd ? "" : ", \(percent(sparsity))"))
      }
    }
    let layers = recommended.map { $0.method }
    let others: [CurveMethod] = [.headMixed, .baseline(.alternating), .streaming]
    let maps = (withFull ? [CurveMethod.full] : []) + (layers.map { [$0] } ?? []) + others
    return maps.compactMap(at)
  }

  private func of(_ map: Shown, _ metric: CurveMetric, _ ours: [PlacePoint]) -> [PlacePoint] {
    ours.filter {
      $0.method == map.method && $0.requestedSparsity == map.sparsity && $0.metric == metric
    }
  }

  private var fileName: String { Self.fileName(of: task) }

  /// A task's name as part of a file's name.
  static func fileName(of task: String) -> String {
    String(task.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" })
  }
}
