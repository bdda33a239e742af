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
    let ours = points.filter { $0.task == task && $0.seed == nil }
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
    let series = shown(ours, withFull: false).map { map in
      PositionFigure.Series(
        method: map.method, title: map.title,
        points: of(map, .divergence, ours).map { point in
          guard case .part(let from, let to) = point.place else { return (0, point.estimate) }
          return (Double(from + to) / 2, point.estimate)
        })
    }
    let figure = PositionFigure(
      title: "KL from full attention by position, \(task), nats", metric: .divergence,
      series: series)
    return ReportFigures.Figure(name: "places-\(fileName)", svg: figure.svg(theme: theme))
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
