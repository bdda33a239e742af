import Transformer

/// Which figures a report has, and what they are called.
struct ReportFigures {
  struct Figure {
    let name: String
    let svg: String
  }

  let input: ReportInput
  /// What the section on scores of heads shows.
  private let scoreInput: ReportInput
  let recommendation: Recommendation
  let recommendedMap: ReportInput.MapEntry?

  init(_ input: ReportInput) {
    scoreInput = input
    self.input = input.withoutScores
    recommendation = input.recommendation
    let point = recommendation.choice?.point
    recommendedMap = point.flatMap { input.map($0.method, at: $0.requestedSparsity) }
  }

  /// Every figure, for files of their own.
  func all(theme: FigureTheme) -> [Figure] {
    [layers(theme: theme)].compactMap { $0 } + accuracy(theme: theme)
      + elsewhere(theme: theme)
      + [gates(theme: theme), training(theme: theme)].compactMap { $0 } + scores(theme: theme)
  }

  /// The curves of the other deployments, by their place among all.
  private func elsewhere(theme: FigureTheme) -> [Figure] {
    input.deployments.enumerated().dropFirst().flatMap { place, deployed in
      ReportFigures(input.deciding(deployed)).accuracy(theme: theme).map { figure in
        let parts = figure.name.split(separator: "-", maxSplits: 1)
        return Figure(
          name: "\(parts[0])-deployment\(place + 1)-\(parts.count > 1 ? String(parts[1]) : "")",
          svg: figure.svg)
      }
    }
  }

  /// The recommended map as a strip.
  func layers(theme: FigureTheme) -> Figure? {
    recommendedMap?.map.layerFull.map { kinds in
      Figure(
        name: "layers",
        svg: LayerStripFigure(layerFull: kinds, own: input.ownWindows).svg(theme: theme))
    }
  }

  /// The curves of every task.
  func accuracy(theme: FigureTheme) -> [Figure] {
    input.tasks.flatMap { accuracy(of: $0, theme: theme) }
  }

  /// Curves of `task`, the primary metric first, and its places.
  ///
  /// Beyond the primary task a metric that says nearly the same as another is left to the table, and so are
  /// a few methods that were measured at one sparsity.
  func accuracy(of task: String, theme: FigureTheme) -> [Figure] {
    let metrics = CurveMetric.scored(in: input.points.filter { $0.task == task })
    let place = input.tasks.firstIndex(of: task) ?? 0
    let curves = metrics.compactMap { metric -> Figure? in
      guard place == 0 || ![.firstTokens, .perplexity].contains(metric) else { return nil }
      let figure = AccuracyFigure(
        points: input.points, task: task, metric: metric,
        highlighted: recommendation.choice?.point.method, cacheContext: input.contexts[task])
      guard !figure.isEmpty, place == 0 || figure.hasCurve || figure.isCrowded else { return nil }
      return Figure(
        name: "accuracy\(place == 0 ? "" : "-\(place + 1)")-\(metric.rawValue)",
        svg: figure.svg(theme: theme))
    }
    let places = PlaceFigures(
      points: input.places, task: task, recommended: recommendation.choice?.point)
    return curves + [places.figure(theme: theme)].compactMap { $0 }
  }

  /// The gates, with the per-head cut at the recommended sparsity and the recommended map.
  func gates(theme: FigureTheme) -> Figure? {
    guard !input.gates.isEmpty else { return nil }
    let sparsity = recommendation.choice?.point.requestedSparsity
    let cut = sparsity.flatMap { input.map(.headMixed, at: $0) }
    let figure = GateFigure(
      gates: input.gates, kept: cut?.map.heads.rows, layerFull: recommendedMap?.map.layerFull,
      own: input.ownWindows)
    return Figure(name: "gates", svg: figure.svg(theme: theme))
  }

  /// Who finds which heads: all scores on one scale, the accuracy of their maps, and accuracy without their heads.
  func scores(theme: FigureTheme) -> [Figure] {
    guard !scoreInput.scores.isEmpty else { return [] }
    let bands = ScoreBandsFigure(
      title: "Rank of every key-value head", scores: scoreInput.scores)
    let task = scoreInput.primaryTask
    let compared = scoreInput.points.filter { point in
      switch point.method {
      case .scored, .full, .streaming, .headMixed, .searchedHeads, .layers(.search): true
      default: false
      }
    }
    let curves = AccuracyFigure(
      points: compared, task: task, metric: scoreInput.primaryMetric,
      cacheContext: scoreInput.contexts[task])
    let kinds = [
      (HeadMask.Kind.zero, "Masked heads add nothing"), (.uniform, "Masked heads attend alike"),
    ]
    let masks =
      scoreInput.masked.isEmpty
      ? []
      : kinds.map { kind, title in
        Figure(
          name: "scores-masked-\(kind.rawValue)",
          svg: MaskFigure(title: title, points: scoreInput.masked, kind: kind).svg(theme: theme))
      }
    return [Figure(name: "scores-heads", svg: bands.svg(theme: theme))]
      + (curves.hasCurve || curves.isCrowded
        ? [Figure(name: "scores-accuracy", svg: curves.svg(theme: theme))] : [])
      + masks
  }

  /// How much every two scores agree.
  var agreement: AgreementTable { AgreementTable(scoreInput.scores) }

  /// The training curves.
  func training(theme: FigureTheme) -> Figure? {
    input.training.isEmpty
      ? nil
      : Figure(name: "training", svg: TrainingFigure(rows: input.training).svg(theme: theme))
  }
}
