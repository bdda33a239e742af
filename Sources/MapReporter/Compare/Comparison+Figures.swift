import GateOptimizer
import Support

extension Comparison {
  struct Figure {
    let name: String
    let svg: String
  }

  /// A panel per setting that differs: the first run and those that differ from it in this setting.
  func accuracyFigures(of task: EvaluationTask, theme: FigureTheme) -> [Figure] {
    groups.flatMap { group in
      let runs = group.runs.filter { comparable.contains($0) && !curve($0, task).isEmpty }
      let size = Self.maximumCurves - 1
      return stride(from: 0, to: runs.count, by: size).map { start in
        figure(
          of: Array(runs[start..<min(start + size, runs.count)]), title: group.title, task: task,
          part: start / size, theme: theme)
      }
    }
  }

  /// More lines than this cannot be told apart.
  private static let maximumCurves = 8

  private func figure(
    of others: [Int], title: String, task: EvaluationTask, part: Int, theme: FigureTheme
  ) -> Figure {
    let shown = (comparable.contains(0) ? [0] : []) + others
    let place = tasks.firstIndex { $0.name == task.name } ?? 0
    let suffix = (place == 0 ? "" : "-\(place + 1)") + (part == 0 ? "" : "-part-\(part + 1)")
    let full = shown.first.flatMap { runs[$0].full(task: task.name)?.value }
    let lines = shown.enumerated().map { index, run in
      // Beside each other, so that whiskers at one sparsity can be told apart.
      line(of: run, task, index: index, shift: (Double(index) - Double(shown.count - 1) / 2) * 3)
    }
    let names = shown.map { runs[$0].name }
    let chart = LineChart(
      title: "\(title.capitalizedFirst): layers by \(criterion), \(task.name)",
      summary: "Accuracy on held-out samples against the share of streaming key-value heads, with "
        + "95 % confidence intervals, in the runs \(names.joined(separator: ", ")).",
      height: 210, x: .sparsity, y: .shares(), layers: lines.reversed().map { [$0] },
      references: full.map {
        [.init(value: $0, label: "Full attention \(percent($0, digits: 1))", end: .behind)]
      } ?? [],
      legend: zip(names, lines).map { .init(label: $0, kind: .line($1.style)) })
    return Figure(name: "accuracy-\(fileName(title))\(suffix)", svg: chart.svg(theme: theme))
  }

  /// The curve of a run, the first one heavier: the others are compared with it.
  private func line(
    of run: Int, _ task: EvaluationTask, index: Int, shift: Double
  ) -> LineChart.Series {
    let values = curve(run, task).map { sparsity, accuracy in
      let words = [accuracy.value, accuracy.low, accuracy.high, sparsity]
        .map { percent($0, digits: 1) }
      return LineChart.Value(
        x: sparsity, y: accuracy,
        title: "\(runs[run].name): \(words[0]) (\(words[1]) to \(words[2])) "
          + "at \(words[3]) sparsity")
    }
    return LineChart.Series(
      style: .series(SeriesStyle(index: index), isHeavy: index == 0), values: values,
      intervals: .whiskers, shift: shift)
  }

  private func curve(
    _ run: Int, _ task: EvaluationTask
  ) -> [(sparsity: Double, accuracy: Estimate)] {
    let method = CurveMethod.layers(criterion)
    return runs[run].points.compactMap { point in
      guard point.task == task.name, point.method == method else { return nil }
      return point.accuracy.map { (point.achievedSparsity, $0) }
    }.sorted { $0.0 < $1.0 }
  }

  /// Layer sets of all runs: by every criterion at one half, by the chosen one at the other sparsity.
  func layerFigures(theme: FigureTheme) -> [Figure] {
    let kinds =
      criteria.map { ($0, layerSparsities[0]) }
      + layerSparsities.dropFirst().map { (criterion, $0) }
    return kinds.compactMap { criterion, sparsity in
      let rows: [LayerSetsFigure.Row] = runs.indices.compactMap { run in
        guard let kinds = try? runs[run].layers(by: criterion, sparsity: sparsity) else {
          return nil
        }
        return LayerSetsFigure.Row(
          name: runs[run].name, kinds: kinds,
          overlap: run == 0 ? nil : overlap(of: run, by: criterion, sparsity: sparsity),
          own: runs[run].model?.layersWithOwnWindows ?? [])
      }
      guard !rows.isEmpty else { return nil }
      let name = "layers-\(fileName(criterion.description))-\(fixed(sparsity * 100, 0))"
      return Figure(
        name: name,
        svg: LayerSetsFigure(
          title: "Layers by \(criterion), \(shortPercent(sparsity)) stream", rows: rows
        ).svg(theme: theme))
    }
  }

  /// The overlap of every two runs at one half by the chosen criterion; nil for fewer than three runs,
  /// too many, or models of several shapes.
  func overlapFigure(theme: FigureTheme) -> Figure? {
    guard (3...OverlapFigure.maximumRuns).contains(runs.count) else { return nil }
    let overlaps = runs.indices.map { run in
      runs.indices.compactMap { other in
        overlap(of: run, with: other, by: criterion, sparsity: layerSparsities[0])?.jaccard
      }
    }
    guard overlaps.allSatisfy({ $0.count == runs.count }) else { return nil }
    return Figure(
      name: "overlap",
      svg: OverlapFigure(
        title: "Shared retrieval layers, by \(criterion) at \(percent(layerSparsities[0]))",
        names: runs.map(\.name), overlaps: overlaps
      ).svg(theme: theme))
  }

  /// Letters, digits and hyphens.
  private func fileName(_ text: String) -> String {
    let kept = text.map { character in
      character.isASCII && (character.isLetter || character.isNumber) || character == "."
        ? character : "-"
    }
    return String(kept).split(separator: "-").joined(separator: "-")
  }
}

extension String {
  /// The same words at the beginning of a title.
  var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
